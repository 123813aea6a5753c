//! Developer commands: `cargo xtask demo`, `test`, `bench`, `dist`, `fuzz`, `schemas`.
//!
//! This program drives cargo, the project's own programs and other people's. Nothing that it does
//! reaches the bytes of an image, so the bans on clocks, environment and printing do not hold here.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's command, not a tool: it talks to a person and looks at the machine"
)]

mod bench;
mod command;
mod demo;
mod dist;
mod environment;
mod fuzz;
mod programs;
mod schemas;
mod test;
mod workspace;

use clap::Parser;
use std::process::ExitCode;

/// Developer commands.
#[derive(Parser)]
enum Command {
    /// An image from real files, made twice, the same to the last bit; to a registry and back
    Demo(demo::Options),
    /// Formatting, lints, dependencies, unit tests, all cases, outsiders' checks
    Test(test::Options),
    /// Our programs and other people's, side by side on real files
    Bench(bench::Options),
    /// A release: static programs, tables, checksums, an image of them
    Dist(dist::Options),
    /// Each fuzz target for some seconds
    Fuzz(fuzz::Options),
    /// Write the JSON Schemas in docs/schemas anew from the types
    Schemas,
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Bench(options) => bench::run(&options).and_then(|missing| match missing {
            Some(line) => Err(line.into()),
            None => Ok(()),
        }),
        Command::Dist(options) => dist::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Schemas => schemas::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
