//! The plan: every blob of the output, and which of them are fetched. A function of the request and its
//! lock alone: no registry is asked.

use oci::index::REF_NAME;
use oci::platform::Selector;
use oci::receipt::Source;
use oci::{Descriptor, Platform};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::lock::{Blob, Entry, Lock, LockedManifest, Name};
use crate::request::{Image, Request};

/// What will be done.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The entry of the lock.
    pub(crate) entry: Entry,
    /// Where it comes from.
    pub(crate) name: Name,
    /// What `index.json` lists.
    pub(crate) listed: Vec<Descriptor>,
    /// Indexes and manifests.
    pub(crate) documents: Vec<Blob>,
    /// The manifests among them, with what the lock says of them.
    pub(crate) manifests: Vec<LockedManifest>,
    /// Configs, and layers where they are fetched.
    pub(crate) blobs: Vec<Blob>,
    /// Layers that stay where they are.
    pub(crate) absent: Vec<Blob>,
}

impl Plan {
    /// The source of absent layers.
    pub(crate) fn source(&self) -> Source {
        Source {
            registry: self.name.registry.clone(),
            repository: self.name.path.clone(),
        }
    }
}

/// An image, or one blob of one.
pub(crate) enum Planned {
    /// An image, as a layout.
    Image(Box<Plan>),
    /// A blob, as a file.
    Blob(Box<PlannedBlob>),
}

impl Planned {
    /// Where it comes from.
    pub(crate) fn name(&self) -> &Name {
        match self {
            Planned::Image(plan) => &plan.name,
            Planned::Blob(plan) => &plan.name,
        }
    }
}

/// One blob.
pub(crate) struct PlannedBlob {
    /// Where it comes from.
    pub(crate) name: Name,
    /// The blob.
    pub(crate) blob: Blob,
}

/// Decides what is pulled.
///
/// # Errors
/// No such entry, an entry that can't be, a platform that there is no image for.
pub(crate) fn plan(request: &Request) -> Result<Planned> {
    let entry = match &request.image {
        Image::Blob(wanted) => {
            return Ok(Planned::Blob(Box::new(PlannedBlob {
                name: Name::parse(&wanted.reference)?,
                blob: Blob {
                    media_type: wanted.media_type.clone(),
                    digest: wanted.digest,
                    size: wanted.size,
                },
            })));
        }
        Image::Entry(entry) => {
            entry.check()?;
            (**entry).clone()
        }
        Image::Locked { lock, name } => Lock::read(lock)?.entry(lock, name)?.clone(),
    };
    let plan = of_entry(entry, &request.platforms, request.sparse)?;
    Ok(Planned::Image(Box::new(plan)))
}

/// The plan of an entry.
pub(crate) fn of_entry(entry: Entry, platforms: &[String], sparse: bool) -> Result<Plan> {
    let name = entry.name()?;
    let mut documents = Vec::new();
    let mut listed = Vec::new();
    let mut manifests = Vec::new();
    if platforms.is_empty() {
        documents.push(entry.root());
        documents.extend(entry.indexes.iter().cloned());
        manifests.extend(entry.manifests.iter().cloned());
        listed.push(match entry.manifests.as_slice() {
            [only] if only.digest == entry.digest => only.descriptor()?,
            _ => entry.root().descriptor(),
        });
    } else {
        for platform in platforms {
            let manifest = choose(&entry, platform)?;
            listed.push(manifest.descriptor()?);
            manifests.push(manifest.clone());
        }
    }
    documents.extend(manifests.iter().map(LockedManifest::blob));
    if let Some(tag) = &name.tag {
        for descriptor in &mut listed {
            descriptor.annotations.insert(REF_NAME.into(), tag.clone());
        }
    }
    let mut blobs: Vec<Blob> = Vec::new();
    let mut absent: Vec<Blob> = Vec::new();
    for manifest in &manifests {
        blobs.push(manifest.config.clone());
        let layers = manifest.layers.iter().cloned();
        match sparse {
            true => absent.extend(layers),
            false => blobs.extend(layers),
        }
    }
    for list in [&mut documents, &mut blobs, &mut absent] {
        list.sort_by_key(|blob| blob.digest);
        list.dedup_by_key(|blob| blob.digest);
    }
    // A blob that is a config here and a layer there is fetched.
    absent.retain(|layer| blobs.iter().all(|blob| blob.digest != layer.digest));
    blobs.retain(|blob| {
        documents
            .iter()
            .all(|document| document.digest != blob.digest)
    });
    Ok(Plan {
        entry,
        name,
        listed,
        documents,
        manifests,
        blobs,
        absent,
    })
}

/// The one manifest for a platform: the one that is exactly it, else the only one that fits.
fn choose<'a>(entry: &'a Entry, wanted: &str) -> Result<&'a LockedManifest> {
    let selector = Selector::parse(wanted).map_err(Error::Value)?;
    let exact = Platform::parse(wanted)
        .ok()
        .map(|platform| platform.normalized());
    let mut fitting = Vec::new();
    for manifest in &entry.manifests {
        let Some(text) = &manifest.platform else {
            continue;
        };
        let platform = Platform::parse(text).map_err(Error::Value)?;
        if Some(platform.normalized()) == exact {
            return Ok(manifest);
        }
        if selector.matches(&platform) {
            fitting.push(manifest);
        }
    }
    match fitting.as_slice() {
        [only] => Ok(only),
        fitting => {
            let several = !fitting.is_empty();
            let platform = |one: &&LockedManifest| one.platform.clone();
            Err(Error::Platform {
                reference: entry.reference.as_str().into(),
                platform: wanted.into(),
                several,
                known: match several {
                    true => fitting.iter().filter_map(platform).collect(),
                    false => entry
                        .manifests
                        .iter()
                        .filter_map(|one| platform(&one))
                        .collect(),
                },
            })
        }
    }
}

/// The plan as `--plan` prints it.
#[derive(Serialize)]
pub(crate) struct Shown<'a> {
    reference: &'a str,
    digest: String,
    listed: Vec<String>,
    documents: &'a [Blob],
    blobs: &'a [Blob],
    absent: &'a [Blob],
    /// Of all that is to be in the output.
    bytes: u64,
}

impl<'a> Shown<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        let sizes = plan
            .documents
            .iter()
            .chain(&plan.blobs)
            .map(|blob| blob.size);
        Shown {
            reference: &plan.entry.reference,
            digest: plan.entry.digest.to_string(),
            listed: plan
                .listed
                .iter()
                .map(|one| one.digest.to_string())
                .collect(),
            documents: &plan.documents,
            blobs: &plan.blobs,
            absent: &plan.absent,
            bytes: sizes.sum(),
        }
    }
}
