//! What can go wrong, and what can turn out: a check that does not hold is an error with an exit code of
//! its own.

use std::path::PathBuf;

use action::{Blame, Detail, Failure};
use inspect::Trouble;
use oci::Digest;
use oci::error::Shown;

/// The result of everything in this program.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// The exit code of two images with the same content and other bytes.
const SAME_CONTENT: u8 = 10;
/// The exit code of two images with other content.
const OTHER_CONTENT: u8 = 11;

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
    /// No checks.
    #[error("the request has no checks")]
    NoChecks,
    /// What is expected is said twice, or not at all.
    #[error("check {check}: {}", match both { true => "`expected` and `expected_digest` are both given", false => "neither `expected` nor `expected_digest` is given" })]
    Expected { check: usize, both: bool },
    /// An image that is none, or is nowhere.
    #[error("`{text}` is neither a file nor a folder nor the name of an image: {reason}")]
    Image { text: Shown, reason: String },
    /// A file that has no digest.
    #[error("`{}` holds no digest: {reason}", path.display())]
    NoDigest { path: PathBuf, reason: String },
    /// A layout that lists several images where one is meant.
    #[error("`{image}` lists several images")]
    Which { image: String, images: Vec<String> },
    /// A listing without its layer.
    #[error("`{text}` is not DIGEST=FILE: {reason}")]
    ListingOf { text: Shown, reason: String },
    /// Sealed requests that are none.
    #[error("`{source_}` has no sealed requests: {reason}")]
    Sealed { source_: String, reason: String },
    /// Nothing of a type refers to an image.
    #[error("nothing of the type {artifact_type} refers to `{image}`")]
    NoReferrer {
        image: String,
        artifact_type: String,
    },
    /// A program that is not the one that made the image.
    #[error("`{}` is not the program that the image was made by", path.display())]
    OtherTool {
        path: PathBuf,
        expected: Box<Digest>,
        found: Box<Digest>,
    },
    /// A folder that is there.
    #[error("`{}` exists", path.display())]
    WorkExists { path: PathBuf },
    /// A step that did not go well.
    #[error("`{tool}` did not make `{output}` again")]
    StepFailed {
        tool: String,
        output: Shown,
        reason: String,
    },
    /// A listing that is none.
    #[error("`{}` is not a listing: line {line}: {reason}", path.display())]
    Listing {
        path: PathBuf,
        line: usize,
        reason: Shown,
    },
    /// More listings than layers.
    #[error("there are {listings} listings, and the image has {layers} layers")]
    Listings { listings: usize, layers: usize },
    /// A layer whose entries are needed, and nobody has them.
    #[error("the layer {digest} is not in the layout, and no listing is given for it")]
    NoListing { digest: Digest },
    /// A platform that is none.
    #[error(transparent)]
    Platform(#[from] oci::Error),
    /// The machine or a registry.
    #[error("cannot read `{image}`: {message}")]
    Unreadable {
        image: String,
        message: String,
        hint: Option<String>,
    },
    /// An image in which something is wrong.
    #[error("{} in `{image}`", counted(findings.len()))]
    Unsound {
        image: String,
        findings: Vec<String>,
    },
    /// What is said of an image, and is not so.
    #[error("{} with what is said of `{image}`", counted(findings.len()))]
    Attested {
        image: String,
        findings: Vec<String>,
    },
    /// A key that is none.
    #[error("`{}`: {error}", path.display())]
    Key {
        path: PathBuf,
        error: signing::Error,
    },
    /// A digest that is not the one that was expected.
    #[error("`{}` does not have the digest that is expected", path.display())]
    OtherDigest {
        path: PathBuf,
        expected: Box<Digest>,
        found: Box<Digest>,
        causes: Vec<String>,
        update: Option<String>,
    },
    /// An image without what was expected of it.
    #[error("`{}` is not what is expected", layout.display())]
    Structure {
        layout: PathBuf,
        differences: Vec<Difference>,
    },
    /// Two things that are not the same.
    #[error("`{first}` and `{second}` {}", match same_content { true => "have the same content in other bytes", false => "are not the same" })]
    NotSame {
        first: String,
        second: String,
        same_content: bool,
        causes: Vec<String>,
        update: Option<String>,
    },
    /// Several checks that do not hold.
    #[error("{} of {checks} checks do not hold", failed.len())]
    Several { checks: usize, failed: Vec<Error> },
    /// Something of ours that can't be written.
    #[error("cannot write the {what}: {error}")]
    Unwritable {
        what: &'static str,
        error: oci::Error,
    },
}

/// What was expected, and what is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Which respect.
    pub(crate) what: String,
    /// What must be.
    pub(crate) expected: String,
    /// What is.
    pub(crate) found: String,
}

fn counted(count: usize) -> String {
    match count {
        1 => "one thing is wrong".to_owned(),
        count => format!("{count} things are wrong"),
    }
}

impl Error {
    /// Trouble with an image that is no finding.
    pub(crate) fn trouble(image: &str, trouble: Trouble) -> Self {
        match trouble {
            Trouble::Environment { message, hint } => Error::Unreadable {
                image: image.to_owned(),
                message,
                hint,
            },
            Trouble::Wrong { rule, message } => Error::Unsound {
                image: image.to_owned(),
                findings: vec![told(rule, &message)],
            },
        }
    }
}

/// A finding for people: what, and the rule to look up.
pub(crate) fn told(rule: inspect::Rule, message: &str) -> String {
    format!("{message} [{}]", rule.id())
}

impl Failure for Error {
    fn details(&self) -> Vec<Detail> {
        let pairs = |pairs: Vec<(&'static str, String)>| {
            let detail = |(label, value): (&'static str, String)| Detail::new(label, value);
            pairs.into_iter().map(detail).collect()
        };
        let list = |label: &'static str, items: &[String]| {
            items
                .iter()
                .map(|item| Detail::new(label, item.clone()))
                .collect()
        };
        match self {
            Error::Layout(error) => pairs(error.details()),
            Error::Registry(error) => pairs(error.details()),
            Error::Unsound { findings, .. } | Error::Attested { findings, .. } => {
                list("finding", findings)
            }
            Error::StepFailed { reason, .. } => vec![Detail::new("it said", reason.clone())],
            Error::OtherTool {
                expected, found, ..
            } => vec![
                Detail::new("expected", expected.to_string()),
                Detail::new("found", found.to_string()),
            ],
            Error::OtherDigest {
                expected,
                found,
                causes,
                ..
            } => {
                let mut details = vec![
                    Detail::new("expected", expected.to_string()),
                    Detail::new("found", found.to_string()),
                ];
                details.extend(list("cause", causes));
                details
            }
            Error::Structure { differences, .. } => differences
                .iter()
                .map(|one| {
                    let Difference {
                        what,
                        expected,
                        found,
                    } = one;
                    Detail::new(
                        "difference",
                        format!("{what}: expected {expected}, found {found}"),
                    )
                })
                .collect(),
            Error::NotSame { causes, .. } => list("cause", causes),
            Error::Which { images, .. } => list("image", images),
            Error::Several { failed, .. } => failed
                .iter()
                .flat_map(|error| {
                    let mut all = vec![Detail::new("check", error.to_string())];
                    all.extend(error.details());
                    all
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::Files(error) => return error.hint(),
            Error::Layout(error) => return error.hint(),
            Error::Registry(error) => return error.hint(),
            Error::Platform(error) => return error.hint().map(str::to_owned),
            Error::Unreadable { hint, .. } => return hint.clone(),
            Error::NoChecks => {
                "give one or more of `digest`, `structure`, `same`, `image`, `attested`"
            }
            Error::Expected { .. } => "give one of the two",
            Error::Image { .. } => {
                "give the path of a layout or archive, or a name as `registry.example.com/team/app:1.0`"
            }
            Error::NoDigest { .. } => {
                "it is a line `sha256:…`, a receipt of `layer` or `assemble`, or what `verify update --documents` wrote"
            }
            Error::Sealed { .. } | Error::NoReferrer { .. } => {
                "give a layout that `attest` wrote with `sealed`, or an image that one was pushed for"
            }
            Error::OtherTool { .. } => "take the programs of the release that made it",
            Error::WorkExists { .. } => "give a folder that does not exist",
            Error::StepFailed { .. } => "give the inputs by the names that the requests have",
            Error::Which { .. } => "compare layouts that list one image or one index each",
            Error::ListingOf { .. } => {
                "give the digest of the layer or its diff_id, and the listing of it"
            }
            Error::Listing { .. } => "give a file that `layer` wrote with `--listing`",
            Error::Listings { .. } => {
                "give listings of the uppermost layers, the lowest of them first"
            }
            Error::NoListing { .. } => "give its listing, or a layout that has the layer",
            Error::Attested { .. } => {
                "docs/requests/verify.md says what is compared; believe nothing of it until you know why"
            }
            Error::Key { error, .. } => return error.hint().map(str::to_owned),
            Error::Unsound { .. } => "docs/requests/verify.md says what each rule asks for",
            Error::OtherDigest { update, .. } | Error::NotSame { update, .. } => {
                let update = update.as_ref()?;
                return Some(format!("if the change is meant: {update}"));
            }
            Error::Several { failed, .. } => {
                return failed.iter().find_map(|error| match error {
                    Error::OtherDigest { .. } | Error::NotSame { .. } => error.hint(),
                    _ => None,
                });
            }
            Error::Structure { .. } | Error::Unwritable { .. } => return None,
        };
        Some(hint.to_owned())
    }

    fn blame(&self) -> Blame {
        let environment = match self {
            Error::Files(error) => return error.blame(),
            Error::Layout(error) => error.is_environment(),
            Error::Registry(error) => error.is_environment(),
            Error::Unreadable { .. } => true,
            Error::Unwritable { .. } => return Blame::Bug,
            Error::OtherDigest { .. } => return Blame::Verdict(OTHER_CONTENT),
            Error::NotSame { same_content, .. } => {
                return Blame::Verdict(match same_content {
                    true => SAME_CONTENT,
                    false => OTHER_CONTENT,
                });
            }
            // The worst of them: what could not be found out, then what is not valid, then what differs.
            Error::Several { failed, .. } => {
                let blames: Vec<Blame> = failed.iter().map(Failure::blame).collect();
                let order = [
                    Blame::Bug,
                    Blame::Environment,
                    Blame::Input,
                    Blame::Verdict(OTHER_CONTENT),
                ];
                return *order
                    .iter()
                    .find(|blame| blames.contains(blame))
                    .unwrap_or(&Blame::Verdict(SAME_CONTENT));
            }
            _ => false,
        };
        match environment {
            true => Blame::Environment,
            false => Blame::Input,
        }
    }
}

#[cfg(test)]
mod tests;
