//! `layer`: from a request that names files to one layer blob and its receipt.
//!
//! It can't reach the network, reads nothing that the request does not name, and writes the same
//! bytes for the same request and the same content, everywhere.

mod ahead;
mod archive;
mod attributes;
mod capabilities;
mod codec;
mod elf;
mod error;
mod gather;
mod item;
mod layer;
mod listing;
mod mode;
mod open;
mod plan;
mod request;
mod same;
#[cfg(test)]
mod schema;
mod select;
mod show;
mod sink;
mod unpack;
mod untar;

use action::At;
use std::path::PathBuf;
use std::process::ExitCode;

/// Pack files into a layer: a request in, a blob and its receipt out.
#[derive(clap::Parser)]
#[command(name = "layer", version)]
struct Arguments {
    #[command(flatten)]
    common: action::Arguments,

    /// Where a listing of the layer goes: one JSON line for each tar entry
    #[arg(long, value_name = "FILE")]
    listing: Option<PathBuf>,
}

fn main() -> ExitCode {
    action::run("layer", |arguments: Arguments| {
        let (request, outputs) = arguments.common.load::<request::Request>()?;
        let origin = request.origin.clone();
        let plan = plan::plan(&request, &outputs.out).at(&origin)?;
        if outputs.plan {
            return action::print_plan(&show::Shown::new(&plan, &request));
        }
        layer::write(&plan, &request, &outputs, arguments.listing).at(&origin)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
