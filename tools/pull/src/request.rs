//! The request: which image of a lock, how much of it, and from where.
//!
//! These types are the documentation of the format: `docs/schemas/pull.schema.json` is generated from
//! them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use oci::{Digest, MediaType};
use registry::Access;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::lock::Entry;

/// The input manifest of one run of `pull`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Always `pull`.
    pub(crate) kind: String,
    /// Always 1.
    pub(crate) version: u32,
    /// The user's own name for what is pulled, as `@debian`; errors begin with it.
    pub(crate) origin: String,
    /// What is pulled.
    pub(crate) image: Image,
    /// For which platforms, as `linux/arm64`; the layout then lists one manifest for each, in this order.
    /// Without any, all of the image is pulled, and the layout lists what the tag led to.
    #[serde(default)]
    pub(crate) platforms: Vec<String>,
    /// Whether layers stay where they are: the layout then lists them as absent, with their repository.
    #[serde(default)]
    pub(crate) sparse: bool,
    /// Supply where.
    #[serde(default)]
    pub(crate) from: Supply,
}

impl action::Request for Request {
    const KIND: &'static str = "pull";
    const VERSION: u32 = 1;
    fn head(&self) -> (&str, u32) {
        (&self.kind, self.version)
    }
}

/// What is pulled.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Image {
    /// An entry of a lock file, as it stands there.
    Entry(Box<Entry>),
    /// An entry of a lock file, by its name.
    Locked {
        /// The lock file.
        lock: PathBuf,
        /// The name.
        name: String,
    },
    /// One blob of an image: the output is a file.
    Blob(WantedBlob),
}

/// One blob of an image, a layer as a rule.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedBlob {
    /// The image, as the lock has it: `docker.io/library/debian:12`. Only the repository counts.
    pub(crate) reference: String,
    /// What it is.
    pub(crate) media_type: MediaType,
    /// Its digest.
    pub(crate) digest: Digest,
    /// Its size in bytes.
    pub(crate) size: u64,
}

/// Supply where it is pulled. Nothing here changes a byte of what is.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Supply {
    /// Places in order, as `https://mirror.example/hub,file:///srv/images|direct`. Without any, the
    /// registry itself. See `docs/registries.md`.
    pub(crate) mirrors: String,
    /// Patterns of names, `registry/path`, with commas between them, that no mirror may hear of.
    pub(crate) private: String,
    /// A folder in which blobs and parts of blobs are kept from one run to the next; several processes
    /// may use it at once.
    pub(crate) store: Option<PathBuf>,
    /// Files that are at hand, by digest. Where they are all that is wanted, the layout holds links to
    /// them, and nobody is asked for anything.
    pub(crate) files: BTreeMap<Digest, PathBuf>,
    /// How many blobs are fetched at once. If it is not said: 4, or 12 where they are small.
    pub(crate) parallel: Option<u8>,
    /// How registries are reached.
    pub(crate) access: Access,
}

#[cfg(test)]
mod tests {
    #[test]
    fn schemas_have_not_drifted() {
        golden::check_schema("pull", &schemars::schema_for!(super::Request));
        golden::check_schema("images_lock", &schemars::schema_for!(crate::lock::Lock));
    }
}
