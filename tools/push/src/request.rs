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
    /// The program `layer`, where layers are to be made again. It is run where `push` runs.
    #[serde(default)]
    pub(crate) layer_program: Option<PathBuf>,
    /// Status files of Bazel's. Where there are any, `{KEY}` in repositories, tags and names stands for
    /// the value that they have for the key, the last of them first.
    #[serde(default)]
    pub(crate) stamps: Vec<PathBuf>,
    /// A folder in which it is kept how far the uploads of large blobs have come, so that a run that is
    /// killed is taken up where it stopped; several processes may use it at once.
    #[serde(default)]
    pub(crate) journal: Option<PathBuf>,
    /// How many blobs are sent at once. If it is not said: 4, or 12 where they are small.
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

/// One image or index, and where it goes. It is in a registry, or in a layout: one that is named, or the
/// one that holds the documents of a receipt.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Image {
    /// The layout. It may be sparse: layers that it lacks are taken from `blobs`, mounted, or sent on
    /// from where it says that they are.
    #[serde(default)]
    pub(crate) layout: Option<PathBuf>,
    /// Instead of `layout`: the receipt of `assemble`, which says which image it is and where the
    /// layers are.
    #[serde(default)]
    pub(crate) receipt: Option<PathBuf>,
    /// With `receipt`: the layout that holds the image's documents, whole or sparse.
    #[serde(default)]
    pub(crate) documents: Option<PathBuf>,
    /// Instead of `layout`: where it is in a registry, as `registry.example.com/staging/app:1.0`. Its blobs
    /// are mounted, or sent on without landing on disk.
    #[serde(default)]
    pub(crate) from: Option<String>,
    /// The digest of the image or index in the layout; needed where it has several. With `from`, the one that
    /// its tag must lead to.
    #[serde(default)]
    pub(crate) digest: Option<Digest>,
    /// Its tag in the layout.
    #[serde(default)]
    pub(crate) tag: Option<String>,
    /// The platform of the one image that is meant, as `linux/arm64`, where there is an index.
    #[serde(default)]
    pub(crate) platform: Option<String>,
    /// Whether links that lead out of the layout are followed: only where you know who made it.
    #[serde(default)]
    pub(crate) follow_links: bool,
    /// Layers that the layout lacks. Those that it does not need are passed over.
    #[serde(default)]
    pub(crate) blobs: Vec<GivenBlob>,
    /// Which of the documents that refer to it go along: signatures, bills of materials, provenance. They are
    /// looked for where the image is, and in `attached`. If it is not said: those in `attached`.
    #[serde(default)]
    pub(crate) referrers: Option<Referrers>,
    /// Layouts with documents that refer to it, as `attest` writes them.
    #[serde(default)]
    pub(crate) attached: Vec<PathBuf>,
    /// The repositories that it goes to.
    #[serde(default)]
    pub(crate) to: Vec<Destination>,
    /// Where else it goes.
    #[serde(default)]
    pub(crate) into: Vec<Into>,
}

/// Which documents go along with an image. What refers to one that goes along is looked for, too.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Referrers {
    /// None.
    None,
    /// All.
    All,
    /// Those of these artifact types, as `application/spdx+json`.
    Types(Vec<String>),
}

impl Referrers {
    /// Whether one of this artifact type goes along.
    pub(crate) fn take(&self, artifact_type: Option<&str>) -> bool {
        match self {
            Referrers::None => false,
            Referrers::All => true,
            Referrers::Types(types) => types.iter().any(|one| Some(one.as_str()) == artifact_type),
        }
    }
}

/// A layer: its receipt, and either its file or the request that makes it. Or the layers that one run of
/// `layer` has planned: their folder, and that of their requests where it does not hold their bytes.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GivenBlob {
    /// The receipt of `layer`.
    #[serde(default)]
    pub(crate) receipt: Option<PathBuf>,
    /// Instead of `receipt`: the folder that `layer` made of a request for several layers.
    #[serde(default)]
    pub(crate) planned: Option<PathBuf>,
    /// With `planned`: the folder of their requests.
    #[serde(default)]
    pub(crate) requests: Option<PathBuf>,
    /// The layer.
    #[serde(default)]
    pub(crate) file: Option<PathBuf>,
    /// The request that `layer_program` makes it from again while it is sent, if it must be sent.
    #[serde(default)]
    pub(crate) request: Option<PathBuf>,
}

/// A repository, and the tags that an image gets there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Destination {
    /// The repository, as `registry.example.com/team/app`.
    #[serde(default)]
    pub(crate) repository: Option<String>,
    /// Instead of `repository`: a file that holds it, and nothing else but white space around it.
    #[serde(default)]
    pub(crate) repository_from: Option<PathBuf>,
    /// Its tags. Without any it is there by its digest only.
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    /// Files that hold more tags, one a line. White space around them and empty lines do not matter,
    /// and a tag that comes twice counts once.
    #[serde(default)]
    pub(crate) tags_from: Vec<PathBuf>,
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

/// A place that is no registry.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Into {
    /// A layout directory, which must not exist. Images that name the same one share it.
    Layout(Output),
    /// A tar of a layout. Images that name the same one share it.
    OciArchive(Output),
    /// A tar that `docker load` and `podman load` take, of one image.
    DockerArchive(Output),
    /// A command that reads such a tar.
    Load(Load),
}

/// A file or directory that is written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Output {
    /// Its path.
    pub(crate) path: PathBuf,
    /// The names that the image gets in it: tags, or references with tags. Without any it keeps the
    /// names that it has in a layout or OCI archive, and has none in an archive for Docker.
    #[serde(default)]
    pub(crate) names: Vec<String>,
    /// Files that hold more names, one a line.
    #[serde(default)]
    pub(crate) names_from: Vec<PathBuf>,
}

/// A command that reads an archive for Docker on its standard input.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Load {
    /// The program and its arguments, as `["podman", "load"]`.
    pub(crate) command: Vec<String>,
    /// The names that the image gets: references with tags.
    #[serde(default)]
    pub(crate) names: Vec<String>,
    /// Files that hold more names, one a line.
    #[serde(default)]
    pub(crate) names_from: Vec<PathBuf>,
}

#[cfg(test)]
mod tests {
    #[test]
    fn schema_has_not_drifted() {
        golden::check_schema("push", &schemars::schema_for!(super::Request));
    }
}
