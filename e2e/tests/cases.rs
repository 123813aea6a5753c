//! Every case of every program, against its golden files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use e2e::case::Case;
use e2e::run::{self, Surroundings};
use e2e::{golden, programs};
use rayon::prelude::*;

#[test]
fn layer() {
    all("layer");
}

#[test]
fn assemble() {
    all("assemble");
}

/// Offline, from a layout that serves as a mirror.
#[test]
fn pull() {
    all("pull");
}

#[test]
fn verify() {
    all("verify");
}

/// Runs all cases of a program and reports every one that is wrong, not only the first.
fn all(tool: &'static str) {
    let cases = Case::all(tool);
    assert!(!cases.is_empty(), "no cases of {tool}");
    let wrong: Vec<String> = cases
        .par_iter()
        .filter_map(|case| one(case).err().map(|text| format!("{}: {text}", case.name)))
        .collect();
    let (wrong, count) = (wrong.join("\n\n"), wrong.len());
    assert!(
        wrong.is_empty(),
        "{count} of {} cases:\n\n{wrong}\n",
        cases.len()
    );
}

fn one(case: &Case) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    case.lay_out(folder.path());
    let plan = (!case.fails()).then(|| run::plan(programs::folder(), case, folder.path()));
    let outcome = run::run(
        programs::folder(),
        case,
        folder.path(),
        &Surroundings::plain(),
    );
    golden::check(case, &outcome, plan.as_ref())
}
