//! The request: what is checked. Types and no meaning; docs/requests/verify.md tells the fields.

use std::collections::BTreeMap;
use std::path::PathBuf;

use oci::{Digest, RawPath};
use registry::Access;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What `verify` is asked to check.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// `verify`.
    pub(crate) kind: String,
    /// 1.
    pub(crate) version: u32,
    /// The user's own name for the test; errors begin with it.
    pub(crate) origin: String,
    /// The checks. All are made, also after one that does not hold.
    pub(crate) checks: Vec<Check>,
    /// How registries are reached, where a check reads one.
    #[serde(default)]
    pub(crate) access: Access,
}

impl action::Request for Request {
    const KIND: &'static str = "verify";
    const VERSION: u32 = 1;

    fn head(&self) -> (&str, u32) {
        (&self.kind, self.version)
    }
}

/// One check.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Check {
    /// A digest is the one that is expected.
    Digest(DigestCheck),
    /// An image has the files, the config and the annotations that are expected.
    Structure(Box<StructureCheck>),
    /// Two files, or two layouts, are the same.
    Same(SameCheck),
    /// An image is sound: everything that the specifications say of it holds.
    Image(ImageCheck),
    /// What is said of an image by documents that refer to it is so: signatures, bills of materials, provenance.
    Attested(AttestedCheck),
}

/// A digest is the one that is expected.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DigestCheck {
    /// A file with a digest, or a receipt of `layer` or `assemble`.
    pub(crate) actual: PathBuf,
    /// A file with the digest that is expected, a receipt, or the documents that `verify update --documents`
    /// wrote.
    #[serde(default)]
    pub(crate) expected: Option<PathBuf>,
    /// The digest that is expected, instead of a file.
    #[serde(default)]
    pub(crate) expected_digest: Option<Digest>,
    /// The command that writes the file anew, for the hint.
    #[serde(default)]
    pub(crate) update: Option<String>,
    /// The layout of the actual image: where `expected` holds documents, what moved is told.
    #[serde(default)]
    pub(crate) layout: Option<PathBuf>,
    /// Whether links that lead out of `layout` are followed.
    #[serde(default)]
    pub(crate) follow_links: bool,
    /// Layouts of both sides: where they are at hand, what moved is explained.
    #[serde(default)]
    pub(crate) explain: Option<SameCheck>,
}

/// Two files, or two layouts, are the same.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SameCheck {
    /// A file, or the directory of a layout.
    pub(crate) first: PathBuf,
    /// What is compared with it.
    pub(crate) second: PathBuf,
    /// Whether links that lead out of the layouts are followed.
    #[serde(default)]
    pub(crate) follow_links: bool,
    /// The command that writes the second anew, for the hint.
    #[serde(default)]
    pub(crate) update: Option<String>,
}

/// An image is sound.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImageCheck {
    /// Where it is.
    pub(crate) source: Source,
    /// Whether links that lead out of a layout are followed.
    #[serde(default)]
    pub(crate) follow_links: bool,
    /// Whether warnings count as errors.
    #[serde(default)]
    pub(crate) strict: bool,
    /// The most bytes that a layer may unpack to; without it, a thousand times its size and 1 GiB.
    #[serde(default)]
    pub(crate) max_unpacked_size: Option<u64>,
}

/// What is said of an image is so.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttestedCheck {
    /// Where the image is.
    pub(crate) source: Source,
    /// Layouts with documents that refer to it, as `attest` writes them.
    #[serde(default)]
    pub(crate) attached: Vec<PathBuf>,
    /// PEM files of public keys. One of them must have signed the image, and any provenance that is signed.
    #[serde(default)]
    pub(crate) keys: Vec<PathBuf>,
    /// The kinds of documents that must be there; with keys, a signature in any case.
    #[serde(default)]
    pub(crate) require: Vec<Kind>,
    /// Listings by the digest of their layer, or its diff_id: files are compared without reading the layer.
    #[serde(default)]
    pub(crate) listings: BTreeMap<Digest, PathBuf>,
    /// Whether links that lead out of layouts are followed.
    #[serde(default)]
    pub(crate) follow_links: bool,
}

/// A kind of document that refers to an image.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A signature by a key, as cosign makes it.
    Signature,
    /// A bill of materials in SPDX 2.
    Spdx,
    /// A bill of materials in CycloneDX.
    Cyclonedx,
    /// An in-toto statement; with keys, a signed one.
    Provenance,
    /// Requests and receipts.
    Sealed,
}

impl Kind {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Signature => "signature",
            Kind::Spdx => "spdx",
            Kind::Cyclonedx => "cyclonedx",
            Kind::Provenance => "provenance",
            Kind::Sealed => "sealed",
        }
    }
}

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// The directory of a layout, whole or sparse.
    Layout(PathBuf),
    /// An OCI archive, or one for `docker load`.
    Archive(PathBuf),
    /// A reference, as `registry.example.com/team/app@sha256:…`.
    Registry(String),
}

/// An image has what is expected.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StructureCheck {
    /// The directory of its layout, whole or sparse.
    pub(crate) layout: PathBuf,
    /// Which image of the layout, by digest.
    #[serde(default)]
    pub(crate) digest: Option<Digest>,
    /// Which image of the layout, by tag.
    #[serde(default)]
    pub(crate) tag: Option<String>,
    /// Which image of the layout, by what it runs on.
    #[serde(default)]
    pub(crate) platform: Option<String>,
    /// Whether links that lead out of the layout are followed.
    #[serde(default)]
    pub(crate) follow_links: bool,
    /// Listings of its uppermost layers, the lowest of them first. Layers below are read from the layout.
    #[serde(default)]
    pub(crate) listings: Vec<PathBuf>,
    /// What it must have.
    pub(crate) expect: Expect,
}

/// What an image must have. What is not said does not matter.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// What it runs on, as `linux/amd64`.
    #[serde(default)]
    pub(crate) platform: Option<String>,
    /// How many layers it has.
    #[serde(default)]
    pub(crate) layers: Option<u64>,
    /// The most bytes that its layers have together, as they are sent.
    #[serde(default)]
    pub(crate) max_size: Option<u64>,
    /// Annotations of its manifest.
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
    /// What a container is started with.
    #[serde(default)]
    pub(crate) config: ExpectConfig,
    /// Files, as a container sees them.
    #[serde(default)]
    pub(crate) files: Vec<ExpectFile>,
}

/// What a container is started with.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectConfig {
    /// The entrypoint; an empty list is none.
    #[serde(default)]
    pub(crate) entrypoint: Option<Vec<String>>,
    /// The arguments; an empty list is none.
    #[serde(default)]
    pub(crate) cmd: Option<Vec<String>>,
    /// Variables that must be there, with their values.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// Variables that must not be there.
    #[serde(default)]
    pub(crate) no_env: Vec<String>,
    /// The user; an empty text is none.
    #[serde(default)]
    pub(crate) user: Option<String>,
    /// The working directory; an empty text is none.
    #[serde(default)]
    pub(crate) working_dir: Option<String>,
    /// The signal that stops it; an empty text is none.
    #[serde(default)]
    pub(crate) stop_signal: Option<String>,
    /// Labels that must be there, with their values.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    /// All ports, as `80/tcp`.
    #[serde(default)]
    pub(crate) exposed_ports: Option<Vec<String>>,
    /// All volumes.
    #[serde(default)]
    pub(crate) volumes: Option<Vec<String>>,
}

/// One file, as a container sees it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectFile {
    /// Its path, without a slash before it.
    pub(crate) path: RawPath,
    /// Whether it must not be there.
    #[serde(default)]
    pub(crate) absent: bool,
    /// `file`, `directory`, `symlink`, `hardlink`, `character_device`, `block_device` or `fifo`.
    #[serde(default, rename = "type")]
    pub(crate) kind: Option<String>,
    /// Permission bits in octal, as `0755`.
    #[serde(default)]
    pub(crate) mode: Option<String>,
    /// The owner's number.
    #[serde(default)]
    pub(crate) uid: Option<u64>,
    /// The group's number.
    #[serde(default)]
    pub(crate) gid: Option<u64>,
    /// The target of a link.
    #[serde(default)]
    pub(crate) link: Option<RawPath>,
    /// Bytes of content.
    #[serde(default)]
    pub(crate) size: Option<u64>,
    /// The SHA-256 of the content, in hexadecimal.
    #[serde(default)]
    pub(crate) sha256: Option<String>,
    /// The machine that an ELF file is for, as `uname -m` calls it; only listings tell.
    #[serde(default)]
    pub(crate) elf: Option<String>,
}

#[cfg(test)]
mod tests {
    #[test]
    fn schema_has_not_drifted() {
        golden::check_schema("verify", &schemars::schema_for!(super::Request));
    }
}
