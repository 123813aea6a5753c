//! `layer`: from a request that names files to one layer blob and its receipt; or from a graph of paths
//! to several.
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
mod layers;
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

use action::{At, Either};
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

    /// Where a list of the request's `unused` goes, one a line
    #[arg(long, value_name = "FILE")]
    unused: Option<PathBuf>,

    /// Of several layers: where a folder with a request for each of them goes
    #[arg(long, value_name = "PATH")]
    requests: Option<PathBuf>,

    /// Of several layers: print why each path is in its layer, as JSON, and write nothing
    #[arg(long)]
    explain: bool,
}

fn main() -> ExitCode {
    action::run("layer", |arguments: Arguments| {
        let mut common = arguments.common.clone();
        common.plan |= arguments.explain;
        let (request, outputs) = common.load_either::<request::Request, request::Layers>()?;
        let request = match request {
            Either::First(request) => request,
            Either::Second(request) => {
                let origin = request.origin.clone();
                let planned = layers::plan(&request, &outputs).at(&origin)?;
                if arguments.explain {
                    return action::print_plan(&planned.explain());
                }
                if outputs.plan {
                    return action::print_plan(&planned.plan());
                }
                return layers::write(&planned, &request, &outputs, arguments.requests).at(&origin);
            }
        };
        let origin = request.origin.clone();
        let plan = plan::plan(&request, &outputs.out).at(&origin)?;
        if outputs.plan {
            return action::print_plan(&show::Shown::new(&plan, &request));
        }
        let reports = layer::Reports {
            listing: arguments.listing,
            unused: arguments.unused,
        };
        layer::write(&plan, &request, &outputs, reports).at(&origin)
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
