//! Finds layers: several constructions, each improved, and the cheapest of them.
//!
//! In a graph small enough that every path has its own column, the named strategies are starting
//! points too, so the plan never costs more than the best of them. In a larger one groups of paths
//! that `coarsen` has brought together move as one.

use crate::agglomerate::{Group, agglomerate};
use crate::coarsen::coarsen;
use crate::graph::Graph;
use crate::model::Model;
use crate::partition::{Slot, total};
use crate::refine::{Bounds, refine};
use crate::sample::EXACT;
use crate::strategies::{NAMED, named};

/// How many groups a large graph is brought down to.
const COARSE: usize = 1024;

/// In a graph of more knots a named strategy's layers are improved only if they are cheaper as they are.
const MANY: usize = 512;

/// A partition of the knots that need a layer, each layer ascending.
pub(crate) type Layers = Vec<Vec<u32>>;

/// The groups that move as one: single knots in a small graph.
/// `home` gives each knot's layer in the previous plan.
pub(crate) fn groups(
    graph: &Graph,
    model: &Model,
    home: impl Fn(u32) -> Option<u32>,
) -> Vec<Group> {
    let single: Vec<Group> = (graph.to_place().into_iter())
        .map(|knot| {
            let set = model.set(graph, knot);
            Group::new(model, vec![knot], set, home(knot))
        })
        .collect();
    if single.len() > EXACT {
        coarsen(graph, model, single, COARSE)
    } else {
        single
    }
}

/// The layers of the named strategies, where every path stands for itself and there are too many for
/// a layer each.
pub(crate) fn rivals(
    graph: &Graph,
    names: &[String],
    groups: &[Group],
    bounds: Bounds,
) -> Vec<Layers> {
    if groups.iter().any(|group| group.knots.len() > 1) || groups.len() <= bounds.layers {
        return Vec::new();
    }
    (NAMED.iter())
        .filter_map(|&strategy| named(strategy, graph, names, bounds.layers))
        .collect()
}

/// The cheapest layers that are found within the bounds, from merging and from what others do.
pub(crate) fn cheapest(
    model: &Model,
    groups: &[Group],
    rivals: &[Layers],
    bounds: Bounds,
) -> Vec<Slot> {
    let mut best = from_merging(model, groups, bounds);
    refine(model, groups, &mut best, bounds);
    for layers in rivals {
        let mut other = slots_of(model, groups, layers);
        if groups.len() > MANY && total(&other) >= total(&best) {
            continue;
        }
        refine(model, groups, &mut other, bounds);
        if total(&other) < total(&best) {
            best = other;
        }
    }
    best
}

fn from_merging(model: &Model, groups: &[Group], bounds: Bounds) -> Vec<Slot> {
    let numbered = (groups.iter().enumerate())
        .map(|(at, group)| Group {
            knots: vec![at as u32],
            ..group.clone()
        })
        .collect();
    agglomerate(model, numbered, bounds.layers)
        .into_iter()
        .map(|merged| Slot::new(model, groups, merged.knots))
        .collect()
}

/// Layers of knots as slots, where every group is one knot.
pub(crate) fn slots_of(model: &Model, groups: &[Group], layers: &Layers) -> Vec<Slot> {
    let number = |knot: u32| groups.partition_point(|group| group.knots[0] < knot) as u32;
    (layers.iter())
        .map(|layer| {
            let members = layer.iter().map(|&knot| number(knot)).collect();
            Slot::new(model, groups, members)
        })
        .collect()
}

/// Slots as layers of knots.
pub(crate) fn layers_of(groups: &[Group], slots: &[Slot]) -> Layers {
    (slots.iter())
        .map(|slot| {
            let mut knots: Vec<u32> = (slot.groups.iter())
                .flat_map(|&group| groups[group as usize].knots.iter().copied())
                .collect();
            knots.sort_unstable();
            knots
        })
        .collect()
}
