//! What is said of an image by documents that refer to it, and whether it is so: signatures by keys, bills of
//! materials, provenance, sealed requests.
//!
//! A document must have its digest, refer to the image, parse in one way only, name the image, and agree with it:
//! layers, bases, files where they can be had. What it says beyond that is its author's word.
//!
//! Invariant: a signature counts only where it is good for a key that was given, and a document that should be
//! signed counts only then.

mod facts;
mod sbom;
mod statement;

use std::path::PathBuf;

use inspect::Store;
use layout::Links;
use oci::index::REF_NAME;
use oci::json::Limits;
use oci::{Descriptor, Digest, Manifest};
use registry::Access;
use schemars::JsonSchema;
use serde::Serialize;
use signing::{Envelope, Payload, PublicKey};

use crate::error::{Error, Result};
use crate::explain::{self, Listings, Side};
use crate::remote::Remote;
use crate::request::{Kind, Source};
use facts::Facts;

/// The most findings that are told of one document.
const TOLD: usize = 20;

/// The most bytes of a public key.
const KEY: u64 = 64 << 10;

/// What is checked.
pub(crate) struct Task<'a> {
    pub(crate) source: &'a Source,
    pub(crate) attached: &'a [PathBuf],
    pub(crate) keys: &'a [PathBuf],
    pub(crate) require: &'a [Kind],
    pub(crate) listings: &'a Listings,
    pub(crate) links: Links,
    pub(crate) access: &'a Access,
}

/// What was found.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Attested {
    /// The digest of the image.
    pub(crate) image: String,
    /// The documents that refer to it, in the order of the list.
    pub(crate) documents: Vec<Told>,
    /// What is wrong.
    pub(crate) findings: Vec<String>,
}

impl Attested {
    /// All that is wrong, each with the document that it is of.
    pub(crate) fn all(&self) -> Vec<String> {
        let of = |one: &Told| -> Vec<String> {
            let findings = one.findings.iter();
            findings
                .map(|finding| format!("{} {}: {finding}", one.kind, one.digest))
                .collect()
        };
        let mut all = self.findings.clone();
        all.extend(self.documents.iter().flat_map(of));
        all
    }

    /// The same for people: a line for the image, and one for each document.
    pub(crate) fn lines(&self) -> String {
        let mut text = match self.documents.len() {
            1 => format!("{}: 1 document refers to it\n", self.image),
            count => format!("{}: {count} documents refer to it\n", self.image),
        };
        for Told {
            kind,
            digest,
            key,
            says,
            findings,
        } in &self.documents
        {
            let wrong = match findings.is_empty() {
                true => "",
                false => "wrong: ",
            };
            text.push_str(&format!("  {kind} {digest}: {wrong}{says}"));
            if let Some(key) = key {
                text.push_str(&format!(", by the key {key}"));
            }
            text.push('\n');
        }
        text
    }
}

/// What was found of one document.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Told {
    /// What it is; its artifact type where nobody knows.
    pub(crate) kind: String,
    /// The digest of its manifest.
    pub(crate) digest: String,
    /// The fingerprint of the key that a signature of it is good for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// What it says that was compared, in words.
    pub(crate) says: String,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) findings: Vec<String>,
}

/// What is known of one document while it is read.
#[derive(Default)]
struct Reading {
    kind: Option<Kind>,
    /// The image below an index that it is of, where it is not of the index.
    of: Option<Digest>,
    key: Option<Digest>,
    says: Vec<String>,
    findings: Vec<String>,
    /// The SHA-256 of each request and receipt that it names.
    requests: Option<Vec<String>>,
    receipts: Option<Vec<String>>,
}

impl Reading {
    fn wrong(&mut self, finding: impl Into<String>) {
        self.findings.push(finding.into());
    }

    fn says(&mut self, text: impl Into<String>) {
        self.says.push(text.into());
    }
}

/// Reads an image and what refers to it.
///
/// # Errors
/// What can't be read: the image, a key, a layout, a registry. What is wrong is in the findings.
pub(crate) fn check(task: &Task<'_>) -> Result<Attested> {
    let mut keys = Vec::new();
    for path in task.keys {
        let bytes = files::read_at_most(path, KEY)?;
        let key = PublicKey::read(&bytes).map_err(|error| Error::Key {
            path: path.clone(),
            error,
        })?;
        keys.push(key);
    }
    let name = crate::plan::shown(task.source);
    let store = explain::open(task.source, task.links, task.access)?;
    let side = Side {
        name: &name,
        store: store.as_ref(),
    };
    let facts = Facts::read(&side, task.listings)?;
    let mut places: Vec<(String, Box<dyn Store>)> = Vec::new();
    match task.source {
        Source::Registry(text) => {
            let registries = task.access.open()?;
            let (remote, _) = Remote::referrers(&registries, text)?;
            places.push((name.clone(), Box::new(remote)));
        }
        source => places.push((
            name.clone(),
            explain::open(source, task.links, task.access)?,
        )),
    }
    for path in task.attached {
        let store = explain::open(&Source::Layout(path.clone()), task.links, task.access)?;
        places.push((path.display().to_string(), store));
    }
    let mut listed: Vec<(&str, &dyn Store, &Descriptor)> = Vec::new();
    for (name, store) in &places {
        for one in store.roots() {
            let known = listed
                .iter()
                .any(|(_, _, known)| known.digest == one.digest);
            if one.digest != facts.root.digest && !known {
                listed.push((name, store.as_ref(), one));
            }
        }
    }
    let others: Vec<Digest> = listed.iter().map(|(_, _, one)| one.digest).collect();
    let mut readings = Vec::new();
    for (name, store, one) in listed {
        let side = Side { name, store };
        if let Some(reading) = read(&side, one, &facts, &keys, &others)? {
            readings.push((one, reading));
        }
    }
    statement::compare(&mut readings);
    let findings = missing(task, &keys, &readings)?;
    let documents = readings
        .into_iter()
        .map(|(one, reading)| told(one, reading));
    Ok(Attested {
        image: facts.root.digest.to_string(),
        documents: documents.collect(),
        findings,
    })
}

fn told(listed: &Descriptor, mut reading: Reading) -> Told {
    let more = reading.findings.len().saturating_sub(TOLD);
    reading.findings.truncate(TOLD);
    if more > 0 {
        reading.wrong(format!("and {more} things more"));
    }
    let unknown = listed.artifact_type.as_ref();
    let unknown = unknown.map_or("document", |kind| kind.as_str());
    let known = reading.kind.map(Kind::name);
    Told {
        kind: known.unwrap_or(unknown).to_owned(),
        digest: listed.digest.to_string(),
        key: reading.key.map(|key| key.to_string()),
        says: reading.says.join(", "),
        findings: reading.findings,
    }
}

/// What is wanted, and is not there or not signed.
fn missing(
    task: &Task<'_>,
    keys: &[PublicKey],
    readings: &[(&Descriptor, Reading)],
) -> Result<Vec<String>> {
    let mut wanted: Vec<Kind> = task.require.to_vec();
    if !keys.is_empty() && !wanted.contains(&Kind::Signature) {
        wanted.insert(0, Kind::Signature);
    }
    let mut findings = Vec::new();
    for kind in wanted {
        let mut of_kind = readings
            .iter()
            .map(|(_, one)| one)
            .filter(|one| one.kind == Some(kind) && one.of.is_none())
            .peekable();
        if of_kind.peek().is_none() {
            findings.push(format!("there is no {}", kind.name()));
            continue;
        }
        let signs = matches!(kind, Kind::Signature | Kind::Provenance);
        if signs && !keys.is_empty() && !of_kind.any(|one| one.key.is_some()) {
            let keys: Result<Vec<String>> = keys.iter().map(fingerprint).collect();
            let keys = keys?.join(", ");
            findings.push(format!("no {} is good for the key {keys}", kind.name()));
        }
    }
    if task.require.is_empty() && readings.is_empty() && findings.is_empty() {
        findings.push("nothing refers to it".to_owned());
    }
    Ok(findings)
}

fn fingerprint(key: &PublicKey) -> Result<String> {
    let fingerprint = key.fingerprint().map_err(|error| Error::Key {
        path: PathBuf::new(),
        error,
    })?;
    Ok(fingerprint.to_string())
}

/// Reads one document; nothing where it does not say that it refers to anything.
fn read(
    side: &Side<'_>,
    listed: &Descriptor,
    facts: &Facts<'_>,
    keys: &[PublicKey],
    others: &[Digest],
) -> Result<Option<Reading>> {
    let mut reading = Reading::default();
    if !listed.media_type.is_manifest() {
        return Ok(None);
    }
    let Some(bytes) = document(side, listed, Limits::MANIFEST.size, &mut reading)? else {
        return Ok(Some(reading));
    };
    let manifest = match Manifest::read(&bytes, &listed.media_type) {
        Ok(manifest) => manifest,
        Err(error) => {
            reading.wrong(error.to_string());
            return Ok(Some(reading));
        }
    };
    let tags = [
        signing::signature_tag(&facts.root.digest),
        signing::statement_tag(&facts.root.digest),
    ];
    let by_tag = listed
        .annotations
        .get(REF_NAME)
        .is_some_and(|name| tags.contains(name));
    match &manifest.subject {
        // One of several images of a layout, or a signature of the kind that has a tag and no subject.
        None if by_tag => {}
        None => return Ok(None),
        // What is said of what is said.
        Some(subject) if others.contains(&subject.digest) => return Ok(None),
        Some(subject) => {
            let Some(image) = facts.image(&subject.digest) else {
                reading.wrong(format!("it refers to {}", subject.digest));
                return Ok(Some(reading));
            };
            if subject.size != image.size || subject.media_type != image.media_type {
                reading.wrong("it refers to the image by another size or media type");
            }
            if image.digest != facts.root.digest {
                reading.of = Some(image.digest);
                reading.says(format!("of {}", image.digest));
            }
        }
    }
    for layer in &manifest.layers {
        let Some(bytes) = document(side, layer, Limits::OURS.size, &mut reading)? else {
            continue;
        };
        match layer.media_type.as_str() {
            signing::SIMPLE_SIGNING => {
                reading.kind = Some(Kind::Signature);
                let subject = reading.of.unwrap_or(facts.root.digest);
                signature(&mut reading, layer, &bytes, &subject, keys);
            }
            // What else is said of one image below is compared where that image is the one that is asked for.
            _ if reading.of.is_some() => {
                let kind = oci::error::Shown::new(layer.media_type.as_str());
                reading.says(format!("of the type {kind}, not compared"));
            }
            signing::DSSE => {
                reading.kind = Some(Kind::Provenance);
                envelope(&mut reading, &bytes, facts, keys);
            }
            signing::IN_TOTO => {
                reading.kind = Some(Kind::Provenance);
                reading.says("not signed");
                statement::read(&mut reading, &bytes, facts);
            }
            "application/spdx+json" | "text/spdx+json" => {
                reading.kind = Some(Kind::Spdx);
                sbom::spdx(&mut reading, &bytes, facts);
            }
            "application/vnd.cyclonedx+json" => {
                reading.kind = Some(Kind::Cyclonedx);
                sbom::cyclonedx(&mut reading, &bytes, facts);
            }
            crate::rebuild::SEALED => {
                reading.kind = Some(Kind::Sealed);
                statement::sealed(&mut reading, &bytes, facts);
            }
            other => {
                let other = oci::error::Shown::new(other);
                reading.says(format!("of the type {other}, which is not read"));
            }
        }
    }
    Ok(Some(reading))
}

/// The bytes of a document; what is wrong with them is said, and then there are none.
fn document(
    side: &Side<'_>,
    descriptor: &Descriptor,
    limit: u64,
    reading: &mut Reading,
) -> Result<Option<Vec<u8>>> {
    match side.document(descriptor, limit) {
        Ok(bytes) if bytes.len() as u64 == descriptor.size => Ok(Some(bytes)),
        Ok(bytes) => {
            let (size, found) = (descriptor.size, bytes.len());
            reading.wrong(format!(
                "{}: {found} bytes, and {size} were expected",
                descriptor.digest
            ));
            Ok(None)
        }
        Err(Error::Unsound { findings, .. }) => {
            findings
                .into_iter()
                .for_each(|finding| reading.wrong(finding));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A payload with its signature beside it.
fn signature(
    reading: &mut Reading,
    layer: &Descriptor,
    bytes: &[u8],
    subject: &Digest,
    keys: &[PublicKey],
) {
    match Payload::read(bytes) {
        Ok(payload) if payload.digest == *subject => {}
        Ok(payload) => reading.wrong(format!("it is a signature of {}", payload.digest)),
        Err(error) => reading.wrong(error.to_string()),
    }
    let Some(signature) = layer.annotations.get(signing::SIGNATURE) else {
        return reading.wrong("its payload has no signature");
    };
    let good = |key: &&PublicKey| key.verify(bytes, signature).is_ok();
    match keys.iter().find(good) {
        Some(key) if reading.findings.is_empty() => {
            reading.key = key.fingerprint().ok();
            reading.says("good");
        }
        Some(_) => {}
        None if keys.is_empty() => reading.says("not checked, as no key is given"),
        None => reading.says("by another key, or of other bytes"),
    }
}

/// A statement in an envelope.
fn envelope(reading: &mut Reading, bytes: &[u8], facts: &Facts<'_>, keys: &[PublicKey]) {
    let envelope = match Envelope::read(bytes) {
        Ok(envelope) => envelope,
        Err(error) => return reading.wrong(error.to_string()),
    };
    if envelope.payload_type != signing::IN_TOTO {
        let kind = oci::error::Shown::new(&envelope.payload_type);
        return reading.wrong(format!(
            "its envelope holds `{kind}`, which is no statement"
        ));
    }
    match keys.iter().find(|key| envelope.verify(key).is_ok()) {
        Some(key) => {
            reading.key = key.fingerprint().ok();
            reading.says("good");
        }
        None if keys.is_empty() => reading.says("signature not checked, as no key is given"),
        None => reading.wrong("its signature is not good for a key that is given"),
    }
    statement::read(reading, &envelope.payload, facts);
    if !reading.findings.is_empty() {
        reading.key = None;
    }
}
