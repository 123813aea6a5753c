//! Other people's planners, from their published descriptions: to compare with, and for those who
//! want them. Each takes the graph with its cycles collapsed and gives layers of knots.
//!
//! Where the originals leave ties to chance (a hash, a map's order), ties go by name here. What the
//! base image has gets no layer, but is in the graph like anything else.

mod auto_layer;
mod dominators;
mod nix2container;
mod nixery;
mod popularity;

use crate::graph::Graph;
use crate::request::Strategy;

/// Layers by the named strategy, none empty, at most `layers`. The planner's own way is not one of them.
pub(crate) fn named(
    strategy: Strategy,
    graph: &Graph,
    names: &[String],
    layers: usize,
) -> Option<Vec<Vec<u32>>> {
    let made = match strategy {
        Strategy::Cost => return None,
        Strategy::Popularity => alone_and_rest(graph, popularity::order(graph, names), layers),
        Strategy::Nix2container => {
            alone_and_rest(graph, nix2container::order(graph, names), layers)
        }
        Strategy::AutoLayer => auto_layer::layers(graph, names, layers),
        Strategy::Nixery => nixery::layers(graph, names, layers),
    };
    Some(only_placed(graph, made))
}

/// All of the named ones.
pub(crate) const NAMED: [Strategy; 4] = [
    Strategy::Popularity,
    Strategy::AutoLayer,
    Strategy::Nix2container,
    Strategy::Nixery,
];

/// The first of the order have a layer each, all others share the last one.
fn alone_and_rest(graph: &Graph, order: Vec<u32>, layers: usize) -> Vec<Vec<u32>> {
    let mut order = order;
    order.retain(|&knot| graph.placed[knot as usize]);
    let alone = order.len().min(layers.saturating_sub(1));
    let rest = order.split_off(alone);
    let mut made: Vec<Vec<u32>> = order.into_iter().map(|knot| vec![knot]).collect();
    made.push(rest);
    made
}

fn only_placed(graph: &Graph, layers: Vec<Vec<u32>>) -> Vec<Vec<u32>> {
    let mut kept: Vec<Vec<u32>> = Vec::with_capacity(layers.len());
    for mut layer in layers {
        layer.retain(|&knot| graph.placed[knot as usize]);
        layer.sort_unstable();
        if !layer.is_empty() {
            kept.push(layer);
        }
    }
    kept
}

/// The name that a knot goes by in ties: its first.
fn name<'a>(graph: &Graph, names: &'a [String], knot: u32) -> &'a str {
    &names[graph.nodes.of(knot as usize)[0] as usize]
}

/// The paths that nothing refers to.
fn roots(graph: &Graph) -> Vec<u32> {
    (0..graph.knots() as u32)
        .filter(|&knot| graph.users.of(knot as usize).is_empty())
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::check::Checked;
    use crate::graph::Graph;
    use crate::request::{Node, Request};

    /// A graph of letters: `"A B C"` says that A refers to B and C. Sizes are given, or 1.
    pub(crate) fn letters(lines: &[&str], sizes: &[(&str, u64)]) -> (Graph, Vec<String>) {
        let nodes = lines.iter().map(|line| {
            let mut words = line.split(' ');
            let path = words.next().unwrap().to_owned();
            let size = sizes.iter().find(|(name, _)| *name == path);
            Node {
                size: size.map_or(1, |(_, size)| *size),
                path,
                name: None,
                references: words.map(str::to_owned).collect(),
                volatility: None,
                weight: None,
            }
        });
        let request = Request {
            nodes: nodes.collect(),
            ..Request::default()
        };
        let checked = Checked::new(&request).unwrap();
        (Graph::new(&request, &checked), checked.names)
    }

    /// The layers as letters.
    pub(crate) fn spelt(graph: &Graph, names: &[String], layers: &[Vec<u32>]) -> Vec<String> {
        let mut spelt: Vec<String> = Vec::new();
        for layer in layers {
            let mut letters: Vec<&str> = (layer.iter())
                .map(|&knot| super::name(graph, names, knot))
                .collect();
            letters.sort_unstable();
            spelt.push(letters.concat());
        }
        spelt
    }
}
