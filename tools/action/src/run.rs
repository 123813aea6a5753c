//! The frame around a tool's work: parse, do, print what went wrong once, exit.
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::exit,
    clippy::disallowed_methods,
    reason = "the one place where tools print and choose their exit code"
)]

use crate::failure::render;
use crate::{Blame, Error, Failed, Failure};
use serde::Serialize;
use std::io::{self, Write};
use std::process::ExitCode;

/// Runs a tool: parses its command line, does `body`, prints the error if there is one.
pub fn run<A: clap::Parser>(
    tool: &'static str,
    body: impl FnOnce(A) -> Result<(), Failed>,
) -> ExitCode {
    std::panic::set_hook(Box::new(move |panic| {
        eprintln!("{tool}: bug: {panic}");
        eprintln!("hint: report this with the request; nothing has been written");
        std::process::exit(i32::from(Blame::Bug.exit_code()));
    }));
    let arguments = match A::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            let text = error.render().to_string();
            eprint!("{tool}: {}", text.strip_prefix("error: ").unwrap_or(&text));
            return ExitCode::from(Blame::Usage.exit_code());
        }
        Err(help) => {
            print!("{}", help.render());
            return ExitCode::SUCCESS;
        }
    };
    match body(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprint!("{}", failed.render(tool));
            ExitCode::from(failed.exit_code())
        }
    }
}

/// Prints a plan on standard output, as indented JSON.
///
/// # Errors
/// [`Error::Stdout`].
pub fn print_plan(plan: &impl Serialize) -> Result<(), Failed> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, plan)
        .map_err(io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush())
        .map_err(|error| Error::Stdout(error).into())
}

/// Prints lines for people on standard output.
///
/// # Errors
/// [`Error::Stdout`].
pub fn print(text: &str) -> Result<(), Failed> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Error::Stdout(error).into())
}

/// Prints a failure that the request says is only worth a warning.
pub fn warn(tool: &str, origin: &str, failure: &dyn Failure) {
    eprint!(
        "{}",
        render(tool, &format!("{origin}: warning: {failure}"), failure)
    );
}
