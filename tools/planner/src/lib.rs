//! The layer planner: which paths of a closure share a layer, so that a registry and its nodes
//! move little again when something changes.
//!
//! A [`Request`] holds the graph (paths with sizes and references), the limits, hints on what
//! changes often, and perhaps the plan of the release before; [`plan`] turns it into a [`Plan`],
//! ordered layers with stable keys, and [`Planned::explain`] says why. Values only: no I/O, no clock, no
//! threads, no randomness. Numbers with a fraction never leave the crate, and inside they are only
//! added, subtracted, multiplied, divided and compared, in a fixed order, so every machine finds the same plan.
//!
//! It does not read closures from anywhere, make layers, or know what a registry holds.
//!
//! # What is minimised
//!
//! In Nix a change of a path changes whatever depends on it, so a layer moves again when anything
//! in the union of its members' closures changes. With `P(L)` for the probability of that, a plan
//! moves `Σ size(L) · P(L)` bytes, and never less than one layer for each path would. The planner
//! minimises the sum over four kinds of change, each as a multiple of what it cannot avoid: an application changes, any
//! one path changes, ten paths change at once, one path in eight changes as with a new release of a package set. A kind for which a named
//! strategy is expected to move less, by over a hundredth, counts more often. Under [`ChangeModel::Runfiles`] a change does not travel, and a closure is the path alone.
//!
//! Invariants of a plan: every path that the base does not have is in exactly one layer; no layer is
//! empty; there are no more layers than the limit; the order of the request's nodes changes nothing.

mod agglomerate;
mod budget;
mod check;
mod coarsen;
mod construct;
mod cost;
mod csr;
mod error;
mod explain;
mod graph;
mod hints;
mod measure;
mod model;
mod names;
mod order;
mod output;
mod partition;
mod planning;
mod previous;
mod refine;
mod regret;
mod request;
mod sample;
mod sticky;
mod strategies;

pub use error::{Error, Result};
pub use explain::{Explanation, Next, PathExplanation, Reason};
pub use names::stable_names;
pub use output::{Expected, KIND, Layer, Move, Moved, Plan, VERSION};
pub use planning::{Planned, plan};
pub use request::{
    Budget, Change, ChangeModel, Hint, Limits, Node, Previous, Request, Strategy, Volatility,
};
