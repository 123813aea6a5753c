//! `pull`: from an entry of a lock to an OCI layout, which is a pure function of that entry.
//!
//! Builds run `pull REQUEST.json --out PATH` and never resolve a tag. The verbs are for people.

mod blob;
mod error;
mod fetch;
mod lock;
mod mirrors;
mod nix_store;
mod plan;
mod pull;
mod request;
mod resolve;
mod vendor;
mod verbs;
mod verify;

use action::At;
use plan::Planned;
use std::process::ExitCode;

/// Pull an image that is locked: a request in, an OCI layout out
#[derive(clap::Parser)]
#[command(name = "pull", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<verbs::Verb>,

    #[command(flatten)]
    common: action::Arguments,

    /// Say where the logins that would be used are found, and never what they are; pull nothing
    #[arg(long)]
    explain_auth: bool,
}

fn main() -> ExitCode {
    action::run("pull", |mut arguments: Arguments| {
        if let Some(verb) = &arguments.verb {
            return match verbs::run(verb)? {
                Some(shown) => action::print_plan(&shown),
                None => Ok(()),
            };
        }
        // Nothing is written then, as for a plan.
        arguments.common.plan |= arguments.explain_auth;
        let (request, outputs) = arguments.common.load::<request::Request>()?;
        let origin = &request.origin;
        let planned = plan::plan(&request).at(origin)?;
        if arguments.explain_auth {
            let name = planned.name();
            return action::print_plan(&pull::explain(name, &request).at(origin)?);
        }
        match planned {
            Planned::Image(plan) if outputs.plan => action::print_plan(&plan::Shown::new(&plan)),
            Planned::Blob(plan) if outputs.plan => action::print_plan(&blob::Shown::new(&plan)),
            Planned::Image(plan) => pull::write(&plan, &request, &outputs).at(origin),
            Planned::Blob(plan) => blob::write(&plan, &request, &outputs).at(origin),
        }
    })
}
