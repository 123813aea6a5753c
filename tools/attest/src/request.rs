//! The request: an image, what is known of it, and what is to be said. Types and no meaning;
//! docs/requests/attest.md tells the fields.

use std::path::PathBuf;

use oci::Digest;
use schemars::JsonSchema;
use serde::Deserialize;

/// What `attest` is asked to say.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// `attest`.
    pub(crate) kind: String,
    /// 1.
    pub(crate) version: u32,
    /// The user's own name for what is said; errors begin with it.
    pub(crate) origin: String,
    /// The receipt of the image or index, as `assemble` wrote it.
    pub(crate) image: PathBuf,
    /// What the image is called, as `registry.example.com/team/app`; its origin, if nothing is given.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// The time that the documents name, in RFC 3339; the beginning of 1970, if nothing is given.
    #[serde(default)]
    pub(crate) time: Option<String>,
    /// What is known of layers.
    #[serde(default)]
    pub(crate) layers: Vec<Layer>,
    /// What else is in the image: what nobody can read out of requests and listings.
    #[serde(default)]
    pub(crate) packages: Vec<Package>,
    /// The steps that made the image, in their order, for provenance and sealed requests.
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
    /// The programs that made it.
    #[serde(default)]
    pub(crate) tools: Vec<Tool>,
    /// Who signs: needed for `signature`; `provenance` is put into a signed envelope.
    #[serde(default)]
    pub(crate) sign: Option<Sign>,
    /// Whether `signature` signs each image and index that an index lists, too, as `cosign sign --recursive` does.
    #[serde(default)]
    pub(crate) recursive: bool,
    /// The documents, in the order in which the layout lists them.
    pub(crate) make: Vec<Make>,
}

impl action::Request for Request {
    const KIND: &'static str = "attest";
    const VERSION: u32 = 1;

    fn head(&self) -> (&str, u32) {
        (&self.kind, self.version)
    }
}

/// What is known of one layer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Layer {
    /// Its receipt.
    pub(crate) receipt: PathBuf,
    /// Its listing: files with their hashes, and the store paths of Nix.
    #[serde(default)]
    pub(crate) listing: Option<PathBuf>,
    /// Its request: the origins of its entries.
    #[serde(default)]
    pub(crate) request: Option<PathBuf>,
    /// The origins of its entries, where its request is not at hand.
    #[serde(default)]
    pub(crate) origins: Vec<String>,
}

/// Something that is in the image.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    #[serde(default)]
    pub(crate) package_version: Option<String>,
    /// Its package URL.
    #[serde(default)]
    pub(crate) purl: Option<String>,
    /// Its licence, as an SPDX expression.
    #[serde(default)]
    pub(crate) licence: Option<String>,
    /// The SHA-256 of what it was taken from, in hexadecimal.
    #[serde(default)]
    pub(crate) sha256: Option<String>,
}

/// One run of a program.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// The program.
    pub(crate) tool: String,
    /// What its main output is called in the requests of later steps.
    pub(crate) output: String,
    /// Its request.
    pub(crate) request: PathBuf,
    /// Its receipt.
    pub(crate) receipt: PathBuf,
    /// What its receipt is called in the requests of later steps.
    #[serde(default)]
    pub(crate) receipt_name: Option<String>,
    /// What its listing is called in the requests of later steps.
    #[serde(default)]
    pub(crate) listing_name: Option<String>,
}

/// A program.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tool {
    /// Its name.
    pub(crate) name: String,
    /// The program itself, to be hashed.
    #[serde(default)]
    pub(crate) path: Option<PathBuf>,
    /// Its digest, instead of the program.
    #[serde(default)]
    pub(crate) digest: Option<Digest>,
}

/// Who signs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sign {
    /// A private key of P-256 in a PEM file: PKCS#8 without a password, or SEC 1.
    Key(PathBuf),
    /// A program that has the key.
    Program(Program),
}

/// A program that signs. It reads a JSON object from its standard input, and writes the signature in base64 to
/// its standard output.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Program {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// The PEM file of the public key that the signatures must be good for.
    #[serde(default)]
    pub(crate) public_key: Option<PathBuf>,
}

/// One document.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Make {
    /// A bill of materials in SPDX 2.3.
    Spdx,
    /// A bill of materials in CycloneDX 1.6, with every file.
    Cyclonedx,
    /// An in-toto statement with the predicate of SLSA provenance 1.
    Provenance(Provenance),
    /// Requests, receipts and the digests of the programs: what `verify rebuild` makes the image again by.
    Sealed,
    /// A signature of the image's digest, as cosign makes it with a key.
    Signature,
}

/// Who made it, and in which run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Provenance {
    /// Who vouches for the build: a URI.
    pub(crate) builder: String,
    /// The run, as the builder names it.
    #[serde(default)]
    pub(crate) invocation: Option<String>,
    /// Sources and the like that went in.
    #[serde(default)]
    pub(crate) materials: Vec<Material>,
}

/// Something that went into a build.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Material {
    /// Where it is from, as `git+https://example.com/team/app`.
    pub(crate) uri: String,
    /// The commit of a git repository, in hexadecimal.
    #[serde(default)]
    pub(crate) git_commit: Option<String>,
    /// The SHA-256, in hexadecimal.
    #[serde(default)]
    pub(crate) sha256: Option<String>,
}

#[cfg(test)]
mod tests {
    #[test]
    fn schema_has_not_drifted() {
        golden::check_schema("attest", &schemars::schema_for!(super::Request));
    }
}
