//! Checks what a plan may move at most.

use crate::construct::Layers;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::hints::Weights;
use crate::measure::{affected, moved, size};
use crate::request::{Change, Request};

/// What the checks look at.
pub(crate) struct Checks<'a> {
    pub(crate) request: &'a Request,
    pub(crate) graph: &'a Graph,
    pub(crate) weights: &'a Weights,
    pub(crate) names: &'a [String],
    pub(crate) layers: &'a Layers,
    pub(crate) keys: &'a [String],
    /// The knots whose bytes are other than in the previous release.
    pub(crate) updated: &'a [u32],
    /// For each layer whether the previous release has it to the last byte.
    pub(crate) intact: &'a [bool],
}

impl Checks<'_> {
    /// # Errors
    /// [`Error::Budget`], [`Error::UnknownName`].
    pub(crate) fn run(&self) -> Result<()> {
        for budget in &self.request.budgets {
            match &budget.change {
                Change::Application => {
                    let worst = (0..self.graph.knots() as u32)
                        .filter(|&knot| self.weights.application[knot as usize])
                        .map(|knot| (self.moves(&[knot]), knot))
                        .max_by_key(|(moves, knot)| (moves.bytes, std::cmp::Reverse(*knot)));
                    if let Some((moves, knot)) = worst {
                        let node = self.graph.nodes.of(knot as usize)[0];
                        let change = format!("the application `{}`", self.names[node as usize]);
                        self.check(change, moves, budget.max_bytes)?;
                    }
                }
                Change::Names(names) => {
                    let mut knots = Vec::new();
                    for name in names {
                        let node =
                            self.names
                                .binary_search(name)
                                .map_err(|_| Error::UnknownName {
                                    what: "a budget",
                                    name: name.clone(),
                                })?;
                        knots.push(self.graph.knot[node]);
                    }
                    let listed: Vec<String> =
                        names.iter().map(|name| format!("`{name}`")).collect();
                    self.check(listed.join(", "), self.moves(&knots), budget.max_bytes)?;
                }
                Change::Update => {
                    let layers: Vec<usize> = (0..self.layers.len())
                        .filter(|&at| !self.intact[at])
                        .collect();
                    let moves = self.of_layers(layers, size(self.graph, self.updated));
                    let change = "the release before into this one".to_owned();
                    self.check(change, moves, budget.max_bytes)?;
                }
            }
        }
        Ok(())
    }

    fn moves(&self, changed: &[u32]) -> Moves {
        let affected = affected(self.graph, self.request.change_model, changed);
        let layers = moved(self.layers, &affected);
        self.of_layers(layers, size(self.graph, &affected))
    }

    fn of_layers(&self, layers: Vec<usize>, unavoidable: u64) -> Moves {
        let mut layers: Vec<(String, u64)> = (layers.into_iter())
            .map(|at| (self.keys[at].clone(), size(self.graph, &self.layers[at])))
            .collect();
        layers.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        Moves {
            bytes: layers.iter().map(|(_, size)| size).sum(),
            unavoidable,
            layers,
        }
    }

    fn check(&self, change: String, moves: Moves, max: u64) -> Result<()> {
        if moves.bytes <= max {
            return Ok(());
        }
        Err(Error::Budget {
            change,
            moved: moves.bytes,
            max,
            unavoidable: moves.unavoidable,
            layers: moves.layers,
        })
    }
}

struct Moves {
    bytes: u64,
    unavoidable: u64,
    layers: Vec<(String, u64)>,
}
