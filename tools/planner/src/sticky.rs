//! Planning with the plan of the release before: a path leaves its layer only where that is worth the
//! bytes that the move itself moves.
//!
//! A layer that holds just what it held, with the same bytes, is *intact* and moves nothing now. What is
//! minimised is the bytes of all other layers, once, and for as many changes to come as the horizon says the
//! same cost as without a previous plan, in bytes. So a plan is not worse for being continued, and where nothing has changed nothing moves. The search starts from the previous layers and from a plan made anew, moves groups one at a time, and takes the better.

use crate::agglomerate::Group;
use crate::model::Model;
use crate::partition::Slot;
use crate::refine::{Bounds, refine};

/// The most rounds of moves.
const ROUNDS: usize = 24;

/// The layers of the release before, as far as this release has their paths.
pub(crate) struct Before {
    /// For each of its layers its groups, where all its paths are still there with the same bytes.
    pub(crate) intact: Vec<Option<Vec<u32>>>,
    /// How many changes a move must pay for itself in.
    pub(crate) horizon: f64,
}

/// A layer under construction, and which layer of the previous plan it continues.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) slot: Slot,
    pub(crate) origin: Option<u32>,
    /// By how many groups it differs from the layer that it continues.
    differs: usize,
}

impl Before {
    /// Whether a layer is a previous one to the last byte: the bytes it moves now.
    fn now(&self, origin: Option<u32>, differs: usize, size: u64) -> f64 {
        let same =
            differs == 0 && origin.is_some_and(|origin| self.intact[origin as usize].is_some());
        if same { 0.0 } else { size as f64 }
    }

    fn now_of(&self, kept: &Kept) -> f64 {
        self.now(kept.origin, kept.differs, kept.slot.set.size)
    }

    fn kept(&self, all: &[Group], slot: Slot, origin: Option<u32>) -> Kept {
        let differs = match origin.and_then(|origin| self.intact[origin as usize].as_ref()) {
            None => 0,
            Some(groups) => {
                let strangers = (slot.groups.iter())
                    .filter(|&&group| all[group as usize].home != origin)
                    .count();
                let present = slot.groups.len() - strangers;
                strangers + groups.len() - present
            }
        };
        Kept {
            slot,
            origin,
            differs,
        }
    }

    /// Everything, in bytes.
    fn score(&self, layers: &[Kept]) -> f64 {
        (layers.iter())
            .map(|kept| self.horizon * kept.slot.cost + self.now_of(kept))
            .sum()
    }
}

/// Layers that continue the previous ones. `fresh` is the plan without a previous one.
pub(crate) fn sticky(
    model: &mut Model,
    all: &mut [Group],
    fresh: &[Slot],
    before: &Before,
    bounds: Bounds,
) -> Vec<Kept> {
    model.prices = model.prices.in_bytes(model.unavoidable);
    for group in all.iter_mut() {
        group.price(model);
    }
    let mut stay = continued(model, all, before, bounds);
    moves(model, all, &mut stay, before, bounds);
    let mut anew = matched(model, all, fresh, before);
    moves(model, all, &mut anew, before, bounds);
    if before.score(&anew) < before.score(&stay) {
        anew
    } else {
        stay
    }
}

/// The previous layers with what is left of them; what is new goes where it costs least.
fn continued(model: &Model, all: &[Group], before: &Before, bounds: Bounds) -> Vec<Kept> {
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); before.intact.len()];
    let mut strangers = Vec::new();
    for (number, group) in all.iter().enumerate() {
        match group.home {
            Some(home) => members[home as usize].push(number as u32),
            None => strangers.push(number as u32),
        }
    }
    let mut layers: Vec<Kept> = Vec::new();
    for (origin, groups) in members.into_iter().enumerate() {
        if !groups.is_empty() {
            let slot = Slot::new(model, all, groups);
            layers.push(before.kept(all, slot, Some(origin as u32)));
        }
    }
    if layers.len() > bounds.layers || layers.iter().any(|k| !k.slot.large_enough(bounds.min_size))
    {
        // The limits have changed: the layers are merged as far as they must be.
        let mut slots: Vec<Slot> = layers.into_iter().map(|kept| kept.slot).collect();
        refine(model, all, &mut slots, bounds);
        layers = matched(model, all, &slots, before);
    }
    for number in strangers {
        let group = &all[number as usize];
        let alone = layers.len() < bounds.layers
            && (group.set.size >= bounds.min_size || group.set.applications || layers.is_empty());
        let mut best = (f64::INFINITY, None);
        if alone {
            best = (before.horizon * group.cost + group.set.size as f64, None);
        }
        for (at, kept) in layers.iter().enumerate() {
            let size = kept.slot.set.size + group.set.size;
            let added = before.horizon * (kept.slot.cost_with(model, group) - kept.slot.cost)
                + size as f64
                - before.now_of(kept);
            if added < best.0 {
                best = (added, Some(at));
            }
        }
        match best.1 {
            Some(at) => add(model, all, &mut layers[at], number),
            None => {
                let slot = Slot::new(model, all, vec![number]);
                layers.push(before.kept(all, slot, None));
            }
        }
    }
    layers
}

/// Slots, each continuing the previous layer of which it has most, no two the same one.
fn matched(model: &Model, all: &[Group], slots: &[Slot], before: &Before) -> Vec<Kept> {
    let mut common: Vec<(u64, usize, u32)> = Vec::new();
    for (at, slot) in slots.iter().enumerate() {
        let mut bytes = vec![0u64; before.intact.len()];
        let mut any = vec![false; before.intact.len()];
        for &group in &slot.groups {
            if let Some(home) = all[group as usize].home {
                bytes[home as usize] += all[group as usize].set.size;
                any[home as usize] = true;
            }
        }
        let found = (0..bytes.len()).filter(|&origin| any[origin]);
        common.extend(found.map(|origin| (bytes[origin], at, origin as u32)));
    }
    common.sort_by(|a, b| (b.0.cmp(&a.0)).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut origin: Vec<Option<u32>> = vec![None; slots.len()];
    let mut taken = vec![false; before.intact.len()];
    for (_, at, from) in common {
        if origin[at].is_none() && !taken[from as usize] {
            origin[at] = Some(from);
            taken[from as usize] = true;
        }
    }
    (slots.iter().zip(origin))
        .map(|(slot, origin)| {
            let slot = Slot::new(model, all, slot.groups.clone());
            before.kept(all, slot, origin)
        })
        .collect()
}

fn add(model: &Model, all: &[Group], kept: &mut Kept, group: u32) {
    kept.differs = differs_with(all, kept, group);
    kept.slot.add(model, all, group);
}

fn remove(model: &Model, all: &[Group], kept: &mut Kept, group: u32) {
    kept.differs = differs_without(all, kept, group);
    kept.slot.remove(model, all, group);
}

fn differs_with(all: &[Group], kept: &Kept, group: u32) -> usize {
    if kept.origin.is_some() && all[group as usize].home == kept.origin {
        kept.differs.saturating_sub(1)
    } else {
        kept.differs + 1
    }
}

fn differs_without(all: &[Group], kept: &Kept, group: u32) -> usize {
    if kept.origin.is_some() && all[group as usize].home == kept.origin {
        kept.differs + 1
    } else {
        kept.differs.saturating_sub(1)
    }
}

/// Moves single groups while that helps.
fn moves(model: &Model, all: &[Group], layers: &mut Vec<Kept>, before: &Before, bounds: Bounds) {
    let mut layer_of = vec![0usize; all.len()];
    for (at, kept) in layers.iter().enumerate() {
        for &group in &kept.slot.groups {
            layer_of[group as usize] = at;
        }
    }
    for _ in 0..ROUNDS {
        let mut moved = false;
        for number in 0..all.len() as u32 {
            let from = layer_of[number as usize];
            let Some(to) = better(model, all, layers, before, bounds, from, number) else {
                continue;
            };
            remove(model, all, &mut layers[from], number);
            add(model, all, &mut layers[to], number);
            layer_of[number as usize] = to;
            moved = true;
        }
        if !moved {
            break;
        }
    }
    layers.retain(|kept| !kept.slot.groups.is_empty());
}

fn better(
    model: &Model,
    all: &[Group],
    layers: &[Kept],
    before: &Before,
    bounds: Bounds,
    from: usize,
    number: u32,
) -> Option<usize> {
    let group = &all[number as usize];
    let here = &layers[from];
    if !here.slot.large_enough_without(group, bounds.min_size) {
        return None;
    }
    let saved = leaving(model, all, before, here, number);
    let mut best = (saved - 1.0, None);
    for (at, there) in layers.iter().enumerate() {
        if at == from || !there.slot.large_enough_with(group, bounds.min_size) {
            continue;
        }
        let added = entering(model, all, before, there, number);
        if added < best.0 {
            best = (added, Some(at));
        }
    }
    best.1
}

/// What is saved where a group leaves its layer.
fn leaving(model: &Model, all: &[Group], before: &Before, here: &Kept, number: u32) -> f64 {
    let group = &all[number as usize];
    let without = before.now(
        here.origin,
        differs_without(all, here, number),
        here.slot.set.size - group.set.size,
    );
    before.horizon * (here.slot.cost - here.slot.cost_without(model, group)) + before.now_of(here)
        - without
}

/// What is added where a group enters a layer.
fn entering(model: &Model, all: &[Group], before: &Before, there: &Kept, number: u32) -> f64 {
    let group = &all[number as usize];
    let with = before.now(
        there.origin,
        differs_with(all, there, number),
        there.slot.set.size + group.set.size,
    );
    before.horizon * (there.slot.cost_with(model, group) - there.slot.cost) + with
        - before.now_of(there)
}

/// What a group gains by being where it is and not where it was: the bytes that the changes within
/// the horizon move less, together with what moves now. Nothing where its old layer is gone.
pub(crate) fn gain(
    model: &Model,
    all: &[Group],
    layers: &[Kept],
    before: &Before,
    at: usize,
    number: u32,
) -> Option<f64> {
    let home = all[number as usize].home;
    let back = layers.iter().position(|kept| kept.origin == home)?;
    Some(
        entering(model, all, before, &layers[back], number)
            - leaving(model, all, before, &layers[at], number),
    )
}
