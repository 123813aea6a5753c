//! The order of layers and their keys.
//!
//! Registries share blobs in any order, but a node that unpacks layers on top of each other shares only a
//! common beginning. So the order is one that other images have too: it goes by what lies *below* a
//! layer, which is the same in every image, and never by what depends on it.
use crate::construct::Layers;
use crate::graph::Graph;
use crate::hints::Weights;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Sorts the layers: by how often they change as hints say, then by the longest way down, then by key.
/// Returns their keys.
pub(crate) fn order(
    graph: &Graph,
    weights: &Weights,
    layers: Layers,
    keys: Vec<String>,
) -> (Layers, Vec<String>) {
    let mut all: Vec<_> = (layers.into_iter().zip(keys))
        .map(|(layer, key)| {
            let volatility = (layer.iter())
                .map(|&knot| weights.volatility[knot as usize])
                .max();
            let depth = layer.iter().map(|&knot| graph.depth[knot as usize]).max();
            (volatility, depth, key, layer)
        })
        .collect();
    all.sort_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
    all.into_iter()
        .map(|(_, _, key, layer)| (layer, key))
        .unzip()
}

/// The keys of layers, each given as its nodes and the key it had. One that had none is called by
/// its largest node of which no layer is called so far, ties by name.
pub(crate) fn keys(
    names: &[String],
    layers: &[(Vec<u32>, Option<&str>)],
    size: impl Fn(u32) -> u64,
) -> Vec<String> {
    let mut taken: BTreeSet<&str> = layers.iter().filter_map(|(_, old)| *old).collect();
    let mut keys = Vec::with_capacity(layers.len());
    for (nodes, old) in layers {
        if let Some(old) = old {
            keys.push((*old).to_owned());
            continue;
        }
        let free = (nodes.iter().copied())
            .filter(|&node| !taken.contains(names[node as usize].as_str()))
            .max_by_key(|&node| (size(node), Reverse(node)));
        let node = free.or_else(|| nodes.first().copied());
        let name = node.map_or("", |node| names[node as usize].as_str());
        let mut key = name.to_owned();
        // All of its names are keys of layers where they were once: a number tells them apart.
        let mut number = 2;
        while free.is_none() && (taken.contains(key.as_str()) || keys.contains(&key)) {
            key = format!("{name}#{number}");
            number += 1;
        }
        taken.insert(name);
        keys.push(key);
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_called_by_its_largest_node_or_as_it_was() {
        let names = ["a", "b", "c", "d"].map(str::to_owned);
        let size = |node: u32| [5, 5, 9, 1][node as usize];
        let keys = |layers: &[(Vec<u32>, Option<&str>)]| keys(&names, layers, size);
        assert_eq!(keys(&[(vec![0, 1], None), (vec![2, 3], None)]), ["a", "c"]);
        // The second goes on under its key, though that is the largest node of the first now.
        assert_eq!(
            keys(&[(vec![0, 2], None), (vec![1, 3], Some("c"))]),
            ["a", "c"]
        );
        assert_eq!(
            keys(&[(vec![2], None), (vec![1, 3], Some("c"))]),
            ["c#2", "c"]
        );
    }
}
