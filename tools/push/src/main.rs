//! `push`: images to registries, and into layouts, archives and the stores of docker and podman. It asks
//! first what is there, sends only what is missing, and writes tags last.

mod bytes;
mod error;
mod gather;
mod into;
mod journal;
mod parallel;
mod plan;
mod promote;
mod push;
mod referrers;
mod remote;
mod request;
mod source;
mod stamps;

use action::{At, Outputs};
use std::path::PathBuf;
use std::process::ExitCode;

/// Push images to registries: a request in, and silence where all of it is there
#[derive(clap::Parser)]
#[command(
    name = "push",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,

    /// The request: a JSON file, or `-` for standard input
    #[arg(required_unless_present = "nix")]
    request: Option<PathBuf>,

    /// Where a JSON report of what was written goes, also where a push fails half-way
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,

    /// Ask the registries, print what would be done, as JSON, and write nothing
    #[arg(long)]
    plan: bool,

    /// Say where the logins that would be used are found, and never what they are; push nothing
    #[arg(long)]
    explain_auth: bool,

    /// Be the builder of a Nix derivation whose output is a program that runs the request: see
    /// `rules/nix/pushImage.nix`
    #[arg(long, conflicts_with_all = ["request", "receipt", "plan", "explain_auth"])]
    nix: bool,
}

/// What to do for people.
#[derive(clap::Subcommand)]
enum Verb {
    /// Bring one image, by its digest, to further registries and tags, with what refers to it
    Promote(promote::PromoteArguments),
}

fn main() -> ExitCode {
    action::run("push", |arguments: Arguments| {
        if let Some(Verb::Promote(arguments)) = &arguments.verb {
            let request = arguments.request()?;
            let outputs = Outputs {
                receipt: arguments.receipt.clone(),
                plan: arguments.plan,
                ..Outputs::default()
            };
            return run(&request, &outputs);
        }
        if arguments.nix {
            return action::write_script::<request::Request>();
        }
        let common = action::Arguments {
            request: arguments.request,
            // Its output is in registries.
            out: Some(PathBuf::new()),
            receipt: arguments.receipt,
            // Nothing is written then, as for a plan.
            plan: arguments.plan || arguments.explain_auth,
            nix: false,
        };
        let (request, outputs) = common.load::<request::Request>()?;
        match arguments.explain_auth {
            true => action::print_plan(&explain(&request).at(&request.origin)?),
            false => run(&request, &outputs),
        }
    })
}

/// Where the logins are found that a request's repositories want.
fn explain(request: &request::Request) -> error::Result<Vec<registry::Explained>> {
    let registries = request.access.open()?;
    let orders = gather::gather(request, &registries)?;
    let mut logins: Vec<registry::Explained> = Vec::new();
    for shipment in &orders.shipments {
        let found = registries.explain(&shipment.registry, &shipment.path)?;
        if !logins.contains(&found) {
            logins.push(found);
        }
    }
    Ok(logins)
}

fn run(request: &request::Request, outputs: &Outputs) -> Result<(), action::Failed> {
    let origin = &request.origin;
    let registries = request
        .access
        .open()
        .map_err(error::Error::from)
        .at(origin)?;
    let orders = gather::gather(request, &registries).at(origin)?;
    let plan = plan::plan(orders, &registries).at(origin)?;
    if outputs.plan {
        return action::print_plan(&plan::Shown::new(&plan));
    }
    // A receipt that can't be written is known before anything is sent.
    let mut file = match &outputs.receipt {
        Some(path) => Some(files::OutFile::create(path).at(origin)?),
        None => None,
    };
    let missing = plan.stops.iter().flat_map(|stop| &stop.missing);
    let (blobs, bytes) = missing.fold((0, 0), |(blobs, bytes), blob| {
        (blobs + 1, bytes + blob.size)
    });
    let progress = progress::Progress::new(origin, bytes);
    let way = push::Way {
        registries: &registries,
        parallel: registry::parallel(request.parallel, blobs, bytes),
        journal: request.journal.as_deref(),
        progress: &progress,
    };
    let (receipt, result) = push::push(&plan, &way, origin);
    drop(progress);
    if let Some(mut file) = file.take() {
        file.put(&receipt.to_bytes().at(origin)?).at(origin)?;
        file.commit().at(origin)?;
    }
    result.at(origin)
}
