//! dockerTools since 2024 (`auto-layer`): paths become *primary*, largest first, and a path's layer is the set
//! of primaries that need it and have no other of them in between. The first primary with
//! which there would be too many layers ends it.

use crate::graph::Graph;
use crate::strategies::name;
use std::collections::BTreeMap;

/// Layers, that of the most bytes below it last.
pub(super) fn layers(graph: &Graph, names: &[String], most: usize) -> Vec<Vec<u32>> {
    let mut order: Vec<u32> = (0..graph.knots() as u32).collect();
    order.sort_by(|&a, &b| {
        (graph.size[b as usize].cmp(&graph.size[a as usize]))
            .then_with(|| name(graph, names, a).cmp(name(graph, names, b)))
    });
    let mut owners: Vec<Vec<u32>> = vec![Vec::new(); graph.knots()];
    let mut sets: BTreeMap<Vec<u32>, usize> = BTreeMap::from([(Vec::new(), graph.knots())]);
    for primary in order {
        let below = graph.closure(primary);
        let above = graph.with_users(&[primary]);
        let mut changed: Vec<(u32, Vec<u32>)> = vec![(primary, vec![primary])];
        for &knot in below.iter().filter(|&&knot| knot != primary) {
            let mut set = owners[knot as usize].clone();
            // The new one is nearer than the primaries that need it.
            set.retain(|owner| above.binary_search(owner).is_err());
            if set.iter().all(|owner| below.binary_search(owner).is_err()) {
                let at = set.partition_point(|&owner| owner < primary);
                set.insert(at, primary);
            }
            if set != owners[knot as usize] {
                changed.push((knot, set));
            }
        }
        for (knot, set) in &mut changed {
            let old = std::mem::replace(&mut owners[*knot as usize], set.clone());
            take(&mut sets, &old);
            *sets.entry(std::mem::replace(set, old)).or_default() += 1;
        }
        if sets.len() > most {
            for (knot, old) in changed {
                owners[knot as usize] = old;
            }
            break;
        }
    }
    let mut layers: BTreeMap<&[u32], Vec<u32>> = BTreeMap::new();
    for (knot, owners) in owners.iter().enumerate() {
        layers.entry(owners).or_default().push(knot as u32);
    }
    layers.into_values().collect()
}

fn take(sets: &mut BTreeMap<Vec<u32>, usize>, set: &[u32]) {
    if let Some(count) = sets.get_mut(set) {
        *count -= 1;
        if *count == 0 {
            sets.remove(set);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategies::tests::{letters, spelt};

    #[test]
    fn what_two_large_paths_share_is_a_layer() {
        let lines = ["A B C", "B D S", "C E S", "D", "E", "S"];
        let sizes = [("B", 100), ("C", 90), ("D", 3), ("E", 2), ("S", 50)];
        let (graph, names) = letters(&lines, &sizes);
        let mut spelt = spelt(&graph, &names, &layers(&graph, &names, 4));
        spelt.sort_unstable();
        assert_eq!(spelt, ["A", "BD", "CE", "S"]);
    }

    #[test]
    fn the_first_primary_too_many_ends_it() {
        let lines = ["A B C", "B D S", "C E S", "D", "E", "S"];
        let sizes = [("B", 100), ("C", 90), ("D", 3), ("E", 2), ("S", 50)];
        let (graph, names) = letters(&lines, &sizes);
        let mut spelt = spelt(&graph, &names, &layers(&graph, &names, 3));
        spelt.sort_unstable();
        // With C there would be four: A; B, D; C, E; S.
        assert_eq!(spelt, ["ACE", "BDS"]);
    }
}
