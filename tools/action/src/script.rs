//! Programs that run one request: a file whose first line names the tool, and whose rest is the request.
//!
//! The kernel starts the tool with the file as its argument (execve(2), "Interpreter scripts"), and the
//! tool skips the line: there is no shell in between.

use crate::{Arguments, Error, Failed, Request, parse_request};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Builds such a program, as the builder of a Nix derivation: from its structured attributes `request`,
/// `interpreter`, the path of the tool, and `executable`, where in the output the file lies.
///
/// # Errors
/// [`Error`]: attributes that are missing, a request that is none, an output that can't be written.
pub fn write_script<R: Request>() -> Result<(), Failed> {
    let request: Box<RawValue> = Arguments::attribute("request")?;
    let interpreter: String = Arguments::attribute("interpreter")?;
    let executable: PathBuf = Arguments::attribute("executable")?;
    let outputs: BTreeMap<String, PathBuf> = Arguments::attribute("outputs")?;
    // Mistakes are found when it is built, and not when it is run.
    parse_request::<R>("the attribute `request`", request.get().as_bytes())?;
    let out = outputs.get("out").ok_or(Error::NoOut)?;
    let text = format!("#!{interpreter}\n{request}\n");
    let directory = files::OutDir::create(out)?;
    files::write_executable(&directory.path().join(executable), text.as_bytes())?;
    directory.commit()?;
    Ok(())
}
