//! No kind of change may cost more than under the best of the named strategies.
//!
//! The cheapest layers may trade one kind of change for another: far less for one path's change, a
//! little more for a large update than a strategy that is good at nothing else. An update is looked at in
//! three sizes for that: one path in eight, in four and in two. Where a kind is expected to move
//! over a hundredth more than under the best named strategy, it counts twice as often and layers are found anew, a few
//! times; what is taken is the plan whose worst kind is best, the earlier of equals.
//!
//! Only in a graph in which every path stands for itself, where the named strategies are starting points as well.

use crate::agglomerate::Group;
use crate::construct::{cheapest, rivals, slots_of};
use crate::cost::{ALIKE, Bytes, Prices};
use crate::graph::Graph;
use crate::model::Model;
use crate::partition::Slot;
use crate::refine::{Bounds, enforce};

/// How often a kind that costs too much is counted twice as often.
const DOUBLINGS: usize = 4;
/// How much more than under the best named strategy a kind may move: less is not worth another search.
const TOLERATED: f64 = 1.01;

/// Layers within the bounds. `model.prices` and the groups' are left as those layers were found by.
pub(crate) fn without_regret(
    graph: &Graph,
    model: &mut Model,
    names: &[String],
    all: &mut [Group],
    bounds: Bounds,
) -> Vec<Slot> {
    let rivals = rivals(graph, names, all, bounds);
    let even = model.prices;
    let mut best = cheapest(model, all, &rivals, bounds);
    let others: Vec<Vec<Bytes>> = (rivals.iter())
        .map(|layers| {
            let mut slots = slots_of(model, all, layers);
            enforce(model, all, &mut slots, bounds);
            moved(model, &slots)
        })
        .collect();
    if others.is_empty() {
        return best;
    }
    let regret = |model: &Model, slots: &[Slot]| regret(&moved(model, slots), &others);
    let mut found = regret(model, &best);
    let (mut worst, mut prices) = (found.largest(), model.prices);
    let mut counts = ALIKE;
    for _ in 0..DOUBLINGS {
        if found.largest() <= TOLERATED {
            break;
        }
        counts = counts.with(found, |count, regret| {
            if regret > TOLERATED {
                count * 2.0
            } else {
                count
            }
        });
        price(model, all, even.counted(counts));
        let slots = cheapest(model, all, &rivals, bounds);
        found = regret(model, &slots);
        if found.largest() < worst {
            (worst, prices, best) = (found.largest(), model.prices, slots);
        }
    }
    price(model, all, prices);
    best
}

fn price(model: &mut Model, all: &mut [Group], prices: Prices) {
    model.prices = prices;
    for group in all {
        group.price(model);
    }
}

/// For each kind what we move as a multiple of what the best other moves: the worst of all updates.
fn regret(ours: &[Bytes], others: &[Vec<Bytes>]) -> Bytes {
    let mut worst = Bytes::default();
    for (at, ours) in ours.iter().enumerate() {
        let least = (others.iter().map(|other| other[at])).reduce(|a, b| a.with(b, f64::min));
        let ratio = ours.with(least.unwrap_or_default(), |ours, least| {
            if least > 0.0 { ours / least } else { 1.0 }
        });
        worst = worst.with(ratio, f64::max);
    }
    worst
}

/// What each kind of change moves: once for each size of an update.
fn moved(model: &Model, slots: &[Slot]) -> Vec<Bytes> {
    (model.prices.updates().iter())
        .map(|prices| {
            let mut bytes = Bytes::default();
            for slot in slots {
                bytes += prices.bytes(slot.set.size as f64, model.chance(&slot.set));
            }
            bytes
        })
        .collect()
}
