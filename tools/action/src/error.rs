//! What can go wrong before a tool's own work begins: the command line and the request.

use crate::{Blame, Detail, Failure, words};

/// Errors of arguments and requests.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// Neither a request nor `--nix`.
    #[error("no request")]
    NoRequest,
    /// A request and `--nix`.
    #[error("`--nix` takes the request from the structured attributes, and so takes no REQUEST")]
    TwoRequests,
    /// No place for the output.
    #[error("no `--out`")]
    NoOut,
    /// `--nix` outside a Nix builder with structured attributes.
    #[error(
        "`--nix`: no structured attributes: NIX_ATTRS_JSON_FILE is not set and there is no .attrs.json"
    )]
    NoAttributes,
    /// An attribute that the request speaks of is not there.
    #[error("{name} has no attribute `{key}`")]
    NoAttribute {
        /// The file of the attributes.
        name: String,
        /// The attribute.
        key: String,
    },
    /// Standard input could not be read.
    #[error("cannot read standard input")]
    Stdin(#[source] std::io::Error),
    /// The plan could not be printed.
    #[error("cannot print the plan")]
    Stdout(#[source] std::io::Error),
    /// Not JSON, or not the JSON that was asked for.
    #[error("{name}:{line}:{column}: {message}")]
    Json {
        /// The request's name.
        name: String,
        /// The kind of request that it was to be, if it was to be one.
        kind: Option<&'static str>,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The place inside the document, as `entries[3].file.mode`; empty at the top.
        place: String,
        /// What the parser said.
        message: String,
    },
    /// A request for another tool.
    #[error("{name}: this is a request for `{found}`, not for `{expected}`")]
    Kind {
        /// The request's name.
        name: String,
        /// The kind it has.
        found: String,
        /// The kind this tool takes.
        expected: &'static str,
    },
    /// A request of another version.
    #[error("{name}: request version {found}; this tool knows version {expected}")]
    Version {
        /// The request's name.
        name: String,
        /// The version it has.
        found: u64,
        /// The version this tool knows.
        expected: u32,
    },
}

impl Error {
    /// A document that is no JSON, or not that of a request of this kind; `place` is where inside of it.
    pub(crate) fn json(
        name: &str,
        kind: Option<&'static str>,
        place: String,
        error: &serde_json::Error,
    ) -> Self {
        let (line, column) = (error.line(), error.column());
        let message = error.to_string();
        let suffix = format!(" at line {line} column {column}");
        let message = message.strip_suffix(&suffix).unwrap_or(&message);
        Self::Json {
            name: name.to_owned(),
            kind,
            line,
            column,
            place,
            message: words::plain(message),
        }
    }
}

impl Failure for Error {
    fn details(&self) -> Vec<Detail> {
        match self {
            Self::Json { place, .. } if !place.is_empty() => vec![Detail::new("at", place.clone())],
            _ => Vec::new(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Files(error) => error.hint(),
            Self::NoRequest => Some("give the path of a request, `-` for standard input, or `--nix`".into()),
            Self::NoOut => Some("give `--out PATH`, or `--plan` to see what would be done".into()),
            Self::NoAttributes => {
                Some("set `__structuredAttrs = true` in the derivation, and put the request in its attribute `request`".into())
            }
            Self::NoAttribute { key, .. } => Some(format!(
                "give the derivation `exportReferencesGraph.{key}`"
            )),
            Self::Json { kind: None, .. } => None,
            Self::Json { kind: Some(kind), message, .. } => {
                let page = match *kind {
                    "layer" => "docs/requests.md".into(),
                    kind => format!("docs/requests/{kind}.md"),
                };
                let fields = format!("{page} lists the fields; docs/schemas/{kind}.schema.json has them as JSON Schema");
                Some(match words::meant(message) {
                    Some(name) => format!("is `{name}` meant? {fields}"),
                    None => fields,
                })
            }
            Self::Kind { found, .. } => Some(format!("run the tool `{found}`, or mend the field `kind`")),
            Self::Version { found, expected, .. } => Some(if *found > u64::from(*expected) {
                "the rules that wrote it are newer than this tool: take the tool of the same release".into()
            } else {
                "this tool is newer than the rules that wrote it: take the rules of the same release".into()
            }),
            Self::TwoRequests | Self::Stdin(_) | Self::Stdout(_) => None,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Files(error) => error.blame(),
            Self::NoRequest | Self::TwoRequests | Self::NoOut | Self::NoAttributes => Blame::Usage,
            Self::Stdin(_) | Self::Stdout(_) => Blame::Environment,
            Self::NoAttribute { .. }
            | Self::Json { .. }
            | Self::Kind { .. }
            | Self::Version { .. } => Blame::Input,
        }
    }
}
