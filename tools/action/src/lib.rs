//! What every tool does around its work: arguments, loading the request, printing the plan,
//! errors and exit codes. It knows nothing of OCI.
//!
//! The main function of a tool is a sentence made of these:
//!
//! ```text
//! action::run("layer", |arguments: Arguments| {
//!     let (request, outputs) = arguments.common.load::<Request>()?;
//!     let plan = Plan::new(&request).at(&request.origin)?;
//!     if outputs.plan { return action::print_plan(&plan); }
//!     layer::write(&plan, &outputs).at(&request.origin)
//! })
//! ```
//!
//! It refuses to read the environment, but for `NIX_ATTRS_JSON_FILE` where `--nix` asks for it.

mod arguments;
mod error;
mod failure;
mod json;
mod run;
mod script;
mod words;

pub use arguments::{Arguments, Either, Outputs};
pub use error::Error;
pub use failure::{At, Blame, Detail, Failed, Failure};
pub use json::{Request, parse_request, unique};
pub use run::{print, print_plan, run, warn};
pub use script::write_script;
