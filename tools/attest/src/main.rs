//! `attest`: what an image is made of and how, said in documents that refer to it.
//!
//! From receipts, requests and listings it makes bills of materials (SPDX 2.3, CycloneDX 1.6), provenance
//! (in-toto statement, SLSA predicate) and the sealed requests by which an image can be made again. It
//! opens no layer, and asks neither the network nor the clock.

mod attest;
mod error;
mod plan;
mod request;

use action::At;
use std::process::ExitCode;

/// Say what an image is made of: a request in, a layout of documents that refer to it out
#[derive(clap::Parser)]
#[command(name = "attest", version)]
struct Arguments {
    #[command(flatten)]
    common: action::Arguments,

    #[command(flatten)]
    files: attest::Files,
}

fn main() -> ExitCode {
    action::run("attest", |arguments: Arguments| {
        let (request, outputs) = arguments.common.load::<request::Request>()?;
        let plan = plan::plan(&request).at(&request.origin)?;
        if outputs.plan {
            return action::print_plan(&plan::Shown::new(&plan));
        }
        attest::write(&plan, &request, &outputs, &arguments.files).at(&request.origin)
    })
}
