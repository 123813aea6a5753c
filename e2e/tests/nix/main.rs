//! The flake and its functions, under real Nix, as a user has them: sandboxed builds, a real registry,
//! real programs in the images.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests"
)]

mod again;
mod errors;
mod killed;
mod nixpkgs;
mod options;
mod registry;
mod same_digest;
mod world;

use world::World;

/// A run of everything that shares a store. Its parts are functions, so that what fails has a name in
/// the backtrace; they are in the order in which they need each other.
#[test]
fn flake() {
    if !e2e::nix::can("the flake, under Nix") {
        return;
    }
    let world = World::new();
    world.closures();
    world.builders();
    world.what_has_no_references();
    world.containers();
    world.identity();
    world.rebuilt();
    world.perturbed();
    world.a_plan_that_is_checked_in();
    world.a_plan_that_is_imported();
    world.other_names();
    world.examples();
    world.without_flakes();
    nixpkgs::all(&world);
    options::all(&world);
    world.checks();
    killed::all(&world);
    errors::all(&world);
    registry::all(&world);
    same_digest::all(&world);
}
