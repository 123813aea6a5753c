//! Nixery's `groupLayers`: the root refers to the packages asked for and to every path whose closure
//! is above 100 MB; each path right below the root takes with it what it dominates. Groups are rated by popularity times
//! the closure sizes of their members, and while there are too many the two lowest are merged, the
//! result staying lowest.
//!
//! There is no popularity data here, so each path has 1, but for the certificates and `iana-etc`,
//! which the original puts above all.

use crate::graph::Graph;
use crate::strategies::{dominators::top_dominators, name};
use std::collections::BTreeMap;

/// The original's budget of layers.
const BUDGET: usize = 94;
/// A closure of more bytes is a group of its own.
const LARGE: u64 = 100_000_000;
/// The popularity of what is in every image.
const IN_EVERY_IMAGE: u128 = 500_000;

/// Layers, highest rated first.
pub(super) fn layers(graph: &Graph, names: &[String], most: usize) -> Vec<Vec<u32>> {
    let knots = graph.knots() as u32;
    let closure: Vec<u64> = (0..knots)
        .map(|knot| {
            (graph.closure(knot).iter())
                .map(|&below| graph.size[below as usize])
                .sum()
        })
        .collect();
    let popularity = |knot: u32| {
        let name = name(graph, names, knot);
        if name.starts_with("nss-cacert") || name.starts_with("iana-etc") {
            IN_EVERY_IMAGE
        } else {
            1
        }
    };
    let at_root: Vec<bool> = (0..knots)
        .map(|knot| {
            graph.users.of(knot as usize).is_empty()
                || closure[knot as usize] > LARGE
                || popularity(knot) >= 100
        })
        .collect();
    let mut groups: BTreeMap<u32, (u128, Vec<u32>)> = BTreeMap::new();
    for (knot, &top) in top_dominators(graph, &at_root).iter().enumerate() {
        let group = groups.entry(top).or_default();
        group.0 += popularity(top) * u128::from(closure[knot]);
        group.1.push(knot as u32);
    }
    let mut groups: Vec<(u128, u32, Vec<u32>)> = (groups.into_iter())
        .map(|(top, (rating, members))| (rating, top, members))
        .collect();
    groups.sort_by(|a, b| {
        (b.0.cmp(&a.0)).then_with(|| name(graph, names, a.1).cmp(name(graph, names, b.1)))
    });
    while groups.len() > most.min(BUDGET) {
        let (Some(lowest), Some(next)) = (groups.pop(), groups.pop()) else {
            break;
        };
        let mut members = lowest.2;
        members.extend(next.2);
        groups.push((lowest.0 + next.0, lowest.1, members));
    }
    groups.into_iter().map(|(_, _, members)| members).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategies::tests::{letters, spelt};

    const LINES: [&str; 5] = ["A B S", "B D S", "D", "C S", "S"];

    #[test]
    fn a_path_takes_with_it_what_it_dominates() {
        let (graph, names) = letters(&LINES, &[]);
        let layers = layers(&graph, &names, 10);
        assert_eq!(spelt(&graph, &names, &layers), ["ABD", "C", "S"]);
    }

    #[test]
    fn large_closures_are_groups_and_the_lowest_are_merged() {
        let (graph, names) = letters(&LINES, &[("D", LARGE + 1)]);
        let three = layers(&graph, &names, 10);
        assert_eq!(spelt(&graph, &names, &three), ["A", "B", "D", "C", "S"]);
        let two = layers(&graph, &names, 3);
        assert_eq!(spelt(&graph, &names, &two), ["A", "B", "CDS"]);
    }
}
