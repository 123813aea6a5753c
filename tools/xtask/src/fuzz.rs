//! `cargo xtask fuzz`: each target of `fuzz/` for some seconds, from its seeds.
//!
//! It needs no other toolchain: the compiler's own coverage pass and libFuzzer, which the crate
//! `libfuzzer-sys` builds with the C++ compiler. `cargo fuzz` knows the same folder. What is found stays in
//! `target/fuzz/found`; a test of what was wrong goes beside the code.

use crate::command::{self, Error};
use crate::workspace;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Instruments code as libFuzzer wants it.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// What `cargo xtask fuzz` is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these targets
    targets: Vec<String>,
    /// How long each runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

impl Options {
    /// What is run before a change lands.
    pub(crate) const SHORT: Options = Options {
        targets: Vec::new(),
        seconds: 5,
    };
}

/// Runs the targets, as many at once as there are cores.
///
/// # Errors
/// They do not build; one of them finds something.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let fuzz = workspace::root().join("fuzz");
    let target = workspace::target()?.join("fuzz");
    let host = workspace::host()?;
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--quiet", "--release", "--bins", "--locked"]);
    // With an explicit target the flags do not reach build scripts and macros.
    cargo.args(["--target", &host]).env("RUSTFLAGS", FLAGS);
    cargo.arg("--manifest-path").arg(fuzz.join("Cargo.toml"));
    cargo.arg("--target-dir").arg(&target);
    command::run(&mut cargo)?;
    let known = targets(&fuzz)?;
    if let Some(unknown) = options.targets.iter().find(|name| !known.contains(name)) {
        return Err(format!("there is no fuzz target `{unknown}`").into());
    }
    let mut chosen = known;
    chosen.retain(|name| options.targets.is_empty() || options.targets.contains(name));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut found = Vec::new();
    for together in chosen.chunks(cores) {
        let run = |name: &String| {
            let program = target.join(&host).join("release").join(name);
            one(&program, name, &fuzz, &target, options.seconds)
        };
        let ends = std::thread::scope(|scope| {
            let threads: Vec<_> = together
                .iter()
                .map(|name| (name, scope.spawn(|| run(name))))
                .collect();
            let join = |(name, thread): (_, std::thread::ScopedJoinHandle<'_, _>)| {
                (name, thread.join().unwrap_or(Err("it panicked".into())))
            };
            threads.into_iter().map(join).collect::<Vec<_>>()
        });
        for (name, end) in ends {
            if let Err(error) = end {
                eprintln!("{error}");
                found.push(name.as_str());
            }
        }
    }
    match found.is_empty() {
        true => Ok(()),
        false => Err(format!("something was found by: {}", found.join(", ")).into()),
    }
}

/// The targets: the files of their folder.
fn targets(fuzz: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(fuzz.join("fuzz_targets"))? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default();
        names.push(stem.to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn one(program: &Path, name: &str, fuzz: &Path, target: &Path, seconds: u32) -> Result<(), Error> {
    // New inputs go to the first folder, seeds are read from the others.
    let (corpus, found) = (target.join("corpus").join(name), target.join("found"));
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&found)?;
    println!("fuzz {name}, {seconds} s");
    let mut run = Command::new(program);
    run.arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/{name}-", found.display()))
        .args([
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-max_len=4096",
            "-verbosity=0",
        ])
        .arg(&corpus)
        .arg(fuzz.join("corpus").join(name));
    command::run(&mut run)
}
