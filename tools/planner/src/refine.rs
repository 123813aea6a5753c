//! Makes a partition better, one small change at a time, until none helps: a group moves to another
//! layer; a layer is split and, where all layers are taken, two others are merged for it.
//!
//! Every step lowers the cost by more than rounding could, so it ends; a bound on the rounds keeps it short.

use crate::agglomerate::{Group, agglomerate};
use crate::model::{Model, absorb};
use crate::partition::{Slot, Split, total};

/// The most rounds of moves, and of splits.
const ROUNDS: usize = 24;
/// The most groups of a layer among which a split looks at all pairs.
const PAIRS: usize = 192;
/// A gain below this part of the cost is rounding.
const NOISE: f64 = 1e-9;

/// The bounds of a partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The most layers.
    pub(crate) layers: usize,
    /// The least size of a layer.
    pub(crate) min_size: u64,
}

/// Improves `slots` over these groups.
pub(crate) fn refine(model: &Model, all: &[Group], slots: &mut Vec<Slot>, bounds: Bounds) {
    enforce(model, all, slots, bounds);
    let mut clock = Clock {
        now: 0,
        looked: vec![0; all.len()],
    };
    for slot in slots.iter_mut() {
        slot.stamp = clock.tick();
    }
    for _ in 0..ROUNDS {
        let moved = moves(model, all, slots, bounds, &mut clock);
        let split = splits(model, all, slots, bounds, &mut clock);
        if !moved && !split {
            break;
        }
    }
}

/// What changed since a group was looked at: only that is looked at again.
struct Clock {
    now: u64,
    looked: Vec<u64>,
}

impl Clock {
    fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }
}

/// Merges until no layer is too small and none too many.
pub(crate) fn enforce(model: &Model, all: &[Group], slots: &mut Vec<Slot>, bounds: Bounds) {
    loop {
        let small = (0..slots.len())
            .filter(|&at| !slots[at].large_enough(bounds.min_size))
            .min_by_key(|&at| (slots[at].set.size, at));
        let pair = match small {
            _ if slots.len() < 2 => None,
            Some(at) => cheapest_merge(model, slots, |a, b| a == at || b == at),
            None if slots.len() > bounds.layers => cheapest_merge(model, slots, |_, _| true),
            None => None,
        };
        let Some((_, a, b)) = pair else {
            return;
        };
        merge(model, all, slots, a, b);
    }
}

fn cheapest_merge(
    model: &Model,
    slots: &[Slot],
    may: impl Fn(usize, usize) -> bool,
) -> Option<(f64, usize, usize)> {
    let mut best: Option<(f64, usize, usize)> = None;
    for a in 0..slots.len() {
        for b in a + 1..slots.len() {
            if !may(a, b) {
                continue;
            }
            let (low, high) = if slots[a].unit < slots[b].unit {
                (a, b)
            } else {
                (b, a)
            };
            let at_least = slots[low].set.size as f64 * (slots[high].unit - slots[low].unit);
            if best.is_some_and(|(least, _, _)| at_least > least) {
                continue;
            }
            let added =
                model.cost_of_both(&slots[a].set, &slots[b].set) - slots[a].cost - slots[b].cost;
            if best.is_none_or(|(least, _, _)| added < least) {
                best = Some((added, a, b));
            }
        }
    }
    best
}

fn merge(model: &Model, all: &[Group], slots: &mut Vec<Slot>, a: usize, b: usize) {
    let mut groups = slots[a].groups.clone();
    groups.extend(&slots[b].groups);
    slots[a] = Slot::new(model, all, groups);
    slots.remove(b);
}

/// Moves single groups while that helps. Whether anything moved.
fn moves(
    model: &Model,
    all: &[Group],
    slots: &mut Vec<Slot>,
    bounds: Bounds,
    clock: &mut Clock,
) -> bool {
    let noise = total(slots) * NOISE;
    let mut slot_of = vec![0usize; all.len()];
    for (at, slot) in slots.iter().enumerate() {
        for &group in &slot.groups {
            slot_of[group as usize] = at;
        }
    }
    let mut any = false;
    for _ in 0..ROUNDS {
        let mut moved = false;
        for (number, group) in all.iter().enumerate() {
            let from = slot_of[number];
            let slot = &slots[from];
            let looked = std::mem::replace(&mut clock.looked[number], clock.now);
            if slot.groups.len() < 2 && slots.len() < 2
                || !slot.large_enough_without(group, bounds.min_size)
            {
                continue;
            }
            let saved = slot.cost - slot.cost_without(model, group);
            if saved <= noise {
                continue;
            }
            let mut best = (saved - noise, from);
            let all_anew = slot.stamp > looked;
            let size = group.set.size as f64;
            for (to, slot) in slots.iter().enumerate() {
                // Entering costs at least what the layer's bytes cost.
                if !(all_anew || slot.stamp > looked) || size * slot.unit >= best.0 {
                    continue;
                }
                if to != from && slot.large_enough_with(group, bounds.min_size) {
                    let added = slot.cost_with(model, group) - slot.cost;
                    if added < best.0 {
                        best = (added, to);
                    }
                }
            }
            if best.1 != from {
                slots[from].remove(model, all, number as u32);
                slots[best.1].add(model, all, number as u32);
                slots[from].stamp = clock.tick();
                slots[best.1].stamp = clock.now;
                slot_of[number] = best.1;
                moved = true;
            }
        }
        any |= moved;
        if !moved {
            break;
        }
    }
    slots.retain(|slot| !slot.groups.is_empty());
    any
}

/// Splits layers while that helps, each time merging two where all layers are taken.
fn splits(
    model: &Model,
    all: &[Group],
    slots: &mut Vec<Slot>,
    bounds: Bounds,
    clock: &mut Clock,
) -> bool {
    let noise = total(slots) * NOISE;
    let mut any = false;
    for _ in 0..ROUNDS * 4 {
        for slot in slots.iter_mut().filter(|slot| slot.split.is_none()) {
            slot.split = Some(split(model, all, slot, bounds));
        }
        let saved = |slot: &Slot| slot.split.iter().flatten().map(|s| s.saved).next();
        let mut order: Vec<(f64, usize)> = (slots.iter().enumerate())
            .filter_map(|(at, slot)| Some((saved(slot)?, at)))
            .collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut done = false;
        // Only the few best: a split that saves less seldom pays for a merge.
        for &(_, at) in order.iter().take(8) {
            let Some(split_at) = slots[at].split.clone().flatten() else {
                continue;
            };
            if split_at.saved <= noise {
                break;
            }
            let keep = (slots[at].groups.iter().copied())
                .filter(|group| split_at.leave.binary_search(group).is_err())
                .collect();
            let whole = std::mem::replace(&mut slots[at], Slot::new(model, all, keep));
            slots.push(Slot::new(model, all, split_at.leave));
            let last = slots.len() - 1;
            if slots.len() > bounds.layers {
                let pair = cheapest_merge(model, slots, |a, b| (a, b) != (at, last))
                    .filter(|(added, _, _)| added + noise < split_at.saved);
                let Some((_, a, b)) = pair else {
                    slots.pop();
                    slots[at] = whole;
                    continue;
                };
                merge(model, all, slots, a, b);
            }
            let now = clock.tick();
            for slot in slots.iter_mut().filter(|slot| slot.stamp == 0) {
                slot.stamp = now;
            }
            done = true;
            break;
        }
        any |= done;
        if !done {
            break;
        }
    }
    any
}

/// The best split of a layer that is found: along the order of chances, or by merging its groups down to two.
fn split(model: &Model, all: &[Group], slot: &Slot, bounds: Bounds) -> Option<Split> {
    if slot.groups.len() < 2 {
        return None;
    }
    let mut best = by_chance(model, all, slot, bounds);
    if slot.groups.len() <= PAIRS {
        let parts = (slot.groups.iter())
            .map(|&number| Group {
                knots: vec![number],
                ..all[number as usize].clone()
            })
            .collect();
        let mut two = agglomerate(model, parts, 2);
        if let (Some(b), Some(a)) = (two.pop(), two.pop()) {
            let saved = slot.cost - a.cost - b.cost;
            let fits = |group: &Group| group.set.size >= bounds.min_size || group.set.applications;
            if fits(&a) && fits(&b) && best.as_ref().is_none_or(|best| saved > best.saved) {
                let mut leave = b.knots;
                leave.sort_unstable();
                best = Some(Split { saved, leave });
            }
        }
    }
    best
}

fn by_chance(model: &Model, all: &[Group], slot: &Slot, bounds: Bounds) -> Option<Split> {
    let mut order: Vec<(f64, u32)> = (slot.groups.iter())
        .map(|&group| {
            let set = &all[group as usize].set;
            (model.prices.of(1.0, model.chance(set)), group)
        })
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut suffix = model.empty();
    let mut costs = vec![(0.0, true); order.len()];
    for (at, &(_, group)) in order.iter().enumerate().rev() {
        absorb(&mut suffix, &all[group as usize].set);
        let fits = suffix.size >= bounds.min_size || suffix.applications;
        costs[at] = (model.cost(&suffix), fits);
    }
    let mut prefix = model.empty();
    let mut best: Option<(f64, usize)> = None;
    for at in 1..order.len() {
        absorb(&mut prefix, &all[order[at - 1].1 as usize].set);
        let fits = prefix.size >= bounds.min_size || prefix.applications;
        let saved = slot.cost - model.cost(&prefix) - costs[at].0;
        if fits && costs[at].1 && best.is_none_or(|(most, _)| saved > most) {
            best = Some((saved, at));
        }
    }
    best.map(|(saved, at)| {
        let mut leave: Vec<u32> = order[at..].iter().map(|&(_, group)| group).collect();
        leave.sort_unstable();
        Split { saved, leave }
    })
}
