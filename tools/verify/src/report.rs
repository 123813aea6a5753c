//! What is said of checks that hold, and of images: the report.

use inspect::{Finding, Level, Report as Found};
use oci::{Digest, json};
use schemars::JsonSchema;
use serde::Serialize;

use crate::attested::Attested;
use crate::error::{Error, Result};

/// The report of a request whose checks all hold.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Report {
    /// `verify_report`.
    kind: &'static str,
    /// 1.
    version: u32,
    /// The user's own name for the test.
    origin: String,
    /// One for each check, in the order of the request.
    checks: Vec<Outcome>,
}

/// What was found of one check that holds.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(deny_unknown_fields)]
pub(crate) enum Outcome {
    /// The digest that was expected, and is.
    Digest(String),
    /// How many things were expected of the image.
    Structure(u64),
    /// The two are the same.
    Same(bool),
    /// The image is sound.
    Image(Sound),
    /// What is said of the image is so.
    Attested(Attested),
}

/// What was read of an image.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Sound {
    /// Where it is.
    image: String,
    /// The digests of what is listed.
    digests: Vec<String>,
    /// Indexes that were read.
    indexes: u64,
    /// Manifests that were read.
    manifests: u64,
    /// Layers that were read.
    layers: u64,
    /// Blobs that are said to be somewhere else, and were not read.
    absent: u64,
    /// Bytes that were read.
    bytes: u64,
    /// What is wrong; for a request, warnings at most.
    findings: Vec<FindingShown>,
}

/// One finding.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct FindingShown {
    /// The rule that is broken.
    rule: &'static str,
    /// `error` or `warning`.
    level: &'static str,
    /// `image`, `index`, `manifest`, `config`, `layer` or `blob`.
    place: &'static str,
    /// The digest of the document or blob; absent for the image as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// The path of an entry, or the field of a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// How.
    message: String,
}

/// The word for a level.
pub(crate) fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
    }
}

impl Sound {
    /// What is said of an image.
    pub(crate) fn new(image: &str, found: &Found) -> Self {
        let shown = |finding: &Finding| FindingShown {
            rule: finding.rule.id(),
            level: level(finding.rule.level()),
            place: finding.place.kind(),
            digest: finding.place.digest().map(Digest::to_string),
            at: finding.at.clone(),
            message: finding.message.clone(),
        };
        Sound {
            image: image.to_owned(),
            digests: found.roots.iter().map(Digest::to_string).collect(),
            indexes: found.indexes,
            manifests: found.manifests,
            layers: found.layers,
            absent: found.absent,
            bytes: found.bytes,
            findings: found.findings.iter().map(shown).collect(),
        }
    }

    /// The same for people, in one line.
    pub(crate) fn line(&self) -> String {
        let some = |count: u64, word: &str| match count {
            1 => format!("1 {word}"),
            count => format!("{count} {word}s"),
        };
        let mut parts = vec![
            some(self.manifests, "manifest"),
            some(self.layers, "layer"),
            some(self.bytes, "byte"),
        ];
        if self.indexes > 0 {
            parts.insert(0, some(self.indexes, "index").replace("indexs", "indexes"));
        }
        if self.absent > 0 {
            parts.push(format!(
                "{} not read, as they are elsewhere",
                some(self.absent, "blob")
            ));
        }
        format!("{}: sound: {}", self.image, parts.join(", "))
    }
}

impl Outcome {
    pub(crate) fn digest(digest: &Digest) -> Self {
        Outcome::Digest(digest.to_string())
    }

    pub(crate) fn same() -> Self {
        Outcome::Same(true)
    }

    pub(crate) fn image(image: &str, found: &Found) -> Self {
        Outcome::Image(Sound::new(image, found))
    }
}

impl Report {
    pub(crate) fn new(origin: &str, checks: Vec<Outcome>) -> Self {
        Report {
            kind: "verify_report",
            version: 1,
            origin: origin.to_owned(),
            checks,
        }
    }

    /// Canonical JSON.
    ///
    /// # Errors
    /// None that can be reached: all of it is strings and integers.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        json::to_canonical(self, "report").map_err(|error| Error::Unwritable {
            what: "report",
            error,
        })
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn schema_has_not_drifted() {
        golden::check_schema("verify_report", &schemars::schema_for!(super::Report));
    }
}
