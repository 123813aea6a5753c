//! The command line, the same for all tools:
//! `TOOL REQUEST.json --out PATH [--receipt FILE] [--plan]`.
//!
//! No option but the request changes a byte of the output.

use crate::{Error, Request, parse_request};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The arguments that every tool has, to be flattened into its own.
#[derive(Debug, Clone, clap::Args)]
// Without a group of its own, which would clash with that of a tool's struct of the same name.
#[group(skip)]
pub struct Arguments {
    /// The request: a JSON file, or `-` for standard input
    pub request: Option<PathBuf>,

    /// Where the output is written; it must not exist
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,

    /// Where a JSON report of what was written goes
    #[arg(long, value_name = "FILE")]
    pub receipt: Option<PathBuf>,

    /// Print what would be done, as JSON, and write nothing
    #[arg(long)]
    pub plan: bool,

    /// Be the builder of a Nix derivation: the request is the attribute `request` of its
    /// structured attributes, and `outputs` says where the outputs go
    #[arg(long)]
    pub nix: bool,
}

/// Where the outputs go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    /// The main output. With `plan`, it may be empty and is not written.
    pub out: PathBuf,
    /// The receipt.
    pub receipt: Option<PathBuf>,
    /// Further outputs by name, as Nix gives them.
    pub named: BTreeMap<String, PathBuf>,
    /// Whether only the plan is wanted.
    pub plan: bool,
}

impl Outputs {
    /// A further output: where the command line puts it, or else where Nix does.
    pub fn or_named(&self, given: Option<PathBuf>, name: &str) -> Option<PathBuf> {
        given.or_else(|| self.named.get(name).cloned())
    }
}

/// The part of Nix's structured attributes that is ours.
#[derive(Deserialize)]
struct Attributes<'a> {
    #[serde(borrow)]
    request: &'a RawValue,
    outputs: BTreeMap<String, PathBuf>,
}

impl Arguments {
    /// Reads the request and settles where the outputs go.
    ///
    /// # Errors
    /// [`Error`]: the command line's, the request's, or of the file that holds it.
    pub fn load<R: Request>(&self) -> Result<(R, Outputs), Error> {
        if self.nix {
            return self.load_nix();
        }
        let path = self.request.as_deref().ok_or(Error::NoRequest)?;
        let outputs = self.outputs(BTreeMap::new())?;
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            std::io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(Error::Stdin)?;
            return Ok((parse_request("standard input", &bytes)?, outputs));
        }
        let bytes = files::read(path)?;
        Ok((parse_request(&path.display().to_string(), &bytes)?, outputs))
    }

    fn load_nix<R: Request>(&self) -> Result<(R, Outputs), Error> {
        if self.request.is_some() {
            return Err(Error::TwoRequests);
        }
        let path = attributes_file().ok_or(Error::NoAttributes)?;
        let bytes = files::read(&path)?;
        let name = path.display().to_string();
        let attributes: Attributes<'_> =
            serde_json::from_slice(&bytes).map_err(|error| Error::Json {
                name: name.clone(),
                line: error.line(),
                column: error.column(),
                place: String::new(),
                message: error.to_string(),
            })?;
        let request = parse_request(
            &format!("{name}, attribute `request`"),
            attributes.request.get().as_bytes(),
        )?;
        Ok((request, self.outputs(attributes.outputs)?))
    }

    fn outputs(&self, mut named: BTreeMap<String, PathBuf>) -> Result<Outputs, Error> {
        let out = self.out.clone().or(named.remove("out"));
        let receipt = self.receipt.clone().or(named.remove("receipt"));
        match out {
            None if !self.plan => Err(Error::NoOut),
            out => Ok(Outputs {
                out: out.unwrap_or_default(),
                receipt,
                named,
                plan: self.plan,
            }),
        }
    }
}

/// Where Nix has put the structured attributes (before 2.4 there was no variable).
#[allow(
    clippy::disallowed_methods,
    reason = "the one variable that Nix tells its builders the attributes by; it names a file, never a byte"
)]
fn attributes_file() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("NIX_ATTRS_JSON_FILE") {
        return Some(path.into());
    }
    let path = PathBuf::from(".attrs.json");
    files::exists(&path).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failure;

    #[derive(Debug, Deserialize)]
    struct Any {
        kind: String,
        version: u32,
    }
    impl Request for Any {
        const KIND: &'static str = "any";
        const VERSION: u32 = 1;
        fn head(&self) -> (&str, u32) {
            (&self.kind, self.version)
        }
    }

    fn arguments() -> Arguments {
        Arguments {
            request: None,
            out: None,
            receipt: None,
            plan: false,
            nix: false,
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let none = arguments().load::<Any>().unwrap_err();
        assert_eq!(
            (none.to_string().as_str(), none.blame().exit_code()),
            ("no request", 2)
        );
        let no_out = Arguments {
            request: Some("r".into()),
            ..arguments()
        }
        .load::<Any>();
        let no_out = no_out.unwrap_err();
        assert_eq!(no_out.to_string(), "no `--out`");
        assert!(no_out.hint().unwrap().contains("--plan"));
        let two = Arguments {
            request: Some("r".into()),
            nix: true,
            ..arguments()
        }
        .load::<Any>();
        assert!(two.unwrap_err().to_string().contains("takes no REQUEST"));
    }

    #[test]
    fn a_plan_needs_no_output() {
        let dir = tempfile::tempdir().unwrap();
        let request = dir.path().join("r.json");
        files::write(&request, br#"{"kind":"any","version":1}"#).unwrap();
        let arguments = Arguments {
            request: Some(request),
            plan: true,
            ..arguments()
        };
        assert!(arguments.load::<Any>().unwrap().1.plan);
    }

    #[test]
    fn the_command_line_goes_before_nix() {
        let outputs = Outputs {
            out: "o".into(),
            receipt: None,
            named: BTreeMap::from([("listing".into(), "/nix/store/l".into())]),
            plan: false,
        };
        assert_eq!(
            outputs.or_named(None, "listing"),
            Some("/nix/store/l".into())
        );
        assert_eq!(
            outputs.or_named(Some("x".into()), "listing"),
            Some("x".into())
        );
        assert_eq!(outputs.or_named(None, "other"), None);
    }
}
