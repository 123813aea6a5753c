//! dockerTools until 2024 (nixpkgs, `closure-graph.py`): the graph is unfolded into a tree; a path's
//! score is 1 where it stands, and what stands in a child's table is taken over with 1 added. So a
//! score grows with the number of ways to a path and with its depth. Highest first, ties by name.
//!
//! Scores are exact up to 2^128 and equal above, where the original's numbers go on.

use crate::graph::Graph;
use crate::strategies::{name, roots};

/// The knots, most popular first.
pub(super) fn order(graph: &Graph, names: &[String]) -> Vec<u32> {
    let scores = scores(graph);
    let mut order: Vec<u32> = (0..graph.knots() as u32).collect();
    order.sort_by(|&a, &b| {
        (scores[b as usize].cmp(&scores[a as usize]))
            .then_with(|| name(graph, names, a).cmp(name(graph, names, b)))
    });
    order
}

fn scores(graph: &Graph) -> Vec<u128> {
    let roots = roots(graph);
    // What the table of each knot above the target says of the target: 0 where it is not in it.
    let mut table = vec![0u128; graph.knots()];
    let taken_over = |table: &[u128], knot: u32, target: u32| match table[knot as usize] {
        0 => u128::from(knot == target),
        score => score.saturating_add(1),
    };
    (0..graph.knots() as u32)
        .map(|target| {
            let above = graph.with_users(&[target]);
            // Numbers rise upwards, and the first is the target itself, whose table lacks it.
            for &knot in &above[1..] {
                table[knot as usize] = (graph.references.of(knot as usize).iter())
                    .map(|&below| taken_over(&table, below, target))
                    .fold(0, u128::saturating_add);
            }
            let score = (roots.iter())
                .map(|&root| taken_over(&table, root, target))
                .fold(0, u128::saturating_add);
            for &knot in &above {
                table[knot as usize] = 0;
            }
            score
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategies::tests::{letters, spelt};

    #[test]
    fn the_published_example_has_its_scores() {
        let (graph, names) = letters(&["foo bar baz", "bar baz", "baz tux", "tux"], &[]);
        let scores = scores(&graph);
        let score = |name: &str| {
            let node = names.iter().position(|other| other == name).unwrap();
            scores[graph.knot[node] as usize]
        };
        assert_eq!(["foo", "bar", "baz", "tux"].map(score), [1, 2, 4, 6]);
    }

    #[test]
    fn the_least_popular_share_the_last_layer() {
        let (graph, names) = letters(&["A B G", "B C", "C D", "D E", "E F", "G F", "F"], &[]);
        let layers = crate::strategies::alone_and_rest(&graph, order(&graph, &names), 4);
        assert_eq!(spelt(&graph, &names, &layers), ["F", "E", "D", "ABCG"]);
    }
}
