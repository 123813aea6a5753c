//! Why each path sits where it does, and what it moves.

use crate::cost::Chance;
use crate::measure::{affected, moved, size};
use crate::model::Set;
use crate::output::Expected;
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
    /// It moves more often than its bytes change: so many of its bytes are moved in vain by one change of a path,
    /// on average and in thousandths of a byte.
    Shares {
        /// Thousandths of a byte, for one change of any path.
        in_vain: u64,
        /// The layer that would be next best, and how much more the whole plan would move, in the same measure.
        next: Option<Next>,
    },
}

/// The layer where a path could be as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Next {
    /// Its key.
    pub layer: String,
    /// Thousandths of a byte that one change of any path would move more; below 0 where other kinds
    /// of change, a minimum size or the previous plan speak against it.
    pub added: i64,
}

impl Planned {
    /// Explains every path.
    pub fn explain(&self) -> Explanation {
        let sets: Vec<Set> = (self.layers.iter())
            .map(|layer| self.model.union(&self.graph, layer))
            .collect();
        let mut paths = Vec::with_capacity(self.names.len());
        for (at, nodes) in self.nodes.iter().enumerate() {
            for &node in nodes {
                let knot = self.graph.knot[node as usize];
                paths.push(PathExplanation {
                    name: self.names[node as usize].clone(),
                    layer: self.plan.layers[at].key.clone(),
                    size: self.graph.size[knot as usize],
                    reason: self.reason(&sets, at, knot),
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

    fn reason(&self, sets: &[Set], at: usize, knot: u32) -> Reason {
        if self.layers[at].len() == 1 {
            return Reason::Alone;
        }
        let own = self.model.set(&self.graph, knot);
        let bytes = |size: u64, chance: Chance| size as f64 * chance.any;
        let in_vain = bytes(own.size, self.model.chance(&sets[at]))
            - bytes(own.size, self.model.chance(&own));
        let thousandths = |bytes: f64| (bytes * 1000.0).round();
        if thousandths(in_vain) <= 0.0 {
            return Reason::ChangesWithTheLayer;
        }
        let rest: Vec<u32> = (self.layers[at].iter().copied())
            .filter(|&other| other != knot)
            .collect();
        let rest = self.model.union(&self.graph, &rest);
        let saved = bytes(sets[at].size, self.model.chance(&sets[at]))
            - bytes(rest.size, self.model.chance(&rest));
        let next = (0..sets.len())
            .filter(|&other| other != at)
            .map(|other| {
                let with = bytes(
                    sets[other].size + own.size,
                    self.model.chance_of_both(&sets[other], &own),
                );
                let added = with - bytes(sets[other].size, self.model.chance(&sets[other]));
                (added - saved, other)
            })
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
            .map(|(added, other)| Next {
                layer: self.plan.layers[other].key.clone(),
                added: thousandths(added) as i64,
            });
        Reason::Shares {
            in_vain: thousandths(in_vain) as u64,
            next,
        }
    }
}
