//! The form of the output, and how blobs get into it.

use std::path::PathBuf;

use oci::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The form of the output, and how blobs get into it.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Output {
    /// The form.
    pub(crate) form: Form,
    /// Whether the layers' bytes are wanted in it.
    pub(crate) blobs: Blobs,
    /// How a blob's file gets into a layout directory.
    pub(crate) transfer: Transfer,
    /// How a blob's file is compared with what is said of it.
    pub(crate) verify: Verify,
}

/// A file with the bytes of a layer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GivenBlob {
    /// The file.
    pub(crate) file: PathBuf,
    /// Which layer it is.
    pub(crate) of: Whose,
}

/// Which layer a file is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Whose {
    /// The one with this digest.
    Digest(Digest),
    /// The one that this receipt tells of.
    Receipt(PathBuf),
}

/// The form of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// An OCI layout directory.
    #[default]
    Layout,
    /// A tar of an OCI layout.
    OciArchive,
    /// A tar that `docker load` and `podman load` take.
    DockerArchive,
    /// A directory with the documents alone: `manifest.json`, `config.json` (of an image),
    /// `descriptor.json` and `digest`.
    Metadata,
}

/// Whether the layers' bytes are wanted in the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Blobs {
    /// Those that are there.
    #[default]
    Include,
    /// None: the layout is sparse.
    Omit,
}

/// How a blob's file gets into a layout directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Transfer {
    /// Its bytes are copied.
    #[default]
    Copy,
    /// It gets a second name.
    HardLink,
    /// A link to it is made: absolute where its path is, otherwise relative.
    Symlink,
}

impl From<Transfer> for layout::Transfer {
    fn from(transfer: Transfer) -> Self {
        match transfer {
            Transfer::Copy => layout::Transfer::Copy,
            Transfer::HardLink => layout::Transfer::HardLink,
            Transfer::Symlink => layout::Transfer::Symlink,
        }
    }
}

/// How a blob's file is compared with what is said of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verify {
    /// All of it is read and hashed.
    #[default]
    Digest,
    /// Only its size, for files that come straight from `layer` and `pull`.
    Size,
}

impl From<Verify> for layout::Verify {
    fn from(verify: Verify) -> Self {
        match verify {
            Verify::Digest => layout::Verify::Digest,
            Verify::Size => layout::Verify::Size,
        }
    }
}
