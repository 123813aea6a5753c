//! nix2container: a path's popularity is the number of ways that lead to it from anywhere. The
//! original breaks ties by hash, so that a rebuild reshuffles them; here they go by name.
//!
//! Counts are exact up to 2^128 and equal above.

use crate::graph::Graph;
use crate::strategies::name;

/// The knots, most popular first.
pub(super) fn order(graph: &Graph, names: &[String]) -> Vec<u32> {
    let mut ways = vec![1u128; graph.knots()];
    for knot in (0..graph.knots()).rev() {
        for &below in graph.references.of(knot) {
            ways[below as usize] = ways[below as usize].saturating_add(ways[knot]);
        }
    }
    let mut order: Vec<u32> = (0..graph.knots() as u32).collect();
    order.sort_by(|&a, &b| {
        (ways[b as usize].cmp(&ways[a as usize]))
            .then_with(|| name(graph, names, a).cmp(name(graph, names, b)))
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategies::tests::{letters, spelt};

    #[test]
    fn ways_are_counted() {
        // A 1, B 2, C 2, D 5 (itself, two through B, two through C), E 6.
        let (graph, names) = letters(&["A B C", "B D", "C D", "D E", "E"], &[]);
        let layers = crate::strategies::alone_and_rest(&graph, order(&graph, &names), 4);
        assert_eq!(spelt(&graph, &names, &layers), ["E", "D", "B", "AC"]);
    }
}
