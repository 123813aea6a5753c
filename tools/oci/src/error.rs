//! Why a value is not what the OCI specifications, or our own formats, want.
//!
//! Text that came from outside is shown escaped and cut, so that no control character of a foreign
//! document reaches a terminal and no message is longer than a screen.

use std::fmt;

/// Everything this crate refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A digest string that breaks the grammar of the image specification.
    #[error("`{text}` is not a digest: {reason}")]
    DigestMalformed {
        /// What was given.
        text: Shown,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// A well-formed digest of an algorithm that we do not compute.
    #[error("digest `{text}` uses the algorithm `{algorithm}`, which is not supported")]
    DigestUnsupported {
        /// What was given.
        text: Shown,
        /// The part before the colon.
        algorithm: Shown,
    },
    /// A media type that breaks the grammar of RFC 6838.
    #[error("`{text}` is not a media type")]
    MediaType {
        /// What was given.
        text: Shown,
    },
    /// A platform string or object that cannot be understood.
    #[error("`{text}` is not a platform: {reason}")]
    Platform {
        /// What was given.
        text: Shown,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// An image reference that breaks the grammar.
    #[error("`{text}` is not an image reference: {reason}")]
    Reference {
        /// What was given.
        text: Shown,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// Bytes that are not JSON, or that are JSON of the wrong shape.
    #[error("{what} is not valid: {reason}")]
    Json {
        /// What the bytes are meant to be, as a noun: `manifest`, `layer receipt`.
        what: &'static str,
        /// What the parser says, with line and column or the place in the document.
        reason: String,
    },
    /// An object that has a key twice: two readers could see two documents.
    #[error("{what} has the key `{key}` twice in one object, at `{at}`")]
    JsonDuplicateKey {
        /// What the bytes are meant to be.
        what: &'static str,
        /// The repeated key.
        key: Shown,
        /// The object that holds it, as a path from the root; `.` is the root.
        at: Shown,
    },
    /// A key that differs from a known one only in its case: readers take it for the same or do not.
    #[error("{what} has the key `{key}`, which differs from `{known}` only in its case")]
    JsonKeyCase {
        /// What the bytes are meant to be.
        what: &'static str,
        /// The key.
        key: Shown,
        /// The key that it may be taken for.
        known: &'static str,
    },
    /// A document larger than its limit.
    #[error("{what} is {size} bytes long, more than the limit of {limit}")]
    JsonTooLarge {
        /// What the bytes are meant to be.
        what: &'static str,
        /// Its size in bytes.
        size: u64,
        /// The most that is accepted, in bytes.
        limit: u64,
    },
    /// A document nested deeper than its limit.
    #[error("{what} is nested deeper than {limit} levels")]
    JsonTooDeep {
        /// What the bytes are meant to be.
        what: &'static str,
        /// The most levels that are accepted.
        limit: usize,
    },
    /// A number that canonical JSON does not hold.
    #[error("number {number} at `{at}` is not an integer, and canonical JSON holds only integers")]
    JsonNotInteger {
        /// The number, as parsed.
        number: String,
        /// Where it stands.
        at: Shown,
    },
    /// A field of a document with a value it must not have.
    #[error("{what} has a bad `{field}`: {reason}")]
    Field {
        /// The document: `manifest`, `index`, `config`, `descriptor`.
        what: &'static str,
        /// The field, as a path from the root of the document.
        field: String,
        /// What is wrong.
        reason: String,
    },
    /// A document that says it is something else.
    #[error("{what} has the wrong media type: expected {expected}, found {found}")]
    MediaTypeMismatch {
        /// The document.
        what: &'static str,
        /// The media type that its descriptor or its place asks for.
        expected: String,
        /// What the document says.
        found: Shown,
    },
    /// A document that could be read as two things (CVE-2021-41190).
    #[error(
        "document has both `{first}` and `{second}`: it could be read as an image and as an index"
    )]
    Ambiguous {
        /// A field of one kind.
        first: &'static str,
        /// A field of the other.
        second: &'static str,
    },
    /// A document of ours of another kind.
    #[error("expected a document of kind `{expected}`, found `{found}`")]
    Kind {
        /// The kind that was asked for.
        expected: &'static str,
        /// The kind that the document says.
        found: Shown,
    },
    /// A document of ours of another version.
    #[error("{kind} has version {found}, this program reads version {expected}")]
    Version {
        /// The kind of the document.
        kind: &'static str,
        /// The version that is read.
        expected: u32,
        /// The version that the document says.
        found: Shown,
    },
}

impl Error {
    /// What is wrong with a text, for messages that show the text themselves.
    pub fn reason(&self) -> String {
        match self {
            Error::Reference { reason, .. } => (*reason).to_owned(),
            error => error.to_string(),
        }
    }

    /// What the user can do about it, in the imperative, or nothing.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Error::DigestMalformed { .. } => Some(
                "write it as `sha256:` and 64 lower-case hexadecimal digits, or `sha512:` and 128",
            ),
            Error::DigestUnsupported { .. } => Some("use sha256 or sha512"),
            Error::Version { .. } => {
                Some("make the file with the same release of the tools that reads it")
            }
            Error::Kind { .. } => Some("give the file that the field asks for"),
            Error::Platform { .. } => {
                Some("write it as os/architecture or os/architecture/variant")
            }
            Error::Reference { .. } => Some("write it as `example.com/team/app:1.0`"),
            _ => None,
        }
    }
}

/// Foreign text, made safe to print: control characters escaped, cut at 200 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown(String);

/// The most characters of foreign text in a message.
const SHOWN: usize = 200;

impl Shown {
    /// Takes `text` as it came.
    pub fn new(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        let mut out = String::new();
        for (at, c) in text.chars().enumerate() {
            if at == SHOWN {
                out.push('…');
                break;
            }
            if c.is_control() {
                out.extend(c.escape_default());
            } else {
                out.push(c);
            }
        }
        Shown(out)
    }
}

impl<T: AsRef<str>> From<T> for Shown {
    fn from(text: T) -> Self {
        Shown::new(text)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_escaped_and_cut() {
        assert_eq!(Shown::new("a\u{1b}[31mb").to_string(), "a\\u{1b}[31mb");
        let long = Shown::new("x".repeat(500)).to_string();
        assert_eq!(long.chars().count(), SHOWN + 1);
        assert!(long.ends_with('…'));
    }
}
