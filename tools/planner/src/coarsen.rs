//! Brings a large graph down to a few groups before all pairs are looked at.
//!
//! In each round every group looks for its best partner among its neighbours: along references, and
//! next to it in a few orders in which groups of like closures come together. The cheapest part of
//! these pairs is merged. What comes from different layers of the previous plan stays apart. Work and memory are linear in the graph for each round, and rounds are few.

use crate::agglomerate::{Group, added};
use crate::graph::Graph;
use crate::model::Model;

/// How far a group looks in each order.
const WINDOW: usize = 3;

/// Merges until there are at most `most` groups, or no neighbours are left.
pub(crate) fn coarsen(
    graph: &Graph,
    model: &Model,
    mut groups: Vec<Group>,
    most: usize,
) -> Vec<Group> {
    let rarity = rarity(model, &groups);
    while groups.len() > most {
        let pairs = pairs(graph, model, &groups, &rarity);
        // Two in five at most: expensive pairs wait for better partners of a later round.
        let wanted = (groups.len() - most).min((groups.len() * 2 / 5).max(1));
        let mut merged = 0;
        let mut slots: Vec<Option<Group>> = groups.into_iter().map(Some).collect();
        let mut taken = vec![false; slots.len()];
        for (_, a, b) in pairs {
            if merged == wanted {
                break;
            }
            let (a, b) = (a as usize, b as usize);
            if taken[a] || taken[b] {
                continue;
            }
            (taken[a], taken[b]) = (true, true);
            if let (Some(gone), Some(into)) = (slots[b].take(), slots[a].as_mut()) {
                into.merge(gone, model);
                merged += 1;
            }
        }
        groups = slots.into_iter().flatten().collect();
        if merged == 0 {
            break;
        }
    }
    groups
}

/// For each column its rank, columns in few rows first: the rare ones tell groups apart.
fn rarity(model: &Model, groups: &[Group]) -> Vec<u32> {
    let mut count = vec![0u32; model.columns()];
    for group in groups {
        model.each_column(&group.set, |column| count[column] += 1);
    }
    let mut order: Vec<u32> = (0..count.len() as u32).collect();
    order.sort_by_key(|&column| (count[column as usize], column));
    let mut rank = vec![0; count.len()];
    for (at, column) in order.into_iter().enumerate() {
        rank[column as usize] = at as u32;
    }
    rank
}

/// Each group's best partner, cheapest first, as cost, smaller and larger number.
fn pairs(graph: &Graph, model: &Model, groups: &[Group], rarity: &[u32]) -> Vec<(f64, u32, u32)> {
    let mut best: Vec<(f64, u32)> = vec![(f64::INFINITY, u32::MAX); groups.len()];
    let mut look = |a: u32, b: u32| {
        if groups[a as usize].home != groups[b as usize].home {
            return;
        }
        let cost = added(model, &groups[a as usize], &groups[b as usize]);
        for (at, with) in [(a, b), (b, a)] {
            let best = &mut best[at as usize];
            if cost < best.0 || (cost == best.0 && with < best.1) {
                *best = (cost, with);
            }
        }
    };
    for (a, b) in edges(graph, groups) {
        look(a, b);
    }
    for order in orders(model, groups, rarity) {
        for at in 0..order.len() {
            for &other in order[at + 1..].iter().take(WINDOW) {
                look(order[at], other);
            }
        }
    }
    let mut pairs: Vec<(f64, u32, u32)> = best
        .into_iter()
        .enumerate()
        .filter(|(_, (_, with))| *with != u32::MAX)
        .map(|(at, (cost, with))| (cost, with.min(at as u32), with.max(at as u32)))
        .collect();
    pairs.sort_by(|x, y| x.0.total_cmp(&y.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    pairs.dedup();
    pairs
}

/// Groups between which there are references.
fn edges(graph: &Graph, groups: &[Group]) -> Vec<(u32, u32)> {
    let mut group_of = vec![u32::MAX; graph.knots()];
    for (at, group) in groups.iter().enumerate() {
        for &knot in &group.knots {
            group_of[knot as usize] = at as u32;
        }
    }
    let mut edges = Vec::new();
    for knot in 0..graph.knots() {
        let a = group_of[knot];
        for &below in graph.references.of(knot) {
            let b = group_of[below as usize];
            if a != b && a != u32::MAX && b != u32::MAX {
                edges.push((a.min(b), a.max(b)));
            }
        }
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// Orders in which groups of like closures are near each other.
fn orders(model: &Model, groups: &[Group], rarity: &[u32]) -> [Vec<u32>; 3] {
    let chances: Vec<f64> = (groups.iter())
        .map(|group| model.chance(&group.set).any)
        .collect();
    let mut rare: Vec<[u32; 4]> = Vec::with_capacity(groups.len());
    for group in groups {
        let mut first = [u32::MAX; 4];
        model.each_column(&group.set, |column| {
            let mut rank = rarity[column];
            for slot in &mut first {
                if rank < *slot {
                    std::mem::swap(slot, &mut rank);
                }
            }
        });
        rare.push(first);
    }
    let all = || (0..groups.len() as u32).collect::<Vec<u32>>();
    let (mut by_chance, mut by_rare, mut by_common) = (all(), all(), all());
    by_chance.sort_by(|&a, &b| {
        (chances[a as usize].total_cmp(&chances[b as usize]))
            .then(
                groups[a as usize]
                    .set
                    .size
                    .cmp(&groups[b as usize].set.size),
            )
            .then(a.cmp(&b))
    });
    by_rare.sort_by(|&a, &b| {
        (rare[a as usize].cmp(&rare[b as usize]))
            .then(chances[a as usize].total_cmp(&chances[b as usize]))
            .then(a.cmp(&b))
    });
    by_common.sort_by(|&a, &b| {
        (groups[a as usize].set.row)
            .cmp(&groups[b as usize].set.row)
            .then(a.cmp(&b))
    });
    [by_chance, by_rare, by_common]
}
