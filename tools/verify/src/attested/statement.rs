//! Provenance (in-toto statements with the predicate of SLSA) and sealed requests: what they say of the image, and
//! of each other.

use oci::error::Shown;
use oci::json::{self, Limits};
use oci::{Descriptor, Digest};
use serde_json::Value;

use super::Reading;
use super::facts::Facts;
use crate::request::Kind;

/// The build type of `attest`: a build by requests that stand in it.
const REQUESTS: &str = "tag:rules_container,2026:requests/v1";

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    let list = value.pointer(path).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

/// The digests of a digest set.
fn digests(of: &Value) -> Vec<Digest> {
    let set = of.get("digest").and_then(Value::as_object);
    let pairs = set.into_iter().flatten();
    let one = |(name, hex): (&String, &Value)| format!("{name}:{}", hex.as_str()?).parse().ok();
    pairs.filter_map(one).collect()
}

/// The digest of a value in our canonical form.
fn canonical(value: &Value) -> Option<String> {
    json::canonical(value)
        .ok()
        .map(|bytes| Digest::of(&bytes).hex())
}

/// Compares a statement with the image.
pub(super) fn read(reading: &mut Reading, bytes: &[u8], facts: &Facts<'_>) {
    let statement = match json::read(bytes, Limits::OURS, "statement") {
        Ok(statement) => statement,
        Err(error) => return reading.wrong(error.to_string()),
    };
    let kind = text(&statement, "/_type");
    if ![
        "https://in-toto.io/Statement/v1",
        "https://in-toto.io/Statement/v0.1",
    ]
    .contains(&kind)
    {
        return reading.wrong(format!("its `_type` is `{}`", Shown::new(kind)));
    }
    let subjects: Vec<Digest> = list(&statement, "/subject")
        .iter()
        .flat_map(digests)
        .collect();
    if !subjects.contains(&facts.root.digest) {
        let said: Vec<String> = subjects.iter().map(Digest::to_string).collect();
        reading.wrong(format!(
            "it is of {}",
            match said.is_empty() {
                true => "nothing".to_owned(),
                false => said.join(", "),
            }
        ));
    }
    let predicate = text(&statement, "/predicateType");
    if predicate != "https://slsa.dev/provenance/v1" {
        return reading.says(format!(
            "a statement of the type `{}`",
            Shown::new(predicate)
        ));
    }
    let (builder, build_type) = (
        text(&statement, "/predicate/runDetails/builder/id"),
        text(&statement, "/predicate/buildDefinition/buildType"),
    );
    if builder.is_empty() || build_type.is_empty() {
        reading.wrong("it names no builder or no type of build");
    }
    reading.says(format!("built by `{}`", Shown::new(builder)));
    let dependencies = list(
        &statement,
        "/predicate/buildDefinition/resolvedDependencies",
    );
    let known: Vec<Digest> = dependencies.iter().flat_map(digests).collect();
    if build_type != REQUESTS {
        return;
    }
    for base in facts.bases.iter().filter(|base| !known.contains(base)) {
        reading.wrong(format!("it does not name the base {base}"));
    }
    let steps = list(
        &statement,
        "/predicate/buildDefinition/externalParameters/steps",
    );
    for (at, step) in steps.iter().enumerate() {
        let found = step.get("request").and_then(canonical).unwrap_or_default();
        if text(step, "/sha256") != found {
            reading.wrong(format!(
                "the request of step {} has the SHA-256 {found}, and another is said",
                at + 1
            ));
        }
    }
    reading.says(format!("{} steps", steps.len()));
    let outputs = list(&statement, "/predicate/runDetails/byproducts").iter();
    let receipts = outputs.map(|one| text(one, "/digest/sha256").to_owned());
    reading.receipts = Some(receipts.collect());
    let requests = steps.iter().map(|step| text(step, "/sha256").to_owned());
    reading.requests = Some(requests.collect());
}

/// Compares sealed requests with the image.
pub(super) fn sealed(reading: &mut Reading, bytes: &[u8], facts: &Facts<'_>) {
    let sealed = match json::read(bytes, Limits::OURS, "sealed requests") {
        Ok(sealed) => sealed,
        Err(error) => return reading.wrong(error.to_string()),
    };
    let kind = text(&sealed, "/kind");
    if kind != "sealed_requests" || sealed.get("version").and_then(Value::as_u64) != Some(1) {
        return reading.wrong(format!(
            "it is `{}`, or of another version",
            Shown::new(kind)
        ));
    }
    let subject = text(&sealed, "/subject");
    let root = facts.root.digest.to_string();
    if subject != root {
        reading.wrong(format!("it is of {}", Shown::new(subject)));
    }
    let steps = list(&sealed, "/steps");
    let made = steps
        .last()
        .map_or("", |last| text(last, "/receipt/digest"));
    if made != root {
        reading.wrong(format!(
            "its last step made {}",
            match made {
                "" => "nothing".to_owned(),
                made => Shown::new(made).to_string(),
            }
        ));
    }
    for step in steps.iter().filter(|step| text(step, "/tool") == "layer") {
        // One run may make several layers: those have receipts of their own.
        let digest = text(step, "/receipt/digest").parse::<Digest>();
        if let Ok(digest) = digest
            && facts.layer(&digest).is_none()
        {
            reading.wrong(format!(
                "it makes the layer {digest}, which the image does not have"
            ));
        }
    }
    let hashes = |field: &str| {
        let hash = |step: &Value| step.get(field).and_then(canonical).unwrap_or_default();
        steps.iter().map(hash).collect::<Vec<String>>()
    };
    reading.requests = Some(hashes("request"));
    reading.receipts = Some(hashes("receipt"));
    reading.says(format!("{} steps", steps.len()));
}

/// Compares what provenance and sealed requests say of the same steps.
pub(super) fn compare(readings: &mut [(&Descriptor, Reading)]) {
    let sealed = readings
        .iter()
        .find(|(_, one)| one.kind == Some(Kind::Sealed) && one.findings.is_empty());
    let Some((requests, receipts)) =
        sealed.map(|(_, one)| (one.requests.clone(), one.receipts.clone()))
    else {
        return;
    };
    for (_, reading) in readings.iter_mut() {
        if reading.kind != Some(Kind::Provenance) || reading.requests.is_none() {
            continue;
        }
        if reading.requests != requests {
            reading.wrong("it names other requests than the sealed ones");
            reading.key = None;
        }
        if reading.receipts != receipts {
            reading.wrong("it names other receipts than the sealed ones");
            reading.key = None;
        }
    }
}
