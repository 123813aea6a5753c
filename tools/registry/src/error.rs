//! What can go wrong with a registry, with host, repository, what was wanted, status and the
//! registry's own words, and never a secret: no header, no query, no credential is in a message.

use std::fmt;
use std::path::{Path, PathBuf};

use oci::Digest;
use oci::error::Shown;

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What was being done, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// The registry, by the user's name for it.
    pub registry: String,
    /// The repository.
    pub repository: String,
    /// The HTTP method.
    pub method: &'static str,
    /// The thing: `manifest latest`, `blob sha256:…`.
    pub what: String,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let At {
            registry,
            repository,
            method,
            what,
        } = self;
        write!(f, "{method} {what} of `{registry}/{repository}`")
    }
}

/// How the words begin that say where no credentials came from.
pub(crate) const NOBODY: &str = "none: ";

/// How the reason begins where a helper is not there.
pub(crate) const NOT_RUN: &str = "it can't be run";

/// Why nothing is followed out of TLS.
pub(crate) const DOWNGRADE: &str = "it leads from https to http";

/// Why a host is not spoken to in plain HTTP.
pub(crate) const PLAIN: &str = "it is not https";

/// What an answer with an error status says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The registry's codes: `NAME_UNKNOWN`.
    pub codes: Vec<Shown>,
    /// The registry's words.
    pub message: Option<Shown>,
}

impl Answer {
    /// Whether the registry says that a tag leads where it leads for good. Each has a code of its own for it,
    /// and all have the word.
    fn is_of_fixed_tags(&self) -> bool {
        let says = |text: &Shown| text.to_string().to_lowercase().contains("immutab");
        matches!(self.status, 400 | 403 | 405 | 409 | 412)
            && (self.message.as_ref().is_some_and(says) || self.codes.iter().any(says))
    }
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// A registry's name that is none.
    #[error("`{name}` is not the name of a registry: {reason}")]
    Name {
        /// What was given.
        name: Shown,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// A file of certificates or keys.
    #[error("`{}` can't be used for TLS: {reason}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// A file of settings that is none.
    #[error("`{}` is not a file of settings: {reason}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
        /// What such a file has.
        hint: &'static str,
    },
    /// No answer came, or it broke off, as often as it was tried.
    #[error("{at}: no whole answer")]
    Network {
        /// What was wanted.
        at: Box<At>,
        /// How often it was tried.
        tries: u32,
        /// What went wrong the last time.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The body comes too slowly.
    #[error("{at}: the answer comes too slowly")]
    Slow {
        /// What was wanted.
        at: Box<At>,
        /// The least number of bytes.
        bytes: u64,
        /// In so many seconds.
        seconds: u64,
    },
    /// A host that the registry named is where it must not lead.
    #[error("{at}: the registry leads to a place that it must not lead to")]
    Blocked {
        /// What was wanted.
        at: Box<At>,
        /// Which host, at which address.
        place: String,
    },
    /// A redirect that is not followed.
    #[error("{at}: the redirect to {to} is not followed: {reason}")]
    Redirect {
        /// What was wanted.
        at: Box<At>,
        /// Where it leads, without its query.
        to: Shown,
        /// Why.
        reason: &'static str,
    },
    /// The registry has no such thing: 404 or 410.
    #[error("{at}: it is not there")]
    Absent {
        /// What was wanted.
        at: Box<At>,
        /// What the registry says.
        answer: Answer,
    },
    /// The registry does not let us: 401 or 403.
    #[error("{at}: the registry refuses")]
    Denied {
        /// What was wanted.
        at: Box<At>,
        /// What the registry says.
        answer: Answer,
        /// Where the credentials came from.
        credentials: String,
    },
    /// Another status than the ones that are understood.
    #[error("{at}: the registry answers with {}", answer.status)]
    Status {
        /// What was wanted.
        at: Box<At>,
        /// What the registry says.
        answer: Answer,
        /// How often it was tried.
        tries: u32,
    },
    /// The registry wants us to wait longer than we do.
    #[error("{at}: the registry wants {seconds} seconds to pass")]
    Wait {
        /// What was wanted.
        at: Box<At>,
        /// What the registry says.
        answer: Answer,
        /// How long.
        seconds: u64,
    },
    /// The challenge of a 401 cannot be met.
    #[error("{at}: the registry asks for credentials in a way that is not understood: {reason}")]
    Challenge {
        /// What was wanted.
        at: Box<At>,
        /// Why.
        reason: &'static str,
    },
    /// The realm of a challenge is not asked for a token.
    #[error("{at}: no token is asked for at {realm}: {reason}")]
    Realm {
        /// What was wanted.
        at: Box<At>,
        /// The realm, without its query.
        realm: Shown,
        /// Why.
        reason: &'static str,
    },
    /// A token service's answer holds no token.
    #[error("{at}: the answer of {realm} is not a token: {reason}")]
    Token {
        /// What was wanted.
        at: Box<At>,
        /// The realm, without its query.
        realm: Shown,
        /// Why.
        reason: String,
    },
    /// Bytes whose digest is not the one that was asked for, or said.
    #[error("{at}: the bytes do not have the digest")]
    WrongDigest {
        /// What was wanted.
        at: Box<At>,
        /// The digest that is wanted.
        expected: Box<Digest>,
        /// The digest that the bytes have.
        found: Box<Digest>,
    },
    /// More or fewer bytes than there must be.
    #[error("{at}: the size is wrong")]
    WrongSize {
        /// What was wanted.
        at: Box<At>,
        /// Bytes that are wanted.
        expected: u64,
        /// Bytes that came, or were announced; `None` where there is no end to them.
        found: Option<u64>,
    },
    /// More bytes than are read.
    #[error("{at}: the answer is larger than {limit} bytes")]
    TooLarge {
        /// What was wanted.
        at: Box<At>,
        /// The most that is read.
        limit: u64,
    },
    /// A field of the answer's header that contradicts the rest.
    #[error("{at}: the answer's `{field}` is {problem}")]
    Header {
        /// What was wanted.
        at: Box<At>,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A document that is not what it says it is.
    #[error("{at}: {error}")]
    Document {
        /// What was wanted.
        at: Box<At>,
        /// What is wrong with it.
        error: oci::Error,
    },
    /// Docker's first format.
    #[error("{at}: it is a manifest of Docker's schema 1, which has no digests of layers")]
    Schema1 {
        /// What was wanted.
        at: Box<At>,
    },
    /// A file of credentials that is not what it has to be.
    #[error("`{}` is not a file of credentials: {reason}", path.display())]
    CredentialFile {
        /// The file, or the variable.
        path: PathBuf,
        /// Why. It holds no part of the file.
        reason: String,
    },
    /// A credential helper failed.
    #[error("the credential helper `{helper}` failed for `{server}`: {reason}")]
    Helper {
        /// The helper.
        helper: Shown,
        /// What it was asked about.
        server: Shown,
        /// The file that names it.
        named_in: String,
        /// Why.
        reason: String,
    },
    /// A credential helper where none may be run.
    #[error("`{}` names the credential helper `{helper}` for `{registry}`, and a build runs none", path.display())]
    HelperInAction {
        /// The file.
        path: PathBuf,
        /// The helper.
        helper: Shown,
        /// The registry.
        registry: String,
    },
    /// What is to be sent could not be read.
    #[error("{at}: what is to be sent can't be read")]
    Content {
        /// What was wanted.
        at: Box<At>,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What was received could not be kept.
    #[error("{at}: what came can't be written")]
    Sink {
        /// What was wanted.
        at: Box<At>,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn pem(path: &Path, reason: &'static str) -> Self {
        Error::Pem {
            path: path.to_owned(),
            reason,
        }
    }

    /// Whether the registry says, in clear words, that it does not have the thing. A refusal is not
    /// that: a gatekeeper may hide what it does have.
    pub fn is_absent(&self) -> bool {
        matches!(self, Error::Absent { .. })
    }

    /// Whether trying again, as it is, may help.
    pub fn is_environment(&self) -> bool {
        match self {
            Error::Files(error) => error.is_environment(),
            Error::Network { .. }
            | Error::Slow { .. }
            | Error::Wait { .. }
            | Error::Sink { .. }
            | Error::Content { .. }
            | Error::Helper { .. } => true,
            Error::Status { answer, .. } => is_passing(answer.status),
            _ => false,
        }
    }

    /// What was expected, what was found, what the registry said: words and values.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        let mut details = Vec::new();
        let mut answered = |answer: &Answer| {
            details.push(("status", answer.status.to_string()));
            if !answer.codes.is_empty() {
                let codes: Vec<String> = answer.codes.iter().map(Shown::to_string).collect();
                details.push(("code", codes.join(", ")));
            }
            if let Some(message) = &answer.message {
                details.push(("the registry says", message.to_string()));
            }
        };
        match self {
            Error::Absent { answer, .. } | Error::Wait { answer, .. } => answered(answer),
            Error::Status { answer, tries, .. } => {
                answered(answer);
                details.push(("tries", tries.to_string()));
            }
            Error::Denied {
                answer,
                credentials,
                ..
            } => {
                answered(answer);
                details.push(("credentials", credentials.clone()));
            }
            Error::Network { tries, .. } => details.push(("tries", tries.to_string())),
            Error::Slow { bytes, seconds, .. } => {
                details.push(("less than", format!("{bytes} bytes in {seconds} seconds")));
            }
            Error::Helper { named_in, .. } => details.push(("named in", named_in.clone())),
            Error::Blocked { place, .. } => details.push(("place", place.clone())),
            Error::WrongDigest {
                expected, found, ..
            } => {
                details.push(("expected", expected.to_string()));
                details.push(("found", found.to_string()));
            }
            Error::WrongSize {
                expected, found, ..
            } => {
                details.push(("expected", format!("{expected} bytes")));
                let found = match found {
                    Some(found) => format!("{found} bytes"),
                    None => "more".to_owned(),
                };
                details.push(("found", found));
            }
            _ => {}
        }
        details
    }

    /// What the user can do about it, in the imperative, or nothing.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Error::Files(error) => return error.hint(),
            Error::Document { error, .. } => return error.hint().map(str::to_owned),
            Error::Settings { hint, .. } => hint,
            Error::Name { .. } => {
                "write it as `registry.example.com` or `registry.example.com:5000`"
            }
            Error::Network { source, .. } => {
                let text = source.to_string();
                if text.contains("ertificate") || text.contains("UnknownIssuer") {
                    "if it has a certificate of your own authority, give that as `ca_file` of the host"
                } else if text.contains("corrupt message") || text.contains("InvalidContentType") {
                    "if it speaks HTTP without TLS, set `plain_http` of the host"
                } else {
                    "see that the registry can be reached from here, and run it again"
                }
            }
            Error::Blocked { .. } => {
                "if you trust that host, give it an entry of its own among the hosts"
            }
            Error::Redirect { reason, .. } if *reason == DOWNGRADE => {
                "tell who runs the registry: behind a proxy it has to be told that it is reached by https (`X-Forwarded-Proto`)"
            }
            Error::Redirect { reason, .. } | Error::Realm { reason, .. } if *reason == PLAIN => {
                "tell who runs the registry; if you trust the host, give it an entry with `plain_http` among the hosts"
            }
            Error::Redirect { .. }
            | Error::Realm { .. }
            | Error::Challenge { .. }
            | Error::Token { .. } => "tell who runs the registry",
            Error::Absent { at, .. } if !matches!(at.method, "GET" | "HEAD") => {
                "see that the name is right, and that the repository is there: some registries want it made before the first push"
            }
            Error::Absent { .. } => {
                "see that the name is right; some registries say so of what you may not see"
            }
            Error::Status { answer, .. } | Error::Denied { answer, .. }
                if answer.is_of_fixed_tags() =>
            {
                "the tag may not be moved there: take another one, or say `keep` in `existing`"
            }
            Error::Denied { credentials, .. } if credentials.starts_with(NOBODY) => {
                "log in to the registry, or name a file of credentials; some registries say so of what is not there"
            }
            Error::Denied { answer, .. } if answer.status == 401 => {
                "see that this login is still good; some registries say so of what is not there"
            }
            Error::Denied { .. } => {
                "see that these credentials may do this; some registries say so of what is not there"
            }
            Error::Status { answer, .. } if answer.status == 429 => {
                "wait, or log in: anonymous use often has lower limits"
            }
            Error::Status { answer, .. } if answer.status == 413 => {
                "tell who runs the registry: it, or a proxy before it, takes no more at once"
            }
            Error::Status { answer, .. } if is_passing(answer.status) => {
                "it is the registry that fails: run it again later, or tell who runs it"
            }
            Error::Wait { .. } => "wait, or log in: anonymous use often has lower limits",
            Error::WrongDigest { .. } | Error::WrongSize { .. } => {
                "don't use it; tell who runs the registry, or take it from another mirror"
            }
            Error::Schema1 { .. } => {
                "push the image again with a tool of this decade, or take another image"
            }
            Error::CredentialFile { .. } => {
                "it must be a JSON object as docker and podman write it"
            }
            Error::Helper { helper, reason, .. } if reason.starts_with(NOT_RUN) => {
                return Some(format!(
                    "put `docker-credential-{helper}` on the PATH, or take it out of that file"
                ));
            }
            Error::Helper { .. } => "run `docker login`, or see what the helper says by itself",
            Error::HelperInAction { .. } => {
                "give a file that holds the credentials themselves, in `auths`"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}

/// Statuses after which another try may help.
pub(crate) fn is_passing(status: u16) -> bool {
    matches!(
        status,
        408 | 425 | 429 | 499 | 500 | 502 | 503 | 504 | 520..=524
    )
}
