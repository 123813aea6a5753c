//! Why each path sits where it does, and what it moves.

use crate::agglomerate::Group;
use crate::measure::{affected, moved, size};
use crate::output::Expected;
use crate::partition::Slot;
use crate::planning::Planned;
use crate::sample::EXACT;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The explanation of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// What each kind of change moves on average.
    pub expected: Expected,
    /// Every path, in the order of the plan.
    pub paths: Vec<PathExplanation>,
}

impl Explanation {
    /// The explanation of a plan without layers.
    pub fn empty() -> Self {
        Self {
            expected: Expected::default(),
            paths: Vec::new(),
        }
    }
}

/// The explanation of one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathExplanation {
    /// Its name.
    pub name: String,
    /// The key of its layer.
    pub layer: String,
    /// Its own size.
    pub size: u64,
    /// Why it is there.
    pub reason: Reason,
    /// The bytes that all layers together move when it changes; only in graphs of at most 2048 paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moves: Option<u64>,
}

/// Why a path is in its layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reason {
    /// It has the layer for itself.
    Alone,
    /// The layer moves only when this path's own bytes change.
    ChangesWithTheLayer,
    /// It moves more often than its bytes change. All figures are for a thousand changes of one path each.
    Shares {
        /// How many of its bytes are moved in vain.
        in_vain: u64,
        /// The layer that would be next best.
        next: Option<Next>,
    },
}

/// The layer where a path could be as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Next {
    /// Its key.
    pub layer: String,
    /// How many bytes more all layers together would move in a thousand changes; below 0 where other
    /// kinds of change, a minimum size or the previous plan speak against it.
    pub added: i64,
}

impl Planned {
    /// Explains every path.
    pub fn explain(&self) -> Explanation {
        let single: Vec<Group> = (0..self.graph.knots() as u32)
            .map(|knot| {
                let set = self.model.set(&self.graph, knot);
                Group::new(&self.model, vec![knot], set, None)
            })
            .collect();
        let slots: Vec<Slot> = (self.layers.iter())
            .map(|layer| Slot::new(&self.model, &single, layer.clone()))
            .collect();
        let mut paths = Vec::with_capacity(self.names.len());
        for (at, nodes) in self.nodes.iter().enumerate() {
            for &node in nodes {
                let knot = self.graph.knot[node as usize];
                paths.push(PathExplanation {
                    name: self.names[node as usize].clone(),
                    layer: self.plan.layers[at].key.clone(),
                    size: self.graph.size[knot as usize],
                    reason: self.reason(&slots, at, &single[knot as usize]),
                    moves: self.moves(knot),
                });
            }
        }
        Explanation {
            expected: self.plan.expected,
            paths,
        }
    }

    fn moves(&self, knot: u32) -> Option<u64> {
        (self.graph.knots() <= EXACT).then(|| {
            let affected = affected(&self.graph, self.changes, &[knot]);
            (moved(&self.layers, &affected).into_iter())
                .map(|at| size(&self.graph, &self.layers[at]))
                .sum()
        })
    }

    fn reason(&self, slots: &[Slot], at: usize, path: &Group) -> Reason {
        if self.layers[at].len() == 1 {
            return Reason::Alone;
        }
        let here = self.model.chance(&slots[at].set);
        let size = path.set.size as f64;
        let thousand = |bytes: f64| (bytes * 1000.0).round();
        let in_vain = thousand(size * (here.any - self.model.chance(&path.set).any));
        if in_vain <= 0.0 {
            return Reason::ChangesWithTheLayer;
        }
        let left = slots[at].set.size as f64 - size;
        let saved = slots[at].set.size as f64 * here.any
            - left * slots[at].chance_without(&self.model, path).any;
        let next = (0..slots.len())
            .filter(|&other| other != at)
            .map(|other| {
                let there = &slots[other].set;
                let with = self.model.chance_of_both(there, &path.set).any;
                let added = (there.size as f64 + size) * with
                    - there.size as f64 * self.model.chance(there).any;
                (added - saved, other)
            })
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
            .map(|(added, other)| Next {
                layer: self.plan.layers[other].key.clone(),
                added: thousand(added) as i64,
            });
        Reason::Shares {
            in_vain: in_vain as u64,
            next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Node, Request, plan};

    fn explained(layers: u32) -> Vec<PathExplanation> {
        let node = |path: &str, size, references: &[&str]| Node {
            path: path.to_owned(),
            name: None,
            size,
            references: references.iter().map(|&path| path.to_owned()).collect(),
            volatility: None,
            weight: None,
        };
        let request = Request {
            nodes: vec![
                node("app", 10, &["lib", "data"]),
                node("data", 500, &[]),
                node("lib", 200, &["libc"]),
                node("libc", 3000, &[]),
            ],
            limits: Limits {
                max_layers: layers,
                ..Limits::default()
            },
            ..Request::default()
        };
        plan(&request).unwrap().explain().paths
    }

    #[test]
    fn alone_it_moves_what_depends_on_it() {
        let paths = explained(4);
        let found: Vec<(&str, Option<u64>)> = paths
            .iter()
            .map(|path| (path.name.as_str(), path.moves))
            .collect();
        let libc = ("libc", Some(3210));
        assert!(
            found.contains(&libc) && found.contains(&("app", Some(10))),
            "{found:?}"
        );
        assert!(paths.iter().all(|path| path.reason == Reason::Alone));
    }

    #[test]
    fn in_company_it_says_what_that_costs() {
        let paths = explained(3);
        let lib = paths.iter().find(|path| path.name == "lib").unwrap();
        let data = paths.iter().find(|path| path.name == "data").unwrap();
        // One of four changes is libc's, one lib's, one data's: 3 of 4 move the layer of lib and data.
        assert_eq!(lib.layer, data.layer);
        let Reason::Shares { in_vain, next } = &lib.reason else {
            panic!("{:?}", lib.reason);
        };
        assert_eq!(*in_vain, 200 * 250);
        // With libc: 3200 bytes in 2 of 4 changes and data's 500 in 1, not 700 in 3 and 3000 in 1.
        let next = next.as_ref().unwrap();
        assert_eq!(next.layer, "app");
        assert!(next.added != 0);
    }
}
