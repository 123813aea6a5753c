//! What can go wrong while an image is attested.

use std::path::PathBuf;

use action::{Blame, Failure};
use oci::error::Shown;

/// The result of everything in this program.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// The layout could not be written.
    #[error(transparent)]
    Layout(#[from] layout::Error),
    /// A receipt, request or listing that is none.
    #[error("`{}`: {reason}", path.display())]
    Document { path: PathBuf, reason: Shown },
    /// Nothing to say.
    #[error("the request makes no documents")]
    NothingToMake,
    /// A file for a document that is none of the request's.
    #[error("`--{what}` is given, and the request makes no `{what}`")]
    NotMade { what: &'static str },
    /// A document that needs the steps.
    #[error("`{what}` needs `steps`, and the request has none")]
    NoSteps { what: &'static str },
    /// A layer that is not the image's.
    #[error("`{}` is the receipt of the layer {digest}, which the image does not have", path.display())]
    NotALayer { path: PathBuf, digest: oci::Digest },
    /// A time that is none.
    #[error("`{time}` is not a time of RFC 3339 in UTC, to the second")]
    Time { time: Shown },
    /// A program that is neither there nor named by its digest.
    #[error("the tool `{name}` has neither `path` nor `digest`")]
    Tool { name: Shown },
    /// Text that is not hexadecimal of its length.
    #[error("`{text}` is not {wanted}")]
    Hex { text: Shown, wanted: &'static str },
    /// A signature that nobody makes.
    #[error("`signature` needs `sign`, and the request has none")]
    NobodySigns,
    /// A key that is none.
    #[error("`{}`: {error}", path.display())]
    Key {
        path: PathBuf,
        error: signing::Error,
    },
    /// A program that has not signed.
    #[error("`{program}` has not signed: {reason}")]
    Signer { program: Shown, reason: String },
    /// Something of ours that can't be written.
    #[error("cannot write the {what}: {error}")]
    Unwritable {
        what: &'static str,
        error: oci::Error,
    },
}

impl Failure for Error {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::Files(error) => return error.hint(),
            Error::Layout(error) => return error.hint(),
            Error::Document { .. } => {
                "give the file that the field asks for, of the same release of the tools"
            }
            Error::NothingToMake => {
                "give one or more of `spdx`, `cyclonedx`, `provenance`, `sealed`, `signature`"
            }
            Error::NotMade { .. } => "name the document in `make`, or leave the file out",
            Error::NoSteps { .. } => {
                "give the requests and receipts that made the image, in their order"
            }
            Error::NotALayer { .. } => "give receipts of this image's layers alone",
            Error::Time { .. } => "write it as 2026-01-02T03:04:05Z",
            Error::Tool { .. } => "give one of the two",
            Error::NobodySigns => "give a `key` or a `program` in `sign`",
            Error::Key { error, .. } => return error.hint().map(str::to_owned),
            Error::Signer { .. } => {
                "it reads a JSON object, and writes the signature of its `message` in base64: docs/requests/attest.md"
            }
            Error::Hex { .. } => "write it in lower-case hexadecimal",
            Error::Unwritable { .. } => return None,
        };
        Some(hint.to_owned())
    }

    fn blame(&self) -> Blame {
        match self {
            Error::Files(error) => error.blame(),
            Error::Layout(error) if error.is_environment() => Blame::Environment,
            Error::Unwritable { .. } => Blame::Bug,
            _ => Blame::Input,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message() {
        let digest = oci::Digest::of(b"x");
        for (error, expected) in [
            (Error::Document { path: "f".into(), reason: "why".into() }, "attest: `f`: why\nhint: give the file that the field asks for, of the same release of the tools\n".to_owned()),
            (Error::NothingToMake, "attest: the request makes no documents\nhint: give one or more of `spdx`, `cyclonedx`, `provenance`, `sealed`, `signature`\n".into()),
            (Error::NotMade { what: "spdx" }, "attest: `--spdx` is given, and the request makes no `spdx`\nhint: name the document in `make`, or leave the file out\n".into()),
            (Error::NoSteps { what: "sealed" }, "attest: `sealed` needs `steps`, and the request has none\nhint: give the requests and receipts that made the image, in their order\n".into()),
            (Error::NotALayer { path: "f".into(), digest }, format!("attest: `f` is the receipt of the layer {digest}, which the image does not have\nhint: give receipts of this image's layers alone\n")),
            (Error::Time { time: "now".into() }, "attest: `now` is not a time of RFC 3339 in UTC, to the second\nhint: write it as 2026-01-02T03:04:05Z\n".into()),
            (Error::Tool { name: "t".into() }, "attest: the tool `t` has neither `path` nor `digest`\nhint: give one of the two\n".into()),
            (Error::NobodySigns, "attest: `signature` needs `sign`, and the request has none\nhint: give a `key` or a `program` in `sign`\n".into()),
            (Error::Key { path: "k".into(), error: signing::Error::Encrypted }, "attest: `k`: the private key is encrypted\nhint: give a `program` that signs with it\n".into()),
            (Error::Signer { program: "p".into(), reason: "why".into() }, "attest: `p` has not signed: why\nhint: it reads a JSON object, and writes the signature of its `message` in base64: docs/requests/attest.md\n".into()),
            (Error::Hex { text: "x".into(), wanted: "a SHA-256" }, "attest: `x` is not a SHA-256\nhint: write it in lower-case hexadecimal\n".into()),
        ] {
            assert_eq!(error.blame(), Blame::Input);
            assert_eq!(action::Failed::new(None, error).render("attest"), expected);
        }
    }
}
