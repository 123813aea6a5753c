//! The plan: what each repository lacks, and what goes elsewhere. Registries are asked, nothing is
//! written.
//!
//! Invariant: each blob is looked up once in each repository, whatever number of images it is in.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use oci::Digest;
use registry::{Registries, Repository, Target};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::gather::{Delivery, Orders, Shipment};
use crate::into::Written;
use crate::parallel::each;
use crate::request::Existing;
use crate::source::{Blob, Document};

/// How many blobs are looked up at once: that costs a registry little, and each waits for an answer.
const LOOKUPS: usize = 16;

/// What becomes of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TagPlan {
    /// It leads to the image already.
    Same,
    /// It leads to something else, and stays.
    Kept,
    /// It is written.
    Write,
}

/// What one repository gets.
pub(crate) struct Stop {
    pub(crate) repository: Repository,
    /// Blobs that it has.
    pub(crate) present: Vec<Digest>,
    /// Blobs of images that it has: not looked up, but good to be mounted from here.
    pub(crate) whole: BTreeSet<Digest>,
    /// Blobs that it lacks.
    pub(crate) missing: Vec<Blob>,
    /// Documents that it lacks, children first.
    pub(crate) documents: Vec<Document>,
    pub(crate) tags: Vec<Tag>,
}

/// A tag, and what becomes of it.
pub(crate) struct Tag {
    pub(crate) name: String,
    /// What it is to lead to.
    pub(crate) digest: Digest,
    pub(crate) what: TagPlan,
    /// What it leads to now.
    pub(crate) found: Option<Digest>,
}

/// All repositories, in the order of the request.
pub(crate) struct Plan {
    pub(crate) stops: Vec<Stop>,
    /// What goes elsewhere.
    pub(crate) deliveries: Vec<Delivery>,
}

/// Asks what is there.
///
/// # Errors
/// A tag that does not lead where it is expected to; the registries.
pub(crate) fn plan(orders: Orders, registries: &Registries) -> Result<Plan> {
    let mut order: Vec<(String, Vec<&Shipment>)> = Vec::new();
    for shipment in &orders.shipments {
        let name = shipment.repository();
        match order.iter_mut().find(|(known, _)| *known == name) {
            Some((_, list)) => list.push(shipment),
            None => order.push((name, vec![shipment])),
        }
    }
    let mut stops = Vec::new();
    for (_, shipments) in order {
        stops.push(stop(&shipments, registries)?);
    }
    Ok(Plan {
        stops,
        deliveries: orders.deliveries,
    })
}

fn stop(shipments: &[&Shipment], registries: &Registries) -> Result<Stop> {
    let first = shipments[0];
    let repository = registries.repository(&first.registry, &first.path)?;
    let mut tags = Vec::new();
    let mut wanted: BTreeMap<Digest, Blob> = BTreeMap::new();
    let mut documents: Vec<Document> = Vec::new();
    let mut seen: BTreeSet<Digest> = BTreeSet::new();
    let mut whole: BTreeSet<Digest> = BTreeSet::new();
    let mut lists: BTreeMap<Digest, Vec<Digest>> = BTreeMap::new();
    for shipment in shipments {
        let mut is_there = false;
        for tag in &shipment.tags {
            let found = repository.resolve(&Target::Tag(tag.clone()))?;
            is_there |= found == Some(shipment.root);
            tags.push(Tag {
                name: tag.clone(),
                digest: shipment.root,
                what: tag_plan(shipment, tag, found)?,
                found,
            });
        }
        // What is there is whole: no registry takes a manifest before what it refers to.
        if is_there
            || repository
                .resolve(&Target::Digest(shipment.root))?
                .is_some()
        {
            whole.extend(shipment.blobs.iter().map(|blob| blob.digest));
            // A push that ended before the list of referrers was written left one that nobody finds.
            if let Some(document) = unlisted(&repository, shipment, &mut lists)? {
                documents.push(document);
            }
            continue;
        }
        for blob in &shipment.blobs {
            wanted
                .entry(blob.digest)
                .and_modify(|known| known.merge(blob))
                .or_insert_with(|| blob.clone());
        }
        for document in &shipment.documents {
            if seen.insert(document.descriptor.digest) {
                documents.push(document.clone());
            }
        }
    }
    let wanted: Vec<Blob> = wanted.into_values().collect();
    let found = each(wanted.len(), LOOKUPS, |at| {
        let blob = &wanted[at];
        Ok(repository.has_blob(&blob.digest, blob.size)?)
    })?;
    let (mut present, mut missing) = (Vec::new(), Vec::new());
    for (blob, found) in wanted.into_iter().zip(found) {
        match found {
            true => present.push(blob.digest),
            false => missing.push(blob),
        }
    }
    Ok(Stop {
        repository,
        present,
        whole,
        missing,
        documents,
        tags,
    })
}

/// The document of a shipment that refers to something, and is not in the list of what does.
fn unlisted(
    repository: &Repository,
    shipment: &Shipment,
    lists: &mut BTreeMap<Digest, Vec<Digest>>,
) -> Result<Option<Document>> {
    let Some((document, subject)) = (shipment.documents.last())
        .and_then(|document| Some((document, document.subject.as_ref()?.digest)))
    else {
        return Ok(None);
    };
    let list = match lists.entry(subject) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => {
            let listed = repository.referrers(&subject)?;
            place.insert(listed.into_iter().map(|one| one.digest).collect())
        }
    };
    let is_listed = list.contains(&document.descriptor.digest);
    Ok((!is_listed).then(|| document.clone()))
}

fn tag_plan(shipment: &Shipment, tag: &str, found: Option<Digest>) -> Result<TagPlan> {
    if found == Some(shipment.root) {
        return Ok(TagPlan::Same);
    }
    match &shipment.existing {
        Existing::Replace => Ok(TagPlan::Write),
        Existing::Keep => Ok(match found {
            Some(_) => TagPlan::Kept,
            None => TagPlan::Write,
        }),
        Existing::Expect(expected) if found == Some(*expected) => Ok(TagPlan::Write),
        Existing::Expect(expected) => Err(Error::Unexpected {
            repository: shipment.repository(),
            tag: tag.to_owned(),
            expected: Box::new(*expected),
            found: found.map(Box::new),
        }),
    }
}

/// The plan as `--plan` prints it.
#[derive(Serialize)]
pub(crate) struct Shown {
    repositories: Vec<ShownStop>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    into: Vec<Written>,
}

#[derive(Serialize)]
struct ShownStop {
    repository: String,
    present: Vec<String>,
    missing: Vec<ShownBlob>,
    /// Of what is missing. What can be mounted is not sent.
    bytes: u64,
    manifests: Vec<String>,
    /// Of those: what refers to something, and its artifact type.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    referrers: BTreeMap<String, String>,
    tags: BTreeMap<String, TagPlan>,
}

#[derive(Serialize)]
struct ShownBlob {
    digest: String,
    size: u64,
    /// Repositories of the same registry that may have it.
    mountable_from: Vec<String>,
}

impl Shown {
    pub(crate) fn new(plan: &Plan) -> Self {
        let stop = |stop: &Stop| ShownStop {
            repository: stop.repository.name(),
            present: stop.present.iter().map(Digest::to_string).collect(),
            missing: stop
                .missing
                .iter()
                .map(|blob| ShownBlob {
                    digest: blob.digest.to_string(),
                    size: blob.size,
                    mountable_from: crate::push::mountable(plan, &stop.repository, blob),
                })
                .collect(),
            bytes: stop.missing.iter().map(|blob| blob.size).sum(),
            manifests: stop
                .documents
                .iter()
                .map(|document| document.descriptor.digest.to_string())
                .collect(),
            referrers: stop
                .documents
                .iter()
                .filter_map(Document::referrer)
                .collect(),
            tags: stop
                .tags
                .iter()
                .map(|tag| (tag.name.clone(), tag.what))
                .collect(),
        };
        Shown {
            repositories: plan.stops.iter().map(stop).collect(),
            into: plan.deliveries.iter().flat_map(Written::all).collect(),
        }
    }
}
