//! The request: which images go where.
//!
//! These types are the documentation of the format: `docs/schemas/push.schema.json` is generated from
//! them.

use std::path::PathBuf;

use oci::Digest;
use registry::Access;
use schemars::JsonSchema;
use serde::Deserialize;

/// The input manifest of one run of `push`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Always `push`.
    pub(crate) kind: String,
    /// Always 1.
    pub(crate) version: u32,
    /// The user's own name for what is pushed, as `//app:push`; errors begin with it.
    pub(crate) origin: String,
    /// What is pushed, and where to. Everything gets there before the first tag is written.
    pub(crate) images: Vec<Image>,
    /// How many blobs are sent at once: 4 if it is not said.
    #[serde(default)]
    pub(crate) parallel: Option<u8>,
    /// How registries are reached.
    #[serde(default)]
    pub(crate) access: Access,
}

impl action::Request for Request {
    const KIND: &'static str = "push";
    const VERSION: u32 = 1;
    fn head(&self) -> (&str, u32) {
        (&self.kind, self.version)
    }
}

/// One image or index of a layout, and where it goes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Image {
    /// The layout. It may be sparse: layers that it lacks are mounted, or sent on from where it says that
    /// they are.
    pub(crate) layout: PathBuf,
    /// The digest of the image or index in it; needed where it has several.
    #[serde(default)]
    pub(crate) digest: Option<Digest>,
    /// Its tag in the layout.
    #[serde(default)]
    pub(crate) tag: Option<String>,
    /// Whether links that lead out of the layout are followed: only where you know who made it.
    #[serde(default)]
    pub(crate) follow_links: bool,
    /// Where it goes.
    pub(crate) to: Vec<Destination>,
}

/// A repository, and the tags that an image gets there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Destination {
    /// The repository, as `registry.example.com/team/app`.
    pub(crate) repository: String,
    /// Its tags. Without any it is there by its digest only.
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    /// What is done where a tag leads to something else already.
    #[serde(default)]
    pub(crate) existing: Existing,
}

/// What is done with a tag that leads to something else. One that leads to this image already is never
/// written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Existing {
    /// It moves.
    #[default]
    Replace,
    /// It stays.
    Keep,
    /// It moves if it leads to this digest, and is an error if it leads elsewhere or nowhere.
    Expect(Digest),
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "the variable that says whether golden files are written"
)]
mod tests {
    use super::*;

    /// `docs/schemas` says what the types say. `UPDATE_GOLDEN=1` writes it anew.
    #[test]
    fn schemas_have_not_drifted() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../docs/schemas/push.schema.json");
        let schema = schemars::schema_for!(Request);
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == text,
            "{} has drifted: run `cargo xtask schemas`",
            path.display()
        );
    }
}
