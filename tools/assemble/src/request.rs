//! The request: what is to be assembled, in the user's words.
//!
//! One kind makes an image or an index of images, for both take the same outputs, tags and links;
//! `make` says which, so that a request cannot be half of each.
//!
//! These types are the documentation of the format: `docs/schemas/assemble.schema.json` is generated
//! from them. They hold what was asked and check nothing but its shape; `plan` decides what it means.

mod base;
mod fields;
mod lines;
mod output;
mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;

use oci::receipt::Source;
use oci::{Digest, MediaType};
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use base::{Base, BaseHistory, Docker, Links, OnBuild};
pub(crate) use fields::{Change, Choice, Fields, Fragment, Healthcheck, Texts, Variable};
pub(crate) use lines::{Between, Lines, Words};
pub(crate) use output::{Blobs, Form, GivenBlob, Output, Whose};
pub(crate) use text::{Stamp, Text, Time};

/// The input manifest of one run of `assemble`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Always `assemble`.
    pub(crate) kind: String,
    /// Always 1.
    pub(crate) version: u32,
    /// The user's own name for what is made, as `//app:image`; errors begin with it.
    pub(crate) origin: String,
    /// What is made.
    pub(crate) make: Make,
    /// Names in the layout: a tag (`1.0`), or a reference with a tag (`example.com/app:1.0`).
    #[serde(default)]
    pub(crate) tags: Vec<Text>,
    /// Status files as Bazel writes them: on each line a key, a blank, and a value. `{KEY}` in a text that is
    /// to be stamped stands for the value; that of a later file goes before that of an earlier one.
    #[serde(default)]
    pub(crate) stamps: Vec<PathBuf>,
    /// What keys stand for that no file of `stamps` has.
    #[serde(default, deserialize_with = "action::unique")]
    pub(crate) stamp_defaults: BTreeMap<String, String>,
    /// Files with layers that the layouts of the request, being sparse, do not hold.
    #[serde(default)]
    pub(crate) blobs: Vec<GivenBlob>,
    /// The form of the output, and how blobs get into it.
    #[serde(default)]
    pub(crate) output: Output,
}

impl action::Request for Request {
    const KIND: &'static str = "assemble";
    const VERSION: u32 = 1;
    fn head(&self) -> (&str, u32) {
        (&self.kind, self.version)
    }
}

/// What is made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Make {
    /// One image.
    Image(Box<Image>),
    /// An index of images.
    Index(IndexOf),
    /// An image or index that a layout holds, as it is: for another form of output, or other tags.
    Copy(CopyOf),
}

/// An image or index that is taken as it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CopyOf {
    /// The OCI layout directory that holds it; it may be sparse.
    pub(crate) layout: PathBuf,
    /// The digest of the image or index.
    #[serde(default)]
    pub(crate) digest: Option<Digest>,
    /// Its tag in the layout.
    #[serde(default)]
    pub(crate) tag: Option<String>,
    /// Only the image of this platform, where the layout has an index.
    #[serde(default)]
    pub(crate) platform: Option<String>,
    /// What is done with links in the layout that lead out of it.
    #[serde(default)]
    pub(crate) links: Links,
}

/// One image: a base, layers on top of it, and what a container is started with.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Image {
    /// What it is built on. Without one it has only its own layers.
    #[serde(default)]
    pub(crate) base: Option<Base>,
    /// What it runs on, as `os/architecture` or `os/architecture/variant`, in the form
    /// `os(version+feature)/architecture` with what Windows wants. Needed where there is no base; with
    /// one, the base has to be for it.
    #[serde(default)]
    pub(crate) platform: Option<String>,
    /// Layers, the lowest first.
    #[serde(default)]
    pub(crate) layers: Vec<Layer>,
    /// When it was made. By default 1970-01-01T00:00:00Z; the base's own time is never taken over.
    #[serde(default)]
    pub(crate) created: Time,
    /// Who made it.
    #[serde(default)]
    pub(crate) author: Choice<Text>,
    /// What a container is started with.
    #[serde(default)]
    pub(crate) config: Fields,
    /// JSON that is merged into the config document last: objects merge, `null` removes, all else
    /// replaces. It cannot name what has a field of its own elsewhere: the platform, `rootfs`, `history`.
    #[serde(default)]
    pub(crate) fragment: Fragment,
    /// Steps of the history that made no layer, after those of the layers.
    #[serde(default)]
    pub(crate) history: Vec<oci::receipt::LayerHistory>,
    /// Annotations of the manifest. Those of the base are not taken over unless asked for.
    #[serde(default = "Change::<Texts>::unset")]
    pub(crate) annotations: Change<Texts>,
    /// Files with more annotations; those of `annotations` go before them.
    #[serde(default)]
    pub(crate) annotations_from: Vec<Lines>,
    /// What kind of artifact it is, where it is more than an image.
    #[serde(default)]
    pub(crate) artifact_type: Option<MediaType>,
    /// The manifest that it refers to.
    #[serde(default)]
    pub(crate) subject: Option<Subject>,
    /// What is looked at beyond what has to be right.
    #[serde(default)]
    pub(crate) checks: Checks,
}

/// A layer, or the layers that one run of `layer` has planned: exactly one of `receipt` and `planned` is
/// given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["receipt"]}, {"required": ["planned"]}]))]
pub(crate) struct Layer {
    /// The receipt that says all of it.
    #[serde(default)]
    pub(crate) receipt: Option<PathBuf>,
    /// The folder that a run of `layer` made of a request for several layers: all of them, the lowest
    /// first. It stands alone.
    #[serde(default)]
    pub(crate) planned: Option<PathBuf>,
    /// The file with its bytes. Without it the layout is sparse.
    #[serde(default)]
    pub(crate) blob: Option<PathBuf>,
    /// Its listing, for the check of the entrypoint.
    #[serde(default)]
    pub(crate) listing: Option<PathBuf>,
}

/// The manifest that another refers to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Subject {
    /// Described here.
    Descriptor(SubjectDescriptor),
    /// What an image receipt tells of.
    Receipt(PathBuf),
}

/// A description of the manifest that another refers to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubjectDescriptor {
    /// What it is.
    pub(crate) media_type: MediaType,
    /// Its digest.
    pub(crate) digest: Digest,
    /// Its size in bytes.
    pub(crate) size: u64,
}

/// What is looked at beyond what has to be right.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Checks {
    /// The first word of the entrypoint, or of the command where there is none, is an executable
    /// file in the image. Looked at where the listings of all layers are known.
    pub(crate) entrypoint: Severity,
    /// The ELF files of each layer are for the platform.
    pub(crate) elf_machine: Severity,
}

/// What a check does that finds something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// It ends the run.
    #[default]
    Error,
    /// It says so on standard error.
    Warn,
    /// It is not made.
    Ignore,
}

/// An index of images.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IndexOf {
    /// What it lists, in this order.
    pub(crate) entries: Vec<Entry>,
    /// Annotations of the index.
    #[serde(default)]
    pub(crate) annotations: Texts,
    /// Files with more of them; those of `annotations` go before them.
    #[serde(default)]
    pub(crate) annotations_from: Vec<Lines>,
    /// What kind of artifact it is, where it is more than images.
    #[serde(default)]
    pub(crate) artifact_type: Option<MediaType>,
    /// The manifest that it refers to.
    #[serde(default)]
    pub(crate) subject: Option<Subject>,
}

/// An image, or an index, to be listed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// The OCI layout directory that holds it; it may be sparse.
    pub(crate) layout: PathBuf,
    /// The digest of the image or index.
    #[serde(default)]
    pub(crate) digest: Option<Digest>,
    /// Its tag in the layout.
    #[serde(default)]
    pub(crate) tag: Option<String>,
    /// Only the image of this platform, where the layout has an index.
    #[serde(default)]
    pub(crate) platform: Option<String>,
    /// Whether an index is listed as one, or its manifests in its place.
    #[serde(default)]
    pub(crate) nested: Nested,
    /// What is done with links in the layout that lead out of it.
    #[serde(default)]
    pub(crate) links: Links,
    /// Annotations of the descriptor in the index.
    #[serde(default)]
    pub(crate) annotations: Texts,
    /// Repositories that have its layers, besides those that the layout names.
    #[serde(default)]
    pub(crate) sources: Vec<Source>,
}

/// How an index in an index is listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Nested {
    /// As an index.
    #[default]
    Keep,
    /// By its manifests, attestations with them.
    Flatten,
}

#[cfg(test)]
mod tests {
    #[test]
    fn schema_has_not_drifted() {
        golden::check_schema("assemble", &schemars::schema_for!(super::Request));
    }
}
