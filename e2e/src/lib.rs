//! The shared cases, run by cargo through the real programs.
//!
//! A case is a folder `e2e/cases/<tool>/<case>/` (see `e2e/README.md`). This library lays a case out
//! ([`case`]), runs a program on it in chosen surroundings ([`run`]), and compares what came out with
//! the golden files ([`golden`]). It never sorts, trims or normalises what a program wrote.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test harness: it reads the machine, and stops at the first thing that is wrong with itself"
)]

pub mod bazel;
pub mod blob;
pub mod case;
pub mod certificates;
pub mod docker;
pub mod golden;
pub mod nix;
pub mod outsiders;
pub mod programs;
pub mod reference;
pub mod registries;
pub mod run;
pub mod tree;
