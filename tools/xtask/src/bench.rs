//! `cargo xtask bench`: our programs and other people's, side by side on real files.
//!
//! All commands of a group run in turns, one round after the other, so that whatever else the machine
//! does falls on all alike; the median of each counts, and only ratios are compared with the targets.
//! Peers come from the outsiders' root. Raw numbers go to `bench/results.json`, the tables that are
//! made from them to `bench/README.md`.

mod corpora;
mod groups;
mod measure;
mod registries;
mod report;

use crate::command::Error;
use crate::environment::Outsiders;
use crate::{programs, workspace};
use corpora::Scale;
use measure::{Bench, Measured};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;

/// What `cargo xtask bench` is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A smoke run: small files, one round, results under target/ only
    #[arg(long)]
    quick: bool,
    /// How many rounds; their median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only this group; the other groups' results stay as they are. May be given again
    #[arg(long)]
    only: Vec<String>,
}

impl Options {
    /// A smoke run.
    pub(crate) const QUICK: Options = Options {
        quick: true,
        rounds: 1,
        only: Vec::new(),
    };
}

/// All that a run found, as it is written to `bench/results.json`.
#[derive(Serialize, Deserialize)]
struct Results {
    machine: Vec<(String, String)>,
    versions: Vec<String>,
    corpora: Vec<(String, String)>,
    /// For each group what else the machine had to do: its load average before and after.
    loads: Vec<(String, [String; 2])>,
    measured: Vec<Measured>,
}

/// Measures everything and writes the results. Where a peer is missing nothing is measured, and a
/// line says so.
///
/// # Errors
/// A command fails.
pub(crate) fn run(options: &Options) -> Result<Option<String>, Error> {
    let tools = programs::build()?;
    let outsiders = Outsiders::set_up()?;
    let target = workspace::target()?;
    let folder = target.join(if options.quick {
        "bench-quick"
    } else {
        "bench"
    });
    fs::create_dir_all(&folder)?;
    let scale = if options.quick {
        Scale::QUICK
    } else {
        Scale::FULL
    };
    println!("corpora in {}", folder.display());
    let corpora = corpora::make(&folder, &scale)?;
    // The machine's own is often another program than that of the outsiders' root.
    fs::copy("/usr/bin/sha256sum", folder.join("sha256sum"))?;
    let bench = Bench::new(&outsiders, folder.clone(), tools);
    let rounds = if options.quick { 1 } else { options.rounds };
    if let Some(missing) = bench.missing()? {
        return Ok(Some(format!(
            "not found: {missing}; check not run: benchmark"
        )));
    }
    let out: PathBuf = if options.quick {
        folder
    } else {
        workspace::root().join("bench")
    };
    fs::create_dir_all(&out)?;
    let file = out.join("results.json");
    let mut results = Results {
        machine: measure::machine(),
        versions: bench.versions()?,
        corpora,
        loads: Vec::new(),
        measured: Vec::new(),
    };
    if !options.only.is_empty() && file.exists() {
        let old: Results = serde_json::from_slice(&fs::read(&file)?)?;
        (results.loads, results.measured) = (old.loads, old.measured);
    }
    let all = groups::all(&scale);
    let place = |name: &str| all.iter().position(|group| group.name == name);
    if let Some(unknown) = options.only.iter().find(|name| place(name).is_none()) {
        return Err(format!("there is no group `{unknown}`").into());
    }
    let chosen = |name: &String| options.only.is_empty() || options.only.contains(name);
    for group in all.iter().filter(|group| chosen(&group.name)) {
        results.loads.retain(|(name, _)| *name != group.name);
        results
            .measured
            .retain(|measured| measured.group != group.name);
        let before = measure::load();
        results.measured.extend(bench.group(group, rounds)?);
        results
            .loads
            .push((group.name.clone(), [before, measure::load()]));
        results
            .measured
            .sort_by_key(|measured| place(&measured.group));
        results.loads.sort_by_key(|(name, _)| place(name));
        // After each group, for the whole takes its time.
        fs::write(&file, serde_json::to_string_pretty(&results)? + "\n")?;
        fs::write(out.join("README.md"), report::text(&results))?;
    }
    if !options.quick {
        println!("\n{}", report::targets(&results.measured));
    }
    println!("written: {}", out.join("README.md").display());
    Ok(None)
}
