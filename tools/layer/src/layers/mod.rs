//! Several layers in one run: from a graph of paths to a plan, and from each layer of the plan to a
//! request of its own, which is then done as any other.
//!
//! So a layer that is made here has the bytes that it has where its request is given to `layer` by
//! itself: a thin image is pushed by doing just that.
//!
//! Invariant: each file is read by one layer, once.

mod graph;
mod write;

pub(crate) use write::write;

use crate::error::{Error, Result};
use crate::request::{Graph, Layers};
use action::Outputs;
use graph::Closure;
use oci::receipt::{ImageReceipt, LayersReceipt};
use planner::{ChangeModel, Explanation, Limits, Plan, Previous};
use std::path::PathBuf;

/// The most bytes of a plan that is read.
const PLAN: u64 = 64 << 20;

/// Layers, and what each is made of.
pub(crate) struct Planned {
    /// Nothing where no path wants a layer.
    planned: Option<planner::Planned>,
    closure: Closure,
}

impl Planned {
    /// The plan, as it is checked in.
    pub(crate) fn plan(&self) -> Plan {
        match &self.planned {
            Some(planned) => planned.plan.clone(),
            None => Plan::empty(),
        }
    }

    /// Why each path is where it is.
    pub(crate) fn explain(&self) -> Explanation {
        match &self.planned {
            Some(planned) => planned.explain(),
            None => Explanation::empty(),
        }
    }

    /// For each layer its key and the places of its nodes.
    fn layers(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.planned.iter().flat_map(|planned| {
            let keys = planned.plan.layers.iter().map(|layer| layer.key.as_str());
            keys.zip(planned.members.iter().map(Vec::as_slice))
        })
    }
}

/// How many layers some receipts tell of.
fn count(receipts: &[PathBuf]) -> Result<u32> {
    let mut sum = 0usize;
    for path in receipts {
        let bytes = files::read_at_most(path, PLAN)?;
        let of_layers = LayersReceipt::read(&bytes).map(|receipt| receipt.layers.len());
        sum += match of_layers {
            Ok(count) => count,
            // The other kind says what is wrong with it.
            Err(_) => match ImageReceipt::read(&bytes) {
                Ok(receipt) => receipt.root.layers(),
                Err(source) => {
                    let path = path.clone();
                    return Err(Error::Below { path, source });
                }
            },
        };
    }
    Ok(u32::try_from(sum).unwrap_or(u32::MAX))
}

/// Plans the layers of a request.
///
/// # Errors
/// A graph that can't be read or is none; [`Error::NotInGraph`]; what the planner refuses.
pub(crate) fn plan(request: &Layers, outputs: &Outputs) -> Result<Planned> {
    request.codec.check()?;
    let closure = Closure::read(request, &outputs.out)?;
    let options = &request.planning;
    let previous = match &options.previous {
        None => None,
        Some(path) => {
            let bytes = files::read_at_most(path, PLAN)?;
            let plan = serde_json::from_slice(&bytes).map_err(|source| Error::Plan {
                path: path.clone(),
                source,
            })?;
            Some(Previous {
                plan,
                changed: options.changed.clone(),
                horizon: options.horizon,
            })
        }
    };
    if closure.wants_nothing() {
        return Ok(Planned {
            planned: None,
            closure,
        });
    }
    let change_model = options.change_model.unwrap_or(match request.graph {
        Graph::Nix(_) => ChangeModel::Nix,
        Graph::Nodes(_) => ChangeModel::Runfiles,
    });
    let planned = planner::plan(&planner::Request {
        nodes: closure.nodes.clone(),
        limits: Limits {
            max_layers: options.max_layers,
            base_layers: options.base_layers.saturating_add(count(&options.below)?),
            min_layer_size: options.min_layer_size,
        },
        base_paths: closure.elsewhere.clone(),
        change_model,
        hints: options.hints.clone(),
        previous,
        budgets: options.budgets.clone(),
        strategy: options.strategy,
    })
    .map_err(|source| Error::Planner { source })?;
    Ok(Planned {
        planned: Some(planned),
        closure,
    })
}
