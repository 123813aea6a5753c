//! What an image is built on, and what is done where that is not as one would have it.

use std::path::PathBuf;

use oci::Digest;
use oci::receipt::Source;
use schemars::JsonSchema;
use serde::Deserialize;

/// The image that another is built on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Base {
    /// The OCI layout directory that holds it; it may be sparse.
    pub(crate) layout: PathBuf,
    /// The digest of the image, or of an index that holds it.
    #[serde(default)]
    pub(crate) digest: Option<Digest>,
    /// Its tag in the layout.
    #[serde(default)]
    pub(crate) tag: Option<String>,
    /// Which image of an index is meant; `*` stands for any system or architecture. By default the
    /// platform of the image that is made.
    #[serde(default)]
    pub(crate) platform: Option<String>,
    /// Its reference, for the annotation `org.opencontainers.image.base.name`.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// What is done with links in the layout that lead out of it.
    #[serde(default)]
    pub(crate) links: Links,
    /// What is done where it has Docker's media types.
    #[serde(default)]
    pub(crate) docker: Docker,
    /// What is done where it has `ONBUILD` triggers, which nothing here can run.
    #[serde(default)]
    pub(crate) on_build: OnBuild,
    /// What is done with its history.
    #[serde(default)]
    pub(crate) history: BaseHistory,
    /// Repositories that have its layers, besides those that the layout names.
    #[serde(default)]
    pub(crate) sources: Vec<Source>,
    /// The listings of its layers, the lowest first: of all or of none.
    #[serde(default)]
    pub(crate) listings: Vec<PathBuf>,
}

/// What is done with links in a layout that lead out of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Links {
    /// They are errors.
    #[default]
    Refuse,
    /// They are followed: for layouts of one's own that link to blobs elsewhere.
    Follow,
}

impl From<Links> for layout::Links {
    fn from(links: Links) -> Self {
        match links {
            Links::Refuse => layout::Links::Refuse,
            Links::Follow => layout::Links::Follow,
        }
    }
}

/// What is done where a base has Docker's media types.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Docker {
    /// They become OCI's, all of them; the blobs stay as they are.
    #[default]
    Convert,
    /// That is an error.
    Refuse,
}

/// What is done where a base has `ONBUILD` triggers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnBuild {
    /// That is an error, for a Dockerfile would run them.
    #[default]
    Refuse,
    /// They are left out, as a Dockerfile leaves them out once they have run.
    Drop,
    /// They are kept, for who builds on this image.
    Keep,
}

/// What is done with a base's history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BaseHistory {
    /// It is kept. One that does not agree with the layers is an error; where there is none, each
    /// layer gets a step that says so.
    #[default]
    Keep,
    /// Each layer gets a step that says that the history was left out.
    Drop,
}
