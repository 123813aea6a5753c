//! Entries that come from a store of immutable paths: a path as it is, and links to where it is.

use super::{Defaults, Override};
use oci::RawPath;
use schemars::JsonSchema;
use serde::Deserialize;

/// A path on disk, taken as it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StorePath {
    /// The path in the image; absent or empty: that of the source, without the slash that it begins
    /// with.
    #[serde(default)]
    pub(crate) path: RawPath,
    /// The file, directory or symbolic link. It is not followed.
    pub(crate) source: RawPath,
    /// Attributes of what is taken, before those of the request.
    #[serde(default)]
    pub(crate) defaults: Box<Defaults>,
    /// Attributes of some paths below it; later ones go before earlier ones.
    #[serde(default)]
    pub(crate) overrides: Vec<Override>,
    /// The user's own name for it.
    pub(crate) origin: Option<Box<str>>,
}

/// Links instead of copies of a tree's files. A link of the tree that leads to a folder of the tree, by a
/// relative path, stays as it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    /// Where in the image the tree is: a link leads to the file's path below this one, and is taken as
    /// it is, so begin it with a slash.
    pub(crate) to: RawPath,
    /// Folders of the tree, by their paths below it, whose files are copied all the same. Links inside
    /// them are replaced by what they lead to.
    #[serde(default)]
    pub(crate) copy: Vec<RawPath>,
}
