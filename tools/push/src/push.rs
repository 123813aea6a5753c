//! From the plan to the registries: blobs, then manifests, children first, and tags when all else is
//! there.
//!
//! Invariant: a tag is written only after everything of every image is in its place, so that a push that
//! fails has moved no tag unless writing a tag itself failed; the receipt says how far it came.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use oci::{Descriptor, Digest, Index, json};
use progress::Progress;
use registry::{Arrival, Journal, Mount, Registries, Repository, Target};
use serde::Serialize;

use crate::bytes::From;
use crate::error::{Error, Result};
use crate::into::{self, Written};
use crate::journal::Kept;
use crate::parallel::each;
use crate::plan::{Plan, Stop, TagPlan};
use crate::source::{Blob, Document, Origin};

/// What was done.
#[derive(Debug, Serialize)]
pub(crate) struct Receipt {
    kind: &'static str,
    version: u32,
    origin: String,
    /// Whether all of it was.
    complete: bool,
    repositories: Vec<Done>,
    /// Outputs that were written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    into: Vec<Written>,
}

/// What was done in one repository.
#[derive(Debug, Default, Serialize)]
struct Done {
    repository: String,
    /// Blobs that it had.
    present: usize,
    mounted: Vec<String>,
    sent: Vec<String>,
    bytes_sent: u64,
    manifests: Vec<String>,
    /// Of those: what refers to something, and its artifact type.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    referrers: BTreeMap<String, String>,
    /// Tags and digests of those that were written.
    tags: BTreeMap<String, String>,
    /// What those of them led to that led elsewhere before.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    replaced: BTreeMap<String, String>,
    /// Those that lead to their image already.
    unchanged: Vec<String>,
    /// Those that lead elsewhere and were to stay.
    kept: Vec<String>,
}

impl Receipt {
    /// The bytes of the file: canonical JSON.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        json::to_canonical(self, "push receipt").map_err(|error| Error::Unwritable {
            what: "receipt",
            error,
        })
    }
}

/// How things are sent.
pub(crate) struct Way<'a> {
    pub(crate) registries: &'a Registries,
    pub(crate) parallel: usize,
    pub(crate) journal: Option<&'a Path>,
    pub(crate) progress: &'a Progress,
}

/// Carries the plan out. What was done is returned in any case.
pub(crate) fn push(plan: &Plan, way: &Way<'_>, origin: &str) -> (Receipt, Result<()>) {
    let done = plan.stops.iter().map(|stop| Done {
        repository: stop.repository.name(),
        present: stop.present.len(),
        ..Done::default()
    });
    let mut receipt = Receipt {
        kind: "push_receipt",
        version: 1,
        origin: origin.to_owned(),
        complete: false,
        repositories: done.collect(),
        into: Vec::new(),
    };
    let result = carry_out(plan, way, &mut receipt);
    receipt.complete = result.is_ok();
    (receipt, result)
}

fn carry_out(plan: &Plan, way: &Way<'_>, receipt: &mut Receipt) -> Result<()> {
    let done = receipt.repositories.as_mut_slice();
    for (stop, done) in plan.stops.iter().zip(&mut *done) {
        blobs(plan, stop, way, done)?;
    }
    for (stop, done) in plan.stops.iter().zip(&mut *done) {
        for document in &stop.documents {
            manifest(&stop.repository, document)?;
            done.manifests.push(document.descriptor.digest.to_string());
            done.referrers.extend(document.referrer());
        }
    }
    into::write(&plan.deliveries, way.registries, &mut receipt.into)?;
    for (stop, done) in plan.stops.iter().zip(&mut *done) {
        for tag in &stop.tags {
            match tag.what {
                TagPlan::Same => done.unchanged.push(tag.name.clone()),
                TagPlan::Kept => done.kept.push(tag.name.clone()),
                TagPlan::Write => {
                    let document = root(plan, stop, &tag.digest)?;
                    let target = Target::Tag(tag.name.clone());
                    let media_type = &document.descriptor.media_type;
                    stop.repository
                        .put_manifest(&target, media_type, &document.bytes)?;
                    done.tags.insert(tag.name.clone(), tag.digest.to_string());
                    if let Some(found) = tag.found {
                        done.replaced.insert(tag.name.clone(), found.to_string());
                    }
                }
            }
        }
    }
    Ok(())
}

/// The bytes that a tag is to lead to: those that were just put, or those that the registry has.
fn root(plan: &Plan, stop: &Stop, digest: &Digest) -> Result<Document> {
    let all = plan.stops.iter().flat_map(|stop| &stop.documents);
    let mut found = all.filter(|document| document.descriptor.digest == *digest);
    if let Some(document) = found.next() {
        return Ok(document.clone());
    }
    let fetched = stop.repository.manifest(&Target::Digest(*digest), None)?;
    Ok(Document {
        descriptor: fetched.descriptor,
        bytes: fetched.bytes,
        subject: None,
    })
}

/// Repositories of the same registry that may have a blob: those that the layout names, and those of this
/// run.
pub(crate) fn mountable(plan: &Plan, repository: &Repository, blob: &Blob) -> Vec<String> {
    let same = blob
        .sources
        .iter()
        .filter(|source| source.registry == repository.registry());
    let mut from: Vec<String> = same.map(|source| source.repository.clone()).collect();
    for stop in &plan.stops {
        let other = &stop.repository;
        let has = stop.present.contains(&blob.digest)
            || stop.whole.contains(&blob.digest)
            || stop
                .missing
                .iter()
                .any(|missing| missing.digest == blob.digest);
        if other.registry() == repository.registry() && has {
            from.push(other.path().to_owned());
        }
    }
    from.retain(|path| path != repository.path());
    from.dedup();
    from
}

/// Brings what a repository lacks.
fn blobs(plan: &Plan, stop: &Stop, way: &Way<'_>, done: &mut Done) -> Result<()> {
    let arrived: Mutex<Vec<(usize, Arrival)>> = Mutex::default();
    let result = each(stop.missing.len(), way.parallel, |at| {
        let blob = &stop.missing[at];
        // Where nobody is known to have it, the registry may know.
        let mount = match mountable(plan, &stop.repository, blob).into_iter().next() {
            Some(path) => Mount::From(path),
            None => Mount::Anonymous,
        };
        let arrival = send(stop, blob, &mount, way)?;
        if arrival == Arrival::Mounted {
            way.progress.add(blob.size);
        }
        arrived
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .push((at, arrival));
        Ok(())
    });
    let mut arrived = arrived
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    arrived.sort_by_key(|(at, _)| *at);
    for (at, arrival) in arrived {
        let blob = &stop.missing[at];
        match arrival {
            Arrival::Mounted => done.mounted.push(blob.digest.to_string()),
            Arrival::Sent => {
                done.sent.push(blob.digest.to_string());
                done.bytes_sent += blob.size;
            }
        }
    }
    result.map(drop)
}

/// Sends a blob from the first place that gives it.
fn send(stop: &Stop, blob: &Blob, mount: &Mount, way: &Way<'_>) -> Result<Arrival> {
    let mut failed = None;
    for origin in &blob.origins {
        let from = From {
            origin,
            blob,
            registries: way.registries,
            progress: way.progress,
        };
        let kept = match way.journal {
            Some(folder) if blob.size > registry::CHUNK => {
                Some(Kept::open(folder, &stop.repository.name(), &blob.digest)?)
            }
            _ => None,
        };
        let journal = kept.as_ref().map(|kept| kept as &dyn Journal);
        let sent = stop
            .repository
            .upload_with(&blob.digest, blob.size, mount, &from, journal);
        match sent.map_err(Error::from) {
            Ok(arrival) => return Ok(arrival),
            // What the registry refuses from here it refuses from anywhere.
            Err(error @ Error::Registry(_)) if !matches!(origin, Origin::Registry(_)) => {
                return Err(error);
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    Err(failed.unwrap_or_else(|| Error::NoSource {
        layout: blob.layout.clone(),
        digest: blob.digest,
    }))
}

/// Puts a manifest under its digest, and into the list of what refers to its subject where the registry
/// keeps none.
fn manifest(repository: &Repository, document: &Document) -> Result<()> {
    let target = Target::Digest(document.descriptor.digest);
    let media_type = &document.descriptor.media_type;
    let noticed = repository.put_manifest(&target, media_type, &document.bytes)?;
    match &document.subject {
        Some(subject) if !noticed => refer(repository, subject, &document.descriptor),
        _ => Ok(()),
    }
}

/// The list of referrers under a tag (distribution specification, "Referrers tag schema").
fn refer(repository: &Repository, subject: &Descriptor, referrer: &Descriptor) -> Result<()> {
    let tag = Target::Tag(oci::reference::referrers_tag(&subject.digest));
    let mut index = match repository.manifest(&tag, None) {
        Ok(fetched) => match fetched.document {
            registry::Document::Index(index) => *index,
            registry::Document::Manifest(_) => Index::new(Vec::new()),
        },
        Err(error) if error.is_absent() => Index::new(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    if index
        .manifests
        .iter()
        .any(|known| known.digest == referrer.digest)
    {
        return Ok(());
    }
    index.manifests.push(referrer.clone());
    let bytes = index.to_bytes().map_err(|error| Error::Unwritable {
        what: "list of referrers",
        error,
    })?;
    repository.put_manifest(&tag, &index.media_type, &bytes)?;
    Ok(())
}
