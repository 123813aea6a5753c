//! What can go wrong while images are pulled, locked, vendored or verified.

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
    /// An entry of a list of mirrors.
    #[error("`{entry}` is not a place to pull from: {reason}")]
    Mirrors { entry: Shown, reason: &'static str },
    /// `off` was reached.
    #[error("{what} may not be pulled: the list of mirrors ends with `off`")]
    Off { what: String },
    /// A layout that serves as a mirror lacks something.
    #[error("the layout `{}` does not have {what}", layout.display())]
    NotInLayout { layout: PathBuf, what: String },
    /// A mirror whose names can't hold that of a registry or a repository.
    #[error("the mirror `{mirror}` can't have it: `{name}` is not the name of a repository")]
    NoName { mirror: String, name: Shown },
    /// What several places have said.
    #[error(transparent)]
    Places(Box<Places>),
    /// The Nix store did not take something.
    #[error("nothing can be added to the Nix store: {reason}")]
    NixStore { reason: String },
    /// A reference that is none, or lacks a tag.
    #[error("`{reference}` can't be locked: {reason}")]
    Reference { reference: Shown, reason: String },
    /// An image to be locked without a name to be locked under.
    #[error("`{image}` has no name to be locked under")]
    Unnamed { image: Shown },
    /// A lock file that is none.
    #[error("`{}` is not a lock file: {error}", path.display())]
    Lock { path: PathBuf, error: oci::Error },
    /// An entry that can't be.
    #[error("the entry of `{reference}` is not sound: {reason}")]
    Entry { reference: Shown, reason: String },
    /// No such entry.
    #[error("`{}` has no image `{name}`", lock.display())]
    NoEntry {
        lock: PathBuf,
        name: Shown,
        known: Vec<String>,
    },
    /// A name that is there already, with another reference.
    #[error("`{}` has an image `{name}` with another reference", lock.display())]
    NameTaken {
        lock: PathBuf,
        name: Shown,
        reference: Shown,
    },
    /// What was fetched is not what the lock says it is.
    #[error("the lock and `{reference}` differ in {what}")]
    Differs {
        reference: Shown,
        what: String,
        locked: String,
        found: String,
    },
    /// An image that can't be locked: no lock could say what it is.
    #[error("`{reference}` is not sound: {reason}")]
    Image { reference: Shown, reason: String },
    /// No image is for a platform, or more than one is.
    #[error("`{reference}` has {} for the platform {platform}", if *several { "several images" } else { "no image" })]
    Platform {
        reference: Shown,
        platform: Shown,
        several: bool,
        known: Vec<String>,
    },
    /// A platform that is none.
    #[error(transparent)]
    Value(oci::Error),
    /// Tags that have moved since they were locked.
    #[error("{} of the locked tags lead elsewhere now", moved.len())]
    Moved { moved: Vec<Moved> },
    /// A folder of images that is not what the lock says.
    #[error("`{}` is not what the lock says", folder.display())]
    Vendored {
        folder: PathBuf,
        differences: Vec<String>,
    },
    /// A layout in which something is wrong.
    #[error("{} things are wrong in `{}`", findings.len(), layout.display())]
    Unsound {
        layout: PathBuf,
        findings: Vec<String>,
    },
    /// A layout that cannot be read to its end.
    #[error("cannot read `{}`: {message}", layout.display())]
    Unreadable { layout: PathBuf, message: String },
    /// Something of ours that can't be written.
    #[error("cannot write the {what}: {error}")]
    Unwritable {
        what: &'static str,
        error: oci::Error,
    },
}

/// A tag that has moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) name: String,
    pub(crate) reference: String,
    pub(crate) locked: Digest,
    pub(crate) now: Option<Digest>,
}

impl Error {
    /// Whether a place says that it does not have the thing.
    pub(crate) fn is_absent(&self) -> bool {
        match self {
            Error::Registry(error) => error.is_absent(),
            Error::NotInLayout { .. } | Error::NoName { .. } => true,
            Error::Places(places) => places.best.is_absent(),
            _ => false,
        }
    }

    /// The error that tells most, and what the other places have said.
    pub(crate) fn of_places(best: Error, others: &[Error]) -> Error {
        if others.is_empty() {
            return best;
        }
        let said = |error: &Error| {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(error) = source {
                text.push_str(&format!(": {error}"));
                source = error.source();
            }
            text
        };
        let others = others.iter().map(said).collect();
        Error::Places(Box::new(Places { best, others }))
    }
}

/// The error of the place that tells most, and what the others have said. It reads as that error does.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) best: Error,
    others: Vec<String>,
}

impl std::fmt::Display for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.best.fmt(f)
    }
}

impl std::error::Error for Places {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.best.source()
    }
}

impl Failure for Error {
    fn details(&self) -> Vec<Detail> {
        let pairs = |pairs: Vec<(&'static str, String)>| {
            let detail = |(label, value): (&'static str, String)| Detail::new(label, value);
            pairs.into_iter().map(detail).collect()
        };
        let list = |word: &'static str, all: &[String]| {
            all.iter()
                .map(|one| Detail::new(word, one.clone()))
                .collect()
        };
        match self {
            Error::Registry(error) => pairs(error.details()),
            Error::Layout(error) => pairs(error.details()),
            Error::Places(places) => {
                let mut details = places.best.details();
                details.extend(list("elsewhere", &places.others));
                details
            }
            Error::NoEntry { known, .. } => list("image", known),
            Error::NameTaken { reference, .. } => {
                vec![Detail::new("locked", reference.to_string())]
            }
            Error::Platform { known, .. } => list("platform", known),
            Error::Differs { locked, found, .. } => vec![
                Detail::new("locked", locked.clone()),
                Detail::new("found", found.clone()),
            ],
            Error::Moved { moved } => moved
                .iter()
                .map(|one| {
                    let now = one.now.map_or("nothing".to_owned(), |now| now.to_string());
                    let (name, reference, locked) = (&one.name, &one.reference, &one.locked);
                    let text = format!("`{name}` ({reference})\nlocked {locked}\nnow    {now}");
                    Detail::new("image", text)
                })
                .collect(),
            Error::Vendored { differences, .. } => list("difference", differences),
            Error::Unsound { findings, .. } => list("finding", findings),
            _ => Vec::new(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::Files(error) => return error.hint(),
            Error::Layout(error) => return error.hint(),
            Error::Registry(error) => return error.hint(),
            Error::Places(places) => return places.best.hint(),
            Error::Value(error) | Error::Unwritable { error, .. } => {
                return error.hint().map(str::to_owned);
            }
            Error::Mirrors { .. } => {
                "a list is as `https://mirror.example/hub,file:///srv/images|direct`; see docs/registries.md"
            }
            Error::Off { .. } => "let a mirror have it, or end the list with `direct`",
            Error::NotInLayout { .. } => "run `pull vendor` where the network is",
            Error::NoName { .. } => {
                "let another place of the list have it, or write the mirror without `{registry}`"
            }
            Error::NixStore { .. } => {
                "run it where `nix-store` is, as somebody who may add to the store"
            }
            Error::Unnamed { .. } => "write it as `debian=docker.io/library/debian:12`",
            Error::Reference { .. } => "write it as `docker.io/library/debian:12`",
            Error::Lock { .. } => "it is written by `pull lock`, and not by hand",
            Error::Entry { .. } => "run `pull lock --update`",
            Error::NoEntry { name, .. } => {
                return Some(format!(
                    "run `pull lock {name}=REFERENCE`, or take one of the images"
                ));
            }
            Error::NameTaken { .. } => "give another name, or take the entry out of the lock file",
            Error::Differs { .. } => {
                "run `pull lock --update`; a lock is not mended by hand, and nothing is pulled against it"
            }
            Error::Image { .. } => "tell who made the image, or take another one",
            Error::Platform { known, .. } if known.is_empty() => {
                "leave the platform out: it does not say what it runs on"
            }
            Error::Platform { .. } => "take one of the platforms",
            Error::Moved { .. } => "run `pull lock --update`, and look at what changes",
            Error::Vendored { .. } => "remove the folder and run `pull vendor` again",
            Error::Unsound { .. } => "pull it again",
            Error::Unreadable { .. } => return None,
        };
        Some(hint.to_owned())
    }

    fn blame(&self) -> Blame {
        let environment = match self {
            Error::Files(error) => return error.blame(),
            Error::Layout(error) => error.is_environment(),
            Error::Registry(error) => error.is_environment(),
            Error::Places(places) => return places.best.blame(),
            Error::Unreadable { .. } => true,
            Error::Unwritable { .. } => return Blame::Bug,
            Error::NixStore { .. } => true,
            _ => false,
        };
        match environment {
            true => Blame::Environment,
            false => Blame::Input,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use registry::error::{Answer, At};

    /// The error that a registry's status makes; 0 for no answer.
    pub(crate) fn of_status(status: u16) -> Error {
        let at = Box::new(At {
            registry: "r.example".into(),
            repository: "a".into(),
            method: "GET",
            what: "blob".into(),
        });
        let answer = Answer {
            status,
            ..Answer::default()
        };
        Error::Registry(match status {
            404 | 410 => registry::Error::Absent { at, answer },
            401 | 403 => registry::Error::Denied {
                at,
                answer,
                credentials: String::new(),
            },
            status => registry::Error::Status {
                at,
                answer: Answer { status, ..answer },
                tries: 1,
            },
        })
    }

    /// And back.
    pub(crate) fn status_of(error: &Error) -> u16 {
        match error {
            Error::Registry(
                registry::Error::Absent { answer, .. }
                | registry::Error::Denied { answer, .. }
                | registry::Error::Status { answer, .. },
            ) => answer.status,
            Error::Places(places) => status_of(&places.best),
            error => panic!("{error}"),
        }
    }

    /// What is printed of an error.
    pub(crate) fn shown(error: Error) -> String {
        action::Failed::new(None, error).render("pull")
    }

    #[test]
    fn each_message() {
        let digest = Digest::of(b"x");
        let list = || vec!["one".to_owned(), "two".to_owned()];
        for (error, expected) in [
            (
                Error::Mirrors { entry: "x".into(), reason: "why" },
                "pull: `x` is not a place to pull from: why\nhint: a list is as `https://mirror.example/hub,file:///srv/images|direct`; see docs/registries.md\n".to_owned(),
            ),
            (
                Error::Off { what: "blob x".into() },
                "pull: blob x may not be pulled: the list of mirrors ends with `off`\nhint: let a mirror have it, or end the list with `direct`\n".into(),
            ),
            (
                Error::NotInLayout { layout: "/l".into(), what: "blob x".into() },
                "pull: the layout `/l` does not have blob x\nhint: run `pull vendor` where the network is\n".into(),
            ),
            (
                Error::NoName { mirror: "m.example/{registry}".into(), name: "r:5000/x".into() },
                "pull: the mirror `m.example/{registry}` can't have it: `r:5000/x` is not the name of a repository\nhint: let another place of the list have it, or write the mirror without `{registry}`\n".into(),
            ),
            (
                Error::of_places(Error::Off { what: "blob x".into() }, &[of_status(404), of_status(500)]),
                "pull: blob x may not be pulled: the list of mirrors ends with `off`\n  elsewhere: GET blob of `r.example/a`: it is not there\n  elsewhere: GET blob of `r.example/a`: the registry answers with 500\nhint: let a mirror have it, or end the list with `direct`\n".into(),
            ),
            (
                Error::Reference { reference: "x".into(), reason: "why".into() },
                "pull: `x` can't be locked: why\nhint: write it as `docker.io/library/debian:12`\n".into(),
            ),
            (
                Error::Unnamed { image: "x".into() },
                "pull: `x` has no name to be locked under\nhint: write it as `debian=docker.io/library/debian:12`\n".into(),
            ),
            (
                Error::Entry { reference: "x".into(), reason: "why".into() },
                "pull: the entry of `x` is not sound: why\nhint: run `pull lock --update`\n".into(),
            ),
            (
                Error::NoEntry { lock: "l".into(), name: "x".into(), known: list() },
                "pull: `l` has no image `x`\n  image: one\n  image: two\nhint: run `pull lock x=REFERENCE`, or take one of the images\n".into(),
            ),
            (
                Error::NameTaken { lock: "l".into(), name: "x".into(), reference: "r".into() },
                "pull: `l` has an image `x` with another reference\n  locked: r\nhint: give another name, or take the entry out of the lock file\n".into(),
            ),
            (
                Error::Differs { reference: "r".into(), what: "a size".into(), locked: "1".into(), found: "2".into() },
                "pull: the lock and `r` differ in a size\n  locked: 1\n  found:  2\nhint: run `pull lock --update`; a lock is not mended by hand, and nothing is pulled against it\n".into(),
            ),
            (
                Error::Platform { reference: "r".into(), platform: "p".into(), several: true, known: list() },
                "pull: `r` has several images for the platform p\n  platform: one\n  platform: two\nhint: take one of the platforms\n".into(),
            ),
            (
                Error::Platform { reference: "r".into(), platform: "p".into(), several: false, known: Vec::new() },
                "pull: `r` has no image for the platform p\nhint: leave the platform out: it does not say what it runs on\n".into(),
            ),
            (
                Error::Image { reference: "r".into(), reason: "why".into() },
                "pull: `r` is not sound: why\nhint: tell who made the image, or take another one\n".into(),
            ),
            (
                Error::Platform { reference: "r".into(), platform: "p".into(), several: false, known: list() },
                "pull: `r` has no image for the platform p\n  platform: one\n  platform: two\nhint: take one of the platforms\n".into(),
            ),
            (
                Error::Moved { moved: vec![Moved { name: "n".into(), reference: "r".into(), locked: digest, now: None }] },
                format!("pull: 1 of the locked tags lead elsewhere now\n  image: `n` (r)\n    locked {digest}\n    now    nothing\nhint: run `pull lock --update`, and look at what changes\n"),
            ),
            (
                Error::Vendored { folder: "v".into(), differences: list() },
                "pull: `v` is not what the lock says\n  difference: one\n  difference: two\nhint: remove the folder and run `pull vendor` again\n".into(),
            ),
            (
                Error::Unsound { layout: "l".into(), findings: list() },
                "pull: 2 things are wrong in `l`\n  finding: one\n  finding: two\nhint: pull it again\n".into(),
            ),
        ] {
            assert_eq!(error.blame(), Blame::Input);
            assert_eq!(shown(error), expected);
        }
        let store = Error::NixStore {
            reason: "why".into(),
        };
        assert_eq!(store.blame(), Blame::Environment);
        assert_eq!(
            shown(store),
            "pull: nothing can be added to the Nix store: why\nhint: run it where `nix-store` is, as somebody who may add to the store\n"
        );
        assert_eq!(of_status(503).blame(), Blame::Environment);
        // What several places say is what the most telling says, causes and all.
        let several = Error::of_places(of_status(503), &[of_status(404)]);
        assert_eq!(several.blame(), Blame::Environment);
        let text = shown(several);
        let also = "  elsewhere: GET blob of `r.example/a`: it is not there\n";
        assert!(
            text.starts_with("pull: GET blob of `r.example/a`: the registry answers with 503\n")
        );
        assert!(text.contains(also) && !text.contains("caused by"), "{text}");
        assert!(shown(of_status(403)).contains("status:"));
    }
}
