//! `assemble`: base, layer receipts and config to an OCI image, or images to an index.
//!
//! It can't reach the network, never opens a layer unless it copies it, and writes the same bytes
//! for the same request and the same inputs, everywhere.

mod assemble;
mod base;
mod checks;
mod config;
mod error;
mod expand;
mod gather;
mod graph;
mod history;
mod image;
mod index;
mod lines;
mod names;
mod plan;
mod request;
mod stamps;
mod time;
mod tree;
mod words;

use action::At;
use std::path::PathBuf;
use std::process::ExitCode;

/// Assemble an image from a base, layers and a config, or an index from images
#[derive(clap::Parser)]
#[command(name = "assemble", version)]
struct Arguments {
    #[command(flatten)]
    common: action::Arguments,

    /// Where the digest of the image or index goes, as text without a newline
    #[arg(long, value_name = "FILE")]
    digest: Option<PathBuf>,

    /// Where the documents of a layout go, so that the layout links to them too (`transfer`: `symlink`)
    #[arg(long, value_name = "FOLDER")]
    documents: Option<PathBuf>,
}

fn main() -> ExitCode {
    action::run("assemble", |arguments: Arguments| {
        let (mut request, outputs) = arguments.common.load::<request::Request>()?;
        let origin = request.origin.clone();
        lines::fill(&mut request).at(&origin)?;
        let inputs = gather::gather(&request).at(&origin)?;
        let plan = plan::plan(&request, &inputs).at(&origin)?;
        if outputs.plan {
            return action::print_plan(&plan::Shown::new(&plan));
        }
        for warning in &plan.made.warnings {
            action::warn("assemble", &origin, warning);
        }
        assemble::write(&plan, &outputs, arguments.digest, arguments.documents).at(&origin)
    })
}
