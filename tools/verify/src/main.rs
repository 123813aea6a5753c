//! `verify`: is an image what it says, and what was expected of it?
//!
//! Builds and tests run `verify REQUEST.json [--out PATH]`: every check of the request holds, or it fails.
//! The verbs are for people. It changes nothing but the report, and the one file that `update` is told.

mod attested;
mod digest;
mod error;
mod expect;
mod explain;
mod kept;
mod plan;
mod rebuild;
mod remote;
mod report;
mod request;
mod same;
mod sarif;
mod source;
mod tree;
mod update;
mod verbs;
mod verify;

use action::At;
use std::path::PathBuf;
use std::process::ExitCode;

/// Check images: a request in, and silence where every check holds
#[derive(clap::Parser)]
#[command(name = "verify", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<verbs::Verb>,

    #[command(flatten)]
    common: action::Arguments,
}

fn main() -> ExitCode {
    action::run("verify", |mut arguments: Arguments| {
        if let Some(verb) = &arguments.verb {
            return verbs::run(verb);
        }
        // A test wants the exit code alone.
        let common = &mut arguments.common;
        if common.out.is_none() && !common.nix {
            common.out = Some(PathBuf::new());
        }
        let (request, outputs) = common.load::<request::Request>()?;
        let plan = plan::plan(&request).at(&request.origin)?;
        if outputs.plan {
            return action::print_plan(&plan);
        }
        verify::run(&plan, &request, &outputs).at(&request.origin)
    })
}
