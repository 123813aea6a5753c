//! What can go wrong while images are pushed.

use std::path::PathBuf;

use action::{Blame, Detail, Failure};
use oci::Digest;
use oci::error::Shown;

/// The result of everything in this program.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// A layout is not as it should be.
    #[error(transparent)]
    Layout(#[from] layout::Error),
    /// A registry.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// A destination that is none.
    #[error("`{text}` is not a repository to push to: {reason}")]
    Repository { text: Shown, reason: String },
    /// A tag that is none.
    #[error("`{tag}` is not a tag")]
    Tag { tag: Shown },
    /// One tag for two images.
    #[error("two images want the tag `{tag}` of `{repository}`")]
    TagTwice {
        repository: String,
        tag: String,
        first: Box<Digest>,
        second: Box<Digest>,
    },
    /// A blob that is nowhere.
    #[error("the layout `{}` lacks the blob {digest}, and says of no place that has it", layout.display())]
    NoSource { layout: PathBuf, digest: Digest },
    /// A tag that leads elsewhere than was expected.
    #[error("the tag `{tag}` of `{repository}` does not lead where it is expected to")]
    Unexpected {
        repository: String,
        tag: String,
        expected: Box<Digest>,
        found: Option<Box<Digest>>,
    },
    /// Something of ours that can't be written.
    #[error("cannot write the {what}: {error}")]
    Unwritable {
        what: &'static str,
        error: oci::Error,
    },
}

impl Failure for Error {
    fn details(&self) -> Vec<Detail> {
        let pairs = |pairs: Vec<(&'static str, String)>| {
            let detail = |(label, value): (&'static str, String)| Detail::new(label, value);
            pairs.into_iter().map(detail).collect()
        };
        match self {
            Error::Registry(error) => pairs(error.details()),
            Error::Layout(error) => pairs(error.details()),
            Error::TagTwice { first, second, .. } => vec![
                Detail::new("first", first.to_string()),
                Detail::new("second", second.to_string()),
            ],
            Error::Unexpected {
                expected, found, ..
            } => vec![
                Detail::new("expected", expected.to_string()),
                Detail::new(
                    "found",
                    found
                        .as_ref()
                        .map_or("nothing".to_owned(), ToString::to_string),
                ),
            ],
            _ => Vec::new(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::Files(error) => return error.hint(),
            Error::Layout(error) => return error.hint(),
            Error::Registry(error) => return error.hint(),
            Error::Repository { .. } => {
                "write it as `registry.example.com/team/app`; tags have a field of their own"
            }
            Error::Tag { .. } => {
                "a tag has letters, digits, `_`, `.` and `-`, and at most 128 of them"
            }
            Error::TagTwice { .. } => "give one of them another tag",
            Error::NoSource { .. } => {
                "pull it again without `sparse`, or let `sparse.json` name a repository"
            }
            Error::Unexpected { .. } => "see who has moved it; nothing has been written",
            Error::Unwritable { .. } => return None,
        };
        Some(hint.to_owned())
    }

    fn blame(&self) -> Blame {
        let environment = match self {
            Error::Files(error) => return error.blame(),
            Error::Layout(error) => error.is_environment(),
            Error::Registry(error) => error.is_environment(),
            Error::Unwritable { .. } => return Blame::Bug,
            _ => false,
        };
        match environment {
            true => Blame::Environment,
            false => Blame::Input,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        for (error, expected) in [
            (
                Error::Repository { text: "x:1".into(), reason: "why".into() },
                "push: `x:1` is not a repository to push to: why\nhint: write it as `registry.example.com/team/app`; tags have a field of their own\n".to_owned(),
            ),
            (
                Error::Tag { tag: "a b".into() },
                "push: `a b` is not a tag\nhint: a tag has letters, digits, `_`, `.` and `-`, and at most 128 of them\n".into(),
            ),
            (
                Error::TagTwice { repository: "r/a".into(), tag: "1".into(), first: Box::new(one), second: Box::new(two) },
                format!("push: two images want the tag `1` of `r/a`\n  first:  {one}\n  second: {two}\nhint: give one of them another tag\n"),
            ),
            (
                Error::NoSource { layout: "l".into(), digest: one },
                format!("push: the layout `l` lacks the blob {one}, and says of no place that has it\nhint: pull it again without `sparse`, or let `sparse.json` name a repository\n"),
            ),
            (
                Error::Unexpected { repository: "r/a".into(), tag: "1".into(), expected: Box::new(one), found: None },
                format!("push: the tag `1` of `r/a` does not lead where it is expected to\n  expected: {one}\n  found:    nothing\nhint: see who has moved it; nothing has been written\n"),
            ),
        ] {
            assert_eq!(error.blame(), Blame::Input);
            assert_eq!(action::Failed::new(None, error).render("push"), expected);
        }
    }
}
