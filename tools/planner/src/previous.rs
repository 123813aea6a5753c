//! The plan of the release before, seen from this release's graph.

use crate::agglomerate::Group;
use crate::check::Checked;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::output::{KIND, VERSION};
use crate::request::{ChangeModel, Request};
use crate::sticky::Before;
use std::collections::BTreeMap;

/// The most changes that a horizon may reach.
const HORIZON: u32 = 1000;

/// Where everything was.
pub(crate) struct Homes {
    /// For each node the layer that had its name.
    pub(crate) of_node: Vec<Option<u32>>,
    /// The keys of the previous layers.
    pub(crate) keys: Vec<String>,
    /// How many names each had.
    members: Vec<usize>,
    /// For each node whether its bytes are other ones, or new.
    pub(crate) other: Vec<bool>,
    horizon: u32,
}

impl Homes {
    /// Nothing where the request has no previous plan.
    ///
    /// # Errors
    /// [`Error::PlanVersion`], [`Error::PlanDuplicate`], [`Error::OutOfBounds`].
    pub(crate) fn new(request: &Request, checked: &Checked, graph: &Graph) -> Result<Option<Self>> {
        let Some(previous) = &request.previous else {
            return Ok(None);
        };
        let plan = &previous.plan;
        if plan.kind != KIND || plan.version != VERSION {
            return Err(Error::PlanVersion {
                found: plan.kind.clone(),
                version: plan.version,
            });
        }
        if !(1..=HORIZON).contains(&previous.horizon) {
            return Err(Error::OutOfBounds {
                what: "the horizon".to_owned(),
                given: previous.horizon,
                largest: HORIZON,
            });
        }
        let mut by_name: BTreeMap<&str, u32> = BTreeMap::new();
        for (at, layer) in plan.layers.iter().enumerate() {
            for name in &layer.members {
                if let Some(first) = by_name.insert(name, at as u32) {
                    return Err(Error::PlanDuplicate {
                        name: name.clone(),
                        first: plan.layers[first as usize].key.clone(),
                        second: layer.key.clone(),
                    });
                }
            }
        }
        let of_node: Vec<Option<u32>> = (checked.names.iter())
            .map(|name| by_name.get(name.as_str()).copied())
            .collect();
        // What is new counts as changed, for its users refer to it since. What the base has was in no
        // layer, and is not new for that.
        let is_other = |node: usize| {
            let path = &request.nodes[checked.places[node]].path;
            let told = previous.changed.as_ref();
            let is_new = of_node[node].is_none() && !request.base_paths.contains(path);
            is_new || told.is_some_and(|told| told.contains(&checked.names[node]))
        };
        let mut other: Vec<bool> = (0..of_node.len()).map(is_other).collect();
        if request.change_model == ChangeModel::Nix {
            let changed: Vec<u32> = (0..other.len())
                .filter(|&node| other[node])
                .map(|node| graph.knot[node])
                .collect();
            for knot in graph.with_users(&changed) {
                for &node in graph.nodes.of(knot as usize) {
                    other[node as usize] = true;
                }
            }
        }
        Ok(Some(Self {
            of_node,
            keys: plan.layers.iter().map(|layer| layer.key.clone()).collect(),
            members: plan
                .layers
                .iter()
                .map(|layer| layer.members.len())
                .collect(),
            other,
            horizon: previous.horizon,
        }))
    }

    /// The layer where a knot was: its first node's that was anywhere.
    pub(crate) fn of_knot(&self, graph: &Graph, knot: u32) -> Option<u32> {
        (graph.nodes.of(knot as usize).iter()).find_map(|&node| self.of_node[node as usize])
    }

    /// The previous layers that can be kept as they are.
    pub(crate) fn before(&self, graph: &Graph, all: &[Group]) -> Before {
        let mut groups: Vec<Vec<u32>> = vec![Vec::new(); self.keys.len()];
        let mut nodes = vec![0usize; self.keys.len()];
        let mut same = vec![true; self.keys.len()];
        for (number, group) in all.iter().enumerate() {
            let Some(home) = group.home.map(|home| home as usize) else {
                continue;
            };
            groups[home].push(number as u32);
            for &knot in &group.knots {
                for &node in graph.nodes.of(knot as usize) {
                    nodes[home] += 1;
                    same[home] &= self.of_node[node as usize] == Some(home as u32)
                        && !self.other[node as usize];
                }
            }
        }
        let intact = (groups.into_iter().enumerate())
            .map(|(at, groups)| (same[at] && nodes[at] == self.members[at]).then_some(groups))
            .collect();
        Before {
            intact,
            horizon: f64::from(self.horizon),
        }
    }

    /// Whether these nodes are one previous layer, to the last byte.
    pub(crate) fn is_intact(&self, nodes: &[u32]) -> bool {
        let Some(home) = nodes.first().and_then(|&node| self.of_node[node as usize]) else {
            return false;
        };
        nodes.len() == self.members[home as usize]
            && (nodes.iter()).all(|&node| {
                self.of_node[node as usize] == Some(home) && !self.other[node as usize]
            })
    }
}
