//! Layers under construction: groups that move as one, and for each layer how often each bit occurs,
//! so that the union without one group is known without looking at the others.

use crate::agglomerate::Group;
use crate::cost::Chance;
use crate::model::{Model, Set};

/// A way to split a layer: what it saves, and the groups that leave, ascending.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    pub(crate) saved: f64,
    pub(crate) leave: Vec<u32>,
}

/// A layer under construction.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// The groups in it, ascending.
    pub(crate) groups: Vec<u32>,
    pub(crate) set: Set,
    pub(crate) cost: f64,
    /// What each of its bytes costs.
    pub(crate) unit: f64,
    /// When it was changed last.
    pub(crate) stamp: u64,
    /// Its best split, once looked for.
    pub(crate) split: Option<Option<Split>>,
    /// Whether only applications are in it is known from how many of its groups hold other paths.
    others: usize,
    counts: Vec<u32>,
    /// The bits that exactly one group has.
    once: Vec<u64>,
}

impl Slot {
    pub(crate) fn new(model: &Model, all: &[Group], groups: Vec<u32>) -> Self {
        let mut slot = Self {
            groups: Vec::new(),
            set: model.empty(),
            cost: 0.0,
            unit: 0.0,
            stamp: 0,
            split: None,
            others: 0,
            counts: vec![0; model.stride * 64],
            once: vec![0; model.stride],
        };
        for &group in &groups {
            slot.count(&all[group as usize], true);
        }
        slot.groups = groups;
        slot.groups.sort_unstable();
        slot.settle(model, all);
        slot
    }

    pub(crate) fn add(&mut self, model: &Model, all: &[Group], group: u32) {
        self.count(&all[group as usize], true);
        let at = self.groups.partition_point(|&other| other < group);
        self.groups.insert(at, group);
        self.settle(model, all);
    }

    pub(crate) fn remove(&mut self, model: &Model, all: &[Group], group: u32) {
        self.count(&all[group as usize], false);
        self.groups.retain(|&other| other != group);
        self.settle(model, all);
    }

    /// The chance of the slot without a group that is in it.
    pub(crate) fn chance_without(&self, model: &Model, group: &Group) -> Chance {
        let mut own = self.set.own;
        own.application -= group.set.own.application;
        own.any -= group.set.own.any;
        model.count(own, |at| {
            self.set.row[at] & !(self.once[at] & group.set.row[at])
        })
    }

    /// What the slot would cost without a group that is in it.
    pub(crate) fn cost_without(&self, model: &Model, group: &Group) -> f64 {
        let chance = self.chance_without(model, group);
        (model.prices).of((self.set.size - group.set.size) as f64, chance)
    }

    /// What the slot would cost with a group that is not in it.
    pub(crate) fn cost_with(&self, model: &Model, group: &Group) -> f64 {
        model.cost_of_both(&self.set, &group.set)
    }

    /// Whether the slot is large enough, or holds applications alone, or nothing.
    pub(crate) fn large_enough(&self, min: u64) -> bool {
        self.set.size >= min || self.others == 0
    }

    pub(crate) fn large_enough_with(&self, group: &Group, min: u64) -> bool {
        self.set.size + group.set.size >= min || (self.others == 0 && group.set.applications)
    }

    pub(crate) fn large_enough_without(&self, group: &Group, min: u64) -> bool {
        let others = self.others - usize::from(!group.set.applications);
        self.set.size - group.set.size >= min || others == 0
    }

    fn count(&mut self, group: &Group, more: bool) {
        for (at, &word) in group.set.row.iter().enumerate() {
            let mut bits = word;
            while bits != 0 {
                let bit = bits.trailing_zeros() as usize;
                let count = &mut self.counts[at * 64 + bit];
                *count = if more { *count + 1 } else { *count - 1 };
                let mask = 1u64 << bit;
                match *count {
                    0 => {
                        self.set.row[at] &= !mask;
                        self.once[at] &= !mask;
                    }
                    1 => {
                        self.set.row[at] |= mask;
                        self.once[at] |= mask;
                    }
                    _ => self.once[at] &= !mask,
                }
                bits &= bits - 1;
            }
        }
        if more {
            self.set.size += group.set.size;
            self.others += usize::from(!group.set.applications);
        } else {
            self.set.size -= group.set.size;
            self.others -= usize::from(!group.set.applications);
        }
    }

    /// Sums anew what cannot be taken away exactly.
    fn settle(&mut self, model: &Model, all: &[Group]) {
        self.set.applications = self.others == 0;
        self.set.own = (self.groups.iter()).fold(Default::default(), |sum, &group| {
            crate::model::add(sum, all[group as usize].set.own)
        });
        self.unit = model.unit(&self.set);
        self.cost = self.set.size as f64 * self.unit;
        self.split = None;
    }
}

/// What all slots cost together.
pub(crate) fn total(slots: &[Slot]) -> f64 {
    slots.iter().map(|slot| slot.cost).sum()
}
