//! `cargo xtask test`: everything that must hold before a change lands.
//!
//! Every step runs, even after one that failed, and the end says which failed and which checks did
//! not run for want of someone else's program. With `--all` a missing program is a failure. What takes
//! long and keeps one core busy runs beside the other steps: fetching the outsiders' programs, and the
//! second build of a release.

use crate::command::{self, Error};
use crate::environment::{self, Outsiders};
use crate::{bench, dist, fuzz, programs, workspace};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// What `cargo xtask test` is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Fail where a program that some check needs is missing
    #[arg(long)]
    all: bool,
}

/// Runs all steps.
///
/// # Errors
/// A step failed, or with `--all` a check did not run.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let mut steps = Steps { failed: Vec::new() };
    let outsiders = thread::spawn(Outsiders::set_up);
    let cargo = |words: &[&str]| command::run(workspace::cargo().args(words));
    steps.run("formatting", || cargo(&["fmt", "--all", "--check"]));
    steps.run("lints", || {
        cargo(&[
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ])
    });
    let mut missing = Vec::new();
    steps.run("dependencies", || match environment::cargo_deny() {
        Ok(program) => deny(&program),
        Err(error) => {
            missing.push(format!(
                "not found: cargo-deny ({error}); check not run: deny.toml"
            ));
            Ok(())
        }
    });
    steps.run("Bazel files", || match environment::buildifier() {
        Ok(program) => buildifier(&program),
        Err(error) => {
            missing.push(format!(
                "not found: buildifier ({error}); check not run: form and lint of Bazel files"
            ));
            Ok(())
        }
    });
    steps.run("unit tests", || {
        let (ours, theirs) = (names(&workspace::crates()?)?, names(&[e2e()])?);
        if let Some(name) = ours.iter().find(|name| theirs.contains(name)) {
            return Err(format!("e2e and another crate both have a test `{name}`").into());
        }
        command::run(test(&ours).args(["--lib", "--bins"]))
    });
    let again = thread::spawn(dist::again);
    steps.run("fuzz targets, briefly", || fuzz::run(&fuzz::Options::SHORT));
    let mut root = None;
    steps.run("cases and outsiders", || {
        let outsiders = root.insert(join(outsiders)?);
        missing.extend(cases(options, outsiders)?);
        Ok(())
    });

    steps.run("a release, made twice", || {
        dist::run_with(&dist::Options::checked(), join(again)?)?;
        match &root {
            Some(outsiders @ Outsiders::Root { .. }) => signed(outsiders),
            _ => {
                missing.push("not found: cosign; check not run: a release is signed".to_owned());
                Ok(())
            }
        }
    });

    steps.run("benchmark, a smoke run", || {
        missing.extend(bench::run(&bench::Options::QUICK)?);
        Ok(())
    });

    for line in &missing {
        println!("{line}");
    }
    if options.all && !missing.is_empty() {
        steps.failed.push("--all");
    }
    match steps.failed.as_slice() {
        [] if missing.is_empty() => println!("all checks passed"),
        [] => println!("all checks that ran passed; {} did not run", missing.len()),
        failed => return Err(format!("failed: {}", failed.join(", ")).into()),
    }
    Ok(())
}

/// What ran beside the other steps.
fn join<T>(beside: JoinHandle<Result<T, Error>>) -> Result<T, Error> {
    beside.join().map_err(|_| "it panicked")?
}

/// Whether cosign takes the signature of the checksums that was just made, and no other.
fn signed(outsiders: &Outsiders) -> Result<(), Error> {
    let out = workspace::target()?.join("dist");
    let key = workspace::root().join("tools/signing/tests/key.pub.pem");
    let verify = |file: &str| {
        let mut cosign = outsiders.command(Path::new("cosign"));
        cosign.args(["verify-blob", "--insecure-ignore-tlog=true", "--key"]);
        cosign
            .arg(&key)
            .arg("--signature")
            .arg(out.join("SHA256SUMS.sig"));
        command::run(cosign.arg(out.join(file)).current_dir(&out))
    };
    verify("SHA256SUMS")?;
    match verify("targets.txt") {
        Ok(()) => Err("cosign takes the signature of another file".into()),
        Err(_) => Ok(()),
    }
}

struct Steps {
    failed: Vec<&'static str>,
}

impl Steps {
    fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<(), Error>) {
        println!("== {name}");
        let start = Instant::now();
        let end = match step() {
            Ok(()) => "ok".to_owned(),
            Err(error) => {
                self.failed.push(name);
                format!("FAILED: {error}")
            }
        };
        println!(
            "== {name}: {end} ({:.0} s)\n",
            start.elapsed().as_secs_f32()
        );
    }
}

fn deny(program: &Path) -> Result<(), Error> {
    let mut deny = std::process::Command::new(program);
    deny.args([
        "--log-level",
        "error",
        "check",
        "licenses",
        "sources",
        "bans",
    ]);
    command::run(deny.current_dir(workspace::root()))
}

fn buildifier(program: &Path) -> Result<(), Error> {
    let mut git = std::process::Command::new("git");
    git.args(["ls-files", "--", "*.bzl", "*BUILD.bazel", "*MODULE.bazel"]);
    let files = command::read(git.current_dir(workspace::root()))?;
    let mut buildifier = std::process::Command::new(program);
    buildifier
        .args(["-mode=check", "-lint=warn"])
        .args(files.lines());
    command::run(buildifier.current_dir(workspace::root()))
}

/// Runs integration tests by their names, which are of one crate alone. Both steps with tests choose all
/// crates, as cargo unites the features of what is chosen: dependencies are built once.
fn test(names: &[String]) -> Command {
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--workspace", "--no-fail-fast"]);
    for name in names {
        cargo.args(["--test", name]);
    }
    cargo
}

fn e2e() -> PathBuf {
    workspace::root().join("e2e")
}

/// The integration tests of crates: files, and folders with a `main.rs`.
fn names(crates: &[PathBuf]) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for folder in crates.iter().map(|folder| folder.join("tests")) {
        if !folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let is_test = path.extension().is_some_and(|extension| extension == "rs")
                || path.join("main.rs").is_file();
            if let (true, Some(name)) = (is_test, path.file_stem()) {
                names.push(name.to_string_lossy().into_owned());
            }
        }
    }
    names.sort();
    Ok(names)
}

/// Runs the crate `e2e` with the static programs, inside the outsiders' root where there is one.
/// Returns a line for each check that did not run.
fn cases(options: &Options, outsiders: &Outsiders) -> Result<Vec<String>, Error> {
    if let Outsiders::Path { why } = outsiders {
        println!("{why}: other people's programs are taken from PATH");
    }
    let not_run = workspace::target()?.join("outsiders-not-run");
    if not_run.exists() {
        std::fs::remove_file(&not_run)?;
    }
    let mut cargo = test(&names(&[e2e()])?);
    cargo.env("RULES_CONTAINER_TOOLS", programs::build()?);
    cargo.env("RULES_CONTAINER_NOT_RUN", &not_run);
    match environment::buildbox() {
        Ok(folder) => drop(cargo.env("RULES_CONTAINER_BUILDBOX", folder)),
        Err(error) => println!("buildbox: {error}"),
    }
    match environment::schemas() {
        Ok(folder) => drop(cargo.env("RULES_CONTAINER_SCHEMAS", folder)),
        Err(error) => println!("schemas: {error}"),
    }
    if options.all {
        cargo.env("RULES_CONTAINER_ALL", "1");
    }
    outsiders.run_through(&mut cargo, &workspace::host()?);
    command::run(&mut cargo)?;
    let lines = if not_run.exists() {
        std::fs::read_to_string(&not_run)?
    } else {
        String::new()
    };
    Ok(lines.lines().map(str::to_owned).collect())
}
