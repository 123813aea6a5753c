//! What can go wrong while images are pushed.

use std::io;
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
    Layout(layout::Error),
    /// A registry.
    #[error(transparent)]
    Registry(registry::Error),
    /// An image of a request that says too little or too much.
    #[error("`images[{at}]` is not clear: {reason}")]
    Source { at: usize, reason: &'static str },
    /// An image without a destination.
    #[error("`images[{at}]` goes nowhere")]
    Nowhere { at: usize },
    /// A receipt that is none.
    #[error("`{}`: {error}", path.display())]
    Receipt { path: PathBuf, error: oci::Error },
    /// A platform that is none.
    #[error("`{text}` is not a platform: {error}")]
    Platform { text: Shown, error: oci::Error },
    /// A destination that is none.
    #[error("`{text}` is not a repository to push to: {reason}")]
    Repository {
        text: Shown,
        file: Option<PathBuf>,
        reason: String,
    },
    /// A tag that is none.
    #[error("`{tag}` is not a tag")]
    Tag { tag: Shown, file: Option<PathBuf> },
    /// A name that is none.
    #[error("`{text}` is neither a tag nor a reference with a tag")]
    Name { text: Shown, reason: Option<String> },
    /// A key that no status file has.
    #[error("`{text}` asks for `{key}`, which no status file has")]
    StampKey {
        key: Shown,
        text: Shown,
        files: Vec<PathBuf>,
    },
    /// A file of tags or names that is none.
    #[error("`{}` is not text", path.display())]
    Stamp { path: PathBuf },
    /// One output for two images.
    #[error("two images want to be `{}`", path.display())]
    PathTwice { path: PathBuf },
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
    /// A layer of another size than the image says.
    #[error("what is given as the layer {digest} does not have its size")]
    GivenSize {
        digest: Digest,
        expected: u64,
        found: u64,
    },
    /// A layer that can't be made.
    #[error("the layer of `{}` can only be made again, and no `layer_program` is given", request.display())]
    NoProgram { request: PathBuf },
    /// A layer that could not be made.
    #[error("cannot make the layer of `{}` again: {reason}", request.display())]
    Making { request: PathBuf, reason: String },
    /// A layer that has changed.
    #[error("the layer of `{}`, made again, is not the one of its receipt", request.display())]
    OtherLayer {
        request: PathBuf,
        expected: Box<Digest>,
        found: Option<Box<Digest>>,
    },
    /// A command that did not take an image.
    #[error("`{command}` did not take the image: {reason}")]
    Load { command: Shown, reason: String },
    /// A tag that leads elsewhere than was expected.
    #[error("the tag `{tag}` of `{repository}` does not lead where it is expected to")]
    Unexpected {
        repository: String,
        tag: String,
        expected: Box<Digest>,
        found: Option<Box<Digest>>,
    },
    /// An image to be promoted that is named in no way that can be read.
    #[error("`{text}` is not an image: {reason}")]
    Image { text: Shown, reason: String },
    /// What is to become of tags, said in no way that can be read.
    #[error("`{text}` is neither `replace` nor `keep` nor a digest")]
    Existing { text: Shown },
    /// A digest that is not the one that was expected.
    #[error("`{text}` does not lead to the digest that is expected")]
    OtherDigest {
        text: Shown,
        expected: Box<Digest>,
        found: Box<Digest>,
    },
    /// An image of more documents than anybody needs.
    #[error("`{text}` has more than {limit} {what}")]
    TooMany {
        text: Shown,
        limit: usize,
        what: &'static str,
    },
    /// A layout that is given for what refers to an image, and has nothing of the kind.
    #[error("nothing in `{}` refers to the image", layout.display())]
    NothingAttached { layout: PathBuf, digest: Digest },
    /// A list of referrers that names something else.
    #[error("{digest} is listed as a referrer of {subject}, and refers to something else")]
    NoReferrer {
        digest: Digest,
        subject: Box<Digest>,
    },
    /// Something of ours that can't be written.
    #[error("cannot write the {what}: {error}")]
    Unwritable {
        what: &'static str,
        error: oci::Error,
    },
}

/// What is inside of errors that went through other hands: an error of ours says more than one that
/// wraps it.
impl From<registry::Error> for Error {
    fn from(error: registry::Error) -> Self {
        match error {
            registry::Error::Content { at, source } => match ours(source) {
                Ok(error) => error,
                Err(source) => Error::Registry(registry::Error::Content { at, source }),
            },
            error => Error::Registry(error),
        }
    }
}

impl From<layout::Error> for Error {
    fn from(error: layout::Error) -> Self {
        match error {
            layout::Error::Supply { digest, source } => match ours(source) {
                Ok(error) => error,
                Err(source) => Error::Layout(layout::Error::Supply { digest, source }),
            },
            error => Error::Layout(error),
        }
    }
}

fn ours(error: io::Error) -> std::result::Result<Error, io::Error> {
    let error = match error.downcast::<Error>() {
        Ok(error) => return Ok(error),
        Err(error) => error,
    };
    error.downcast::<registry::Error>().map(Error::from)
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
            Error::Repository {
                file: Some(file), ..
            }
            | Error::Tag {
                file: Some(file), ..
            } => vec![Detail::new("file", file.display().to_string())],
            Error::StampKey { files, .. } => files
                .iter()
                .map(|file| Detail::new("file", file.display().to_string()))
                .collect(),
            Error::Name {
                reason: Some(reason),
                ..
            } => vec![Detail::new("reason", reason.clone())],
            Error::GivenSize {
                expected, found, ..
            } => vec![
                Detail::new("expected", format!("{expected} bytes")),
                Detail::new("found", format!("{found} bytes")),
            ],
            Error::OtherLayer {
                expected, found, ..
            } => vec![
                Detail::new("expected", expected.to_string()),
                Detail::new(
                    "found",
                    found
                        .as_ref()
                        .map_or("more bytes".to_owned(), ToString::to_string),
                ),
            ],
            Error::OtherDigest {
                expected, found, ..
            } => vec![
                Detail::new("expected", expected.to_string()),
                Detail::new("found", found.to_string()),
            ],
            Error::NothingAttached { digest, .. } => {
                vec![Detail::new("image", digest.to_string())]
            }
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
            Error::Receipt { error, .. } | Error::Platform { error, .. } => {
                return error.hint().map(str::to_owned);
            }
            Error::Source { .. } => "see docs/requests/push.md",
            Error::Nowhere { .. } => "give it a repository in `to`, or an output in `into`",
            Error::Name { .. } => "write it as `1.0` or `example.com/app:1.0`",
            Error::Stamp { .. } => "it holds one tag or name a line",
            Error::PathTwice { .. } => "give one of them another path",
            Error::GivenSize { .. } | Error::OtherLayer { .. } => {
                "build the image again; the layer has changed since it was described"
            }
            Error::NoProgram { .. } => "give the path of `layer`, or the layer's `file`",
            Error::Load { .. } => {
                "run it by itself: it is given an archive of `docker save` on its standard input"
            }
            Error::Making { .. } => return None,
            Error::Repository { .. } => {
                "write it as `registry.example.com/team/app`; tags have a field of their own"
            }
            Error::StampKey { .. } => {
                "let the program of `--workspace_status_command` print the key and a value"
            }
            Error::Tag { .. } => {
                "a tag has letters, digits, `_`, `.` and `-`, and at most 128 of them"
            }
            Error::TagTwice { .. } => "give one of them another tag",
            Error::NoSource { .. } => {
                "give it in `blobs`, or let `sparse.json` name a repository that has it"
            }
            Error::Unexpected { .. } => "see who has moved it; nothing has been written",
            Error::Image { .. } => {
                "give a layout, or a name as `registry.example.com/staging/app:1.0` or `…@sha256:…`"
            }
            Error::Existing { .. } => "a digest is written as `sha256:…`",
            Error::OtherDigest { .. } => "see who has moved it; nothing has been written",
            Error::TooMany { .. } | Error::NoReferrer { .. } => {
                "see who has written it; nothing has been written by this push"
            }
            Error::NothingAttached { .. } => "give the layout that `attest` made of this image",
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
            Error::Load { .. } => true,
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
    fn a_command_that_fails_is_the_machines_fault() {
        let error = Error::Load {
            command: "podman load".into(),
            reason: "exit status: 125".into(),
        };
        assert_eq!(error.blame(), Blame::Environment);
        assert_eq!(
            action::Failed::new(None, error).render("push"),
            "push: `podman load` did not take the image: exit status: 125\nhint: run it by itself: it is given an archive of `docker save` on its standard input\n"
        );
    }

    #[test]
    fn ours_comes_out_of_what_wraps_it() {
        let digest = Digest::of(b"x");
        let source = io::Error::other(Error::Nowhere { at: 7 });
        let error = Error::from(layout::Error::Supply { digest, source });
        assert!(matches!(error, Error::Nowhere { at: 7 }));
        let source = io::ErrorKind::NotFound.into();
        let error = Error::from(layout::Error::Supply { digest, source });
        assert_eq!(error.blame(), Blame::Environment);
        assert!(matches!(error, Error::Layout(_)));
    }

    #[test]
    fn each_message() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        for (error, expected) in [
            (
                Error::Repository { text: "x:1".into(), file: Some("stamp".into()), reason: "why".into() },
                "push: `x:1` is not a repository to push to: why\n  file: stamp\nhint: write it as `registry.example.com/team/app`; tags have a field of their own\n".to_owned(),
            ),
            (
                Error::StampKey { key: "K".into(), text: "v{K}".into(), files: vec!["stable".into()] },
                "push: `v{K}` asks for `K`, which no status file has\n  file: stable\nhint: let the program of `--workspace_status_command` print the key and a value\n".into(),
            ),
            (
                Error::Tag { tag: "a b".into(), file: None },
                "push: `a b` is not a tag\nhint: a tag has letters, digits, `_`, `.` and `-`, and at most 128 of them\n".into(),
            ),
            (
                Error::TagTwice { repository: "r/a".into(), tag: "1".into(), first: Box::new(one), second: Box::new(two) },
                format!("push: two images want the tag `1` of `r/a`\n  first:  {one}\n  second: {two}\nhint: give one of them another tag\n"),
            ),
            (
                Error::NoSource { layout: "l".into(), digest: one },
                format!("push: the layout `l` lacks the blob {one}, and says of no place that has it\nhint: give it in `blobs`, or let `sparse.json` name a repository that has it\n"),
            ),
            (
                Error::Source { at: 1, reason: "why" },
                "push: `images[1]` is not clear: why\nhint: see docs/requests/push.md\n".into(),
            ),
            (
                Error::Nowhere { at: 0 },
                "push: `images[0]` goes nowhere\nhint: give it a repository in `to`, or an output in `into`\n".into(),
            ),
            (
                Error::Name { text: "A".into(), reason: Some("why".into()) },
                "push: `A` is neither a tag nor a reference with a tag\n  reason: why\nhint: write it as `1.0` or `example.com/app:1.0`\n".into(),
            ),
            (
                Error::Stamp { path: "s".into() },
                "push: `s` is not text\nhint: it holds one tag or name a line\n".into(),
            ),
            (
                Error::PathTwice { path: "a.tar".into() },
                "push: two images want to be `a.tar`\nhint: give one of them another path\n".into(),
            ),
            (
                Error::GivenSize { digest: one, expected: 1, found: 2 },
                format!("push: what is given as the layer {one} does not have its size\n  expected: 1 bytes\n  found:    2 bytes\nhint: build the image again; the layer has changed since it was described\n"),
            ),
            (
                Error::NoProgram { request: "r".into() },
                "push: the layer of `r` can only be made again, and no `layer_program` is given\nhint: give the path of `layer`, or the layer's `file`\n".into(),
            ),
            (
                Error::Making { request: "r".into(), reason: "why".into() },
                "push: cannot make the layer of `r` again: why\n".into(),
            ),
            (
                Error::OtherLayer { request: "r".into(), expected: Box::new(one), found: None },
                format!("push: the layer of `r`, made again, is not the one of its receipt\n  expected: {one}\n  found:    more bytes\nhint: build the image again; the layer has changed since it was described\n"),
            ),
            (
                Error::Image { text: "x".into(), reason: "why".into() },
                "push: `x` is not an image: why\nhint: give a layout, or a name as `registry.example.com/staging/app:1.0` or `…@sha256:…`\n".into(),
            ),
            (
                Error::Existing { text: "x".into() },
                "push: `x` is neither `replace` nor `keep` nor a digest\nhint: a digest is written as `sha256:…`\n".into(),
            ),
            (
                Error::OtherDigest { text: "r/a:1".into(), expected: Box::new(one), found: Box::new(two) },
                format!("push: `r/a:1` does not lead to the digest that is expected\n  expected: {one}\n  found:    {two}\nhint: see who has moved it; nothing has been written\n"),
            ),
            (
                Error::TooMany { text: "r/a".into(), limit: 3, what: "documents" },
                "push: `r/a` has more than 3 documents\nhint: see who has written it; nothing has been written by this push\n".into(),
            ),
            (
                Error::NothingAttached { layout: "l".into(), digest: one },
                format!("push: nothing in `l` refers to the image\n  image: {one}\nhint: give the layout that `attest` made of this image\n"),
            ),
            (
                Error::NoReferrer { digest: one, subject: Box::new(two) },
                format!("push: {one} is listed as a referrer of {two}, and refers to something else\nhint: see who has written it; nothing has been written by this push\n"),
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
