//! Merging, always the pair that costs least, until there are few enough groups. All pairs are looked
//! at, so it is for a few thousand groups at most; `coarsen` brings larger graphs down to that.
//!
//! Ties go to the smaller numbers.

use crate::model::{Model, Set, absorb};
use std::cmp::Ordering;

/// Knots that are kept together, with their set.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) knots: Vec<u32>,
    pub(crate) set: Set,
    pub(crate) cost: f64,
    /// What each of its bytes costs.
    pub(crate) unit: f64,
    /// The layer of the previous plan that it comes from.
    pub(crate) home: Option<u32>,
}

impl Group {
    pub(crate) fn new(model: &Model, knots: Vec<u32>, set: Set, home: Option<u32>) -> Self {
        let mut group = Self {
            knots,
            set,
            cost: 0.0,
            unit: 0.0,
            home,
        };
        group.price(model);
        group
    }

    /// Sets the cost anew.
    pub(crate) fn price(&mut self, model: &Model) {
        self.unit = model.unit(&self.set);
        self.cost = self.set.size as f64 * self.unit;
    }

    pub(crate) fn merge(&mut self, other: Group, model: &Model) {
        self.knots.extend(other.knots);
        absorb(&mut self.set, &other.set);
        self.price(model);
    }
}

/// What a merge would add to the cost, and with whom.
#[derive(Debug, Clone, Copy)]
struct Best {
    added: f64,
    with: usize,
    /// The version of `with` for which that was found.
    version: u32,
}

const NONE: Best = Best {
    added: f64::INFINITY,
    with: usize::MAX,
    version: 0,
};

/// What merging two groups adds to the cost.
pub(crate) fn added(model: &Model, a: &Group, b: &Group) -> f64 {
    model.cost_of_both(&a.set, &b.set) - a.cost - b.cost
}

/// What merging adds at least: a union is no less probable than its parts.
fn added_at_least(a: &Group, b: &Group) -> f64 {
    if a.unit < b.unit {
        a.set.size as f64 * (b.unit - a.unit)
    } else {
        b.set.size as f64 * (a.unit - b.unit)
    }
}

/// Merges down to `most` groups. The order of what is left is that of each group's first part.
pub(crate) fn agglomerate(model: &Model, groups: Vec<Group>, most: usize) -> Vec<Group> {
    let mut left = groups.len();
    let mut groups: Vec<Option<Group>> = groups.into_iter().map(Some).collect();
    let mut versions = vec![0u32; groups.len()];
    let mut best: Vec<Best> = (0..groups.len())
        .map(|at| nearest(model, &groups, &versions, at))
        .collect();
    while left > most.max(1) {
        let Some(at) = (0..groups.len())
            .filter(|&at| groups[at].is_some())
            .min_by(|&a, &b| best[a].added.total_cmp(&best[b].added).then(a.cmp(&b)))
        else {
            break;
        };
        let with = best[at].with;
        if with == usize::MAX {
            break;
        }
        if groups[with].is_none() || versions[with] != best[at].version {
            // Found for a group that has grown since: it is looked for again before it is believed.
            best[at] = nearest(model, &groups, &versions, at);
            continue;
        }
        let (into, from) = (at.min(with), at.max(with));
        if let (Some(gone), Some(into)) = (groups[from].take(), groups[into].as_mut()) {
            into.merge(gone, model);
        }
        left -= 1;
        versions[into] += 1;
        best[into] = NONE;
        for other in 0..groups.len() {
            let (Some(a), Some(b)) = (&groups[into], &groups[other]) else {
                continue;
            };
            let least = added_at_least(a, b);
            if other == into || (least > best[into].added && least > best[other].added) {
                continue;
            }
            let added = added(model, a, b);
            let offer = |with| Best {
                added,
                with,
                version: versions[with],
            };
            if better(&offer(other), &best[into]) {
                best[into] = offer(other);
            }
            if better(&offer(into), &best[other]) {
                best[other] = offer(into);
            }
        }
    }
    groups.into_iter().flatten().collect()
}

fn nearest(model: &Model, groups: &[Option<Group>], versions: &[u32], at: usize) -> Best {
    let mut best = NONE;
    let Some(group) = &groups[at] else {
        return best;
    };
    for (with, other) in groups.iter().enumerate() {
        if let Some(other) = other.as_ref().filter(|_| with != at) {
            if added_at_least(group, other) > best.added {
                continue;
            }
            let offer = Best {
                added: added(model, group, other),
                with,
                version: versions[with],
            };
            if better(&offer, &best) {
                best = offer;
            }
        }
    }
    best
}

fn better(a: &Best, b: &Best) -> bool {
    match a.added.total_cmp(&b.added) {
        Ordering::Less => true,
        Ordering::Equal => a.with < b.with,
        Ordering::Greater => false,
    }
}
