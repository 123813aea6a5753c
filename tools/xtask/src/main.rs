//! Developer commands: `cargo xtask test`, `bench`, `schemas`.
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
mod environment;
mod programs;
mod schemas;
mod test;
mod workspace;

use clap::Parser;
use std::process::ExitCode;

/// Developer commands.
#[derive(Parser)]
enum Command {
    /// Formatting, lints, dependencies, unit tests, all cases, outsiders' checks
    Test(test::Options),
    /// Our programs and other people's, side by side on real files
    Bench(bench::Options),
    /// Write the JSON Schemas in docs/schemas anew from the types
    Schemas,
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Test(options) => test::run(&options),
        Command::Bench(options) => bench::run(&options),
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
