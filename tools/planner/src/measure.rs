//! What a partition moves when certain paths change, exactly.

use crate::construct::Layers;
use crate::graph::Graph;
use crate::request::ChangeModel;

/// The knots whose bytes change when those of `changed` do, ascending.
pub(crate) fn affected(graph: &Graph, changes: ChangeModel, changed: &[u32]) -> Vec<u32> {
    match changes {
        ChangeModel::Nix => graph.with_users(changed),
        ChangeModel::Runfiles => {
            let mut own = changed.to_vec();
            own.sort_unstable();
            own.dedup();
            own
        }
    }
}

/// The layers that move, by number, ascending.
pub(crate) fn moved(layers: &Layers, affected: &[u32]) -> Vec<usize> {
    (0..layers.len())
        .filter(|&at| {
            layers[at]
                .iter()
                .any(|knot| affected.binary_search(knot).is_ok())
        })
        .collect()
}

/// The bytes of these knots.
pub(crate) fn size(graph: &Graph, knots: &[u32]) -> u64 {
    knots.iter().map(|&knot| graph.size[knot as usize]).sum()
}
