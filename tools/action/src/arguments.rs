//! The command line, the same for all tools:
//! `TOOL REQUEST.json --out PATH [--receipt FILE] [--plan]`.
//!
//! No option but the request changes a byte of the output.

use crate::{Error, Request, parse_request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs {
    /// The main output. With `plan`, it may be empty and is not written.
    pub out: PathBuf,
    /// The receipt.
    pub receipt: Option<PathBuf>,
    /// Further outputs by name, as Nix gives them.
    pub named: BTreeMap<String, PathBuf>,
    /// Whether only the plan is wanted.
    pub plan: bool,
    /// The request as it was written, without a line that names its interpreter.
    pub text: Vec<u8>,
}

impl Outputs {
    /// A further output: where the command line puts it, or else where Nix does.
    pub fn or_named(&self, given: Option<PathBuf>, name: &str) -> Option<PathBuf> {
        given.or_else(|| self.named.get(name).cloned())
    }

    fn of(mut self, document: Document) -> Self {
        self.text = document.bytes;
        self
    }
}

/// The part of Nix's structured attributes that is ours.
#[derive(Deserialize)]
struct Attributes<'a> {
    #[serde(borrow)]
    request: &'a RawValue,
    outputs: BTreeMap<String, PathBuf>,
}

/// A request of one of two kinds.
#[derive(Debug)]
pub enum Either<A, B> {
    /// Of the first.
    First(A),
    /// Of the second.
    Second(B),
}

/// What a request was read from, and its bytes.
struct Document {
    name: String,
    bytes: Vec<u8>,
}

impl Arguments {
    /// Reads the request and settles where the outputs go.
    ///
    /// # Errors
    /// [`Error`]: the command line's, the request's, or of the file that holds it.
    pub fn load<R: Request>(&self) -> Result<(R, Outputs), Error> {
        let (document, outputs) = self.document()?;
        if outputs.out.as_os_str().is_empty() && !outputs.plan && self.out.is_none() {
            return Err(Error::NoOut);
        }
        let request = parse_request(&document.name, &document.bytes)?;
        Ok((request, outputs.of(document)))
    }

    /// The same for a tool that takes requests of two kinds, and that can do without a main output.
    ///
    /// # Errors
    /// As [`Arguments::load`]; [`Error::NoOut`] only where no receipt is wanted either.
    pub fn load_either<A: Request, B: Request>(&self) -> Result<(Either<A, B>, Outputs), Error> {
        let (document, outputs) = self.document()?;
        let nothing = outputs.out.as_os_str().is_empty() && outputs.receipt.is_none();
        if nothing && !outputs.plan {
            return Err(Error::NoOut);
        }
        // The first kind is the common one: it is not parsed twice.
        let request = match parse_request::<A>(&document.name, &document.bytes) {
            Ok(request) => Either::First(request),
            Err(Error::Kind { found, .. }) if found == B::KIND => {
                Either::Second(parse_request(&document.name, &document.bytes)?)
            }
            Err(error) => return Err(error),
        };
        Ok((request, outputs.of(document)))
    }

    /// Another of Nix's structured attributes than the request.
    ///
    /// # Errors
    /// [`Error::NoAttributes`], [`Error::NoAttribute`], [`Error::Json`], [`Error::Files`].
    pub fn attribute<T: DeserializeOwned>(key: &str) -> Result<T, Error> {
        let path = attributes_file().ok_or(Error::NoAttributes)?;
        let name = path.display().to_string();
        let bytes = files::read(&path)?;
        let json =
            |place: &str, error: &serde_json::Error| Error::json(&name, None, place.into(), error);
        let attributes: BTreeMap<String, &RawValue> =
            serde_json::from_slice(&bytes).map_err(|error| json("", &error))?;
        let Some(value) = attributes.get(key) else {
            return Err(Error::NoAttribute {
                name,
                key: key.to_owned(),
            });
        };
        serde_json::from_str(value.get()).map_err(|error| json(key, &error))
    }

    fn document(&self) -> Result<(Document, Outputs), Error> {
        if self.nix {
            return self.nix_document();
        }
        let path = self.request.as_deref().ok_or(Error::NoRequest)?;
        let outputs = self.outputs(BTreeMap::new())?;
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            std::io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(Error::Stdin)?;
            let name = "standard input".to_owned();
            return Ok((Document { name, bytes }, outputs));
        }
        let bytes = without_interpreter(files::read(path)?);
        let name = path.display().to_string();
        Ok((Document { name, bytes }, outputs))
    }

    fn nix_document(&self) -> Result<(Document, Outputs), Error> {
        if self.request.is_some() {
            return Err(Error::TwoRequests);
        }
        let path = attributes_file().ok_or(Error::NoAttributes)?;
        let bytes = files::read(&path)?;
        let name = path.display().to_string();
        let attributes: Attributes<'_> = serde_json::from_slice(&bytes).map_err(|error| {
            let kind = None;
            Error::json(&name, kind, String::new(), &error)
        })?;
        let document = Document {
            name: format!("{name}, attribute `request`"),
            bytes: attributes.request.get().as_bytes().to_vec(),
        };
        Ok((document, self.outputs(attributes.outputs)?))
    }

    fn outputs(&self, mut named: BTreeMap<String, PathBuf>) -> Result<Outputs, Error> {
        let out = self.out.clone().or(named.remove("out"));
        let receipt = self.receipt.clone().or(named.remove("receipt"));
        // Before the request is read: it may be long.
        if out.is_none() && receipt.is_none() && !self.plan {
            return Err(Error::NoOut);
        }
        Ok(Outputs {
            out: out.unwrap_or_default(),
            receipt,
            named,
            plan: self.plan,
            text: Vec::new(),
        })
    }
}

/// Takes the content of a first line that begins with `#!`. Its newline stays, so that errors count
/// lines as an editor does.
fn without_interpreter(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.starts_with(b"#!") {
        let end = bytes.iter().position(|&byte| byte == b'\n');
        bytes.drain(..end.unwrap_or(bytes.len()));
    }
    bytes
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
    fn a_request_may_name_its_interpreter() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("push");
        let request = Arguments {
            request: Some(path.clone()),
            out: Some("o".into()),
            ..arguments()
        };
        let text = "#!/nix/store/x/bin/any\n{\"kind\":\"any\",\n\"version\":1}";
        files::write(&path, text.as_bytes()).unwrap();
        assert_eq!(request.load::<Any>().unwrap().0.kind, "any");
        // Lines are counted as they stand in the file.
        let path = dir.path().join("push again");
        let request = Arguments {
            request: Some(path.clone()),
            ..request
        };
        files::write(&path, b"#!x\n{\"kind\":\"any\",\n\"version\":x}").unwrap();
        let error = request.load::<Any>().unwrap_err().to_string();
        assert!(error.contains("push again:3:"), "{error}");
        // Only as the first bytes, and a line alone is no request.
        for (at, text) in [" #!x\n{}", "#!x", "#!x\n"].into_iter().enumerate() {
            let path = dir.path().join(at.to_string());
            files::write(&path, text.as_bytes()).unwrap();
            let request = Arguments {
                request: Some(path),
                ..request.clone()
            };
            assert!(matches!(request.load::<Any>(), Err(Error::Json { .. })));
        }
    }

    #[test]
    fn a_tool_of_two_kinds() {
        #[derive(Debug, Deserialize)]
        struct Other {
            kind: String,
            version: u32,
        }
        impl Request for Other {
            const KIND: &'static str = "other";
            const VERSION: u32 = 1;
            fn head(&self) -> (&str, u32) {
                (&self.kind, self.version)
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let load = |name: &str, text: &str| {
            let path = dir.path().join(name);
            files::write(&path, text.as_bytes()).unwrap();
            let arguments = Arguments {
                request: Some(path),
                receipt: Some("r".into()),
                ..arguments()
            };
            arguments.load_either::<Any, Other>()
        };
        let (request, outputs) = load("a", r#"{"kind":"any","version":1}"#).unwrap();
        assert!(matches!(request, Either::First(_)));
        // It can do without the main output where there is a receipt.
        assert!(outputs.out.as_os_str().is_empty());
        let other = load("b", r#"{"kind":"other","version":1}"#).unwrap().0;
        assert!(matches!(other, Either::Second(_)));
        assert!(matches!(
            load("c", r#"{"kind":"x","version":1}"#),
            Err(Error::Kind { .. })
        ));
        assert!(matches!(
            load("d", r#"{"kind":"other","version":2}"#),
            Err(Error::Version { .. })
        ));
    }

    #[test]
    fn the_command_line_goes_before_nix() {
        let outputs = Outputs {
            out: "o".into(),
            receipt: None,
            named: BTreeMap::from([("listing".into(), "/nix/store/l".into())]),
            plan: false,
            text: Vec::new(),
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
