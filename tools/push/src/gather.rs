//! What goes where: the images of a request, the repositories with their tags, the outputs with their
//! names. A registry is asked only for an image that is in one; nothing is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use layout::BadName;
use oci::reference::Reference;
use oci::{Descriptor, Digest};
use registry::Registries;

use crate::error::{Error, Result};
use crate::referrers::{self, Referrer};
use crate::request::{Destination, Existing, Into, Request};
use crate::source::{self, Blob, Cargo, Document};
use crate::stamps::{self, Stamps};

/// One image or index on its way to one repository.
#[derive(Debug, Clone)]
pub(crate) struct Shipment {
    pub(crate) registry: String,
    pub(crate) path: String,
    pub(crate) root: Digest,
    /// Children before their parents; the root is the last.
    pub(crate) documents: Vec<Document>,
    pub(crate) blobs: Vec<Blob>,
    pub(crate) tags: Vec<String>,
    pub(crate) existing: Existing,
}

impl Shipment {
    /// `registry/path`.
    pub(crate) fn repository(&self) -> String {
        format!("{}/{}", self.registry, self.path)
    }
}

/// Images on their way into one output.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) form: Form,
    pub(crate) cargos: Vec<(Cargo, Vec<Descriptor>)>,
}

/// An output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    Layout(PathBuf),
    OciArchive(PathBuf),
    DockerArchive(PathBuf),
    Load(Vec<String>),
}

/// Everything that is to be done.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) shipments: Vec<Shipment>,
    pub(crate) deliveries: Vec<Delivery>,
}

/// Reads what a request names.
///
/// # Errors
/// A source that is not sound; a destination that is none; a tag or a path for two images.
pub(crate) fn gather(request: &Request, registries: &Registries) -> Result<Orders> {
    let stamps = Stamps::read(&request.stamps)?;
    let mut orders = Orders::default();
    let mut tags: BTreeMap<(String, String), Digest> = BTreeMap::new();
    for (at, image) in request.images.iter().enumerate() {
        if image.to.is_empty() && image.into.is_empty() {
            return Err(Error::Nowhere { at });
        }
        let cargo = source::read(image, at, request.layer_program.as_deref(), registries)?;
        let along = referrers::find(image, &cargo, registries)?;
        let root = cargo.root.digest;
        for to in &image.to {
            let (registry, path) = repository(to, at, &stamps)?;
            let wanted = all_tags(to, &stamps)?;
            for tag in &wanted {
                let key = (format!("{registry}/{path}"), tag.clone());
                let first = *tags.entry(key.clone()).or_insert(root);
                if first != root {
                    return Err(Error::TagTwice {
                        repository: key.0,
                        tag: key.1,
                        first: Box::new(first),
                        second: Box::new(root),
                    });
                }
            }
            orders.shipments.push(Shipment {
                registry: registry.clone(),
                path: path.clone(),
                root,
                documents: cargo.documents.clone(),
                blobs: cargo.blobs.clone(),
                tags: wanted,
                existing: to.existing.clone(),
            });
            for Referrer { cargo, tags } in &along {
                orders.shipments.push(Shipment {
                    registry: registry.clone(),
                    path: path.clone(),
                    root: cargo.root.digest,
                    documents: cargo.documents.clone(),
                    blobs: cargo.blobs.clone(),
                    tags: tags.clone(),
                    existing: Existing::Replace,
                });
            }
        }
        for into in &image.into {
            deliver(&mut orders.deliveries, &cargo, &along, into, at, &stamps)?;
        }
    }
    Ok(orders)
}

fn repository(to: &Destination, at: usize, stamps: &Stamps) -> Result<(String, String)> {
    let (text, file) = match (&to.repository, &to.repository_from) {
        (Some(text), None) => (stamps.expand(text)?, None),
        (None, Some(file)) => {
            let text = stamps.expand(stamps::text(file)?.trim())?;
            (text, Some(file.clone()))
        }
        _ => {
            let reason = "each of `to` has either a `repository` or a `repository_from`";
            return Err(Error::Source { at, reason });
        }
    };
    let bad = |reason: String| Error::Repository {
        text: text.as_str().into(),
        file: file.clone(),
        reason,
    };
    let reference = Reference::normalized(&text).map_err(|error| bad(error.reason()))?;
    if reference.tag.is_some() || reference.digest.is_some() {
        return Err(bad("it has a tag or a digest".into()));
    }
    let host = reference
        .host
        .unwrap_or_else(|| oci::reference::DEFAULT_HOST.to_owned());
    Ok((host, reference.path))
}

/// The tags of a destination, those of its files after its own, each once.
fn all_tags(to: &Destination, stamps: &Stamps) -> Result<Vec<String>> {
    let mut tags: Vec<String> = Vec::new();
    let mut take = |tag: &str, file: Option<&Path>| {
        let tag = stamps.expand(tag)?;
        if !oci::reference::is_tag(&tag) {
            return Err(Error::Tag {
                tag: tag.as_str().into(),
                file: file.map(Path::to_owned),
            });
        }
        if !tags.contains(&tag) {
            tags.push(tag);
        }
        Ok(())
    };
    for tag in &to.tags {
        take(tag, None)?;
    }
    for file in &to.tags_from {
        for tag in lines(&stamps::text(file)?) {
            take(tag, Some(file))?;
        }
    }
    Ok(tags)
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn deliver(
    deliveries: &mut Vec<Delivery>,
    cargo: &Cargo,
    along: &[Referrer],
    into: &Into,
    at: usize,
    stamps: &Stamps,
) -> Result<()> {
    let (form, names, files) = match into {
        Into::Layout(to) => (Form::Layout(to.path.clone()), &to.names, &to.names_from),
        Into::OciArchive(to) => (Form::OciArchive(to.path.clone()), &to.names, &to.names_from),
        Into::DockerArchive(to) => (
            Form::DockerArchive(to.path.clone()),
            &to.names,
            &to.names_from,
        ),
        Into::Load(load) => {
            if load.command.is_empty() {
                let reason = "the `command` of its `load` is empty";
                return Err(Error::Source { at, reason });
            }
            (
                Form::Load(load.command.clone()),
                &load.names,
                &load.names_from,
            )
        }
    };
    let mut names = names.clone();
    for file in files {
        names.extend(lines(&stamps::text(file)?).map(str::to_owned));
    }
    let names: Vec<String> = names
        .iter()
        .map(|name| stamps.expand(name))
        .collect::<Result<_>>()?;
    // A tag of a layout names nothing in Docker.
    let root = match form {
        Form::Layout(_) | Form::OciArchive(_) => cargo.root.clone(),
        Form::DockerArchive(_) | Form::Load(_) => layout::unnamed(&cargo.root),
    };
    let named = layout::named(&root, &names).map_err(|BadName { at, reason }| Error::Name {
        text: names[at].as_str().into(),
        reason: reason.map(|reason| reason.to_string()),
    })?;
    let path_of = |form: &Form| match form {
        Form::Layout(path) | Form::OciArchive(path) | Form::DockerArchive(path) => {
            Some(path.clone())
        }
        Form::Load(_) => None,
    };
    let path = path_of(&form);
    let mut cargos = vec![(cargo.clone(), named)];
    // Docker knows nothing of what refers to an image.
    if matches!(form, Form::Layout(_) | Form::OciArchive(_)) {
        for Referrer { cargo, tags } in along {
            let listed = layout::unnamed(&cargo.root);
            let named = layout::named(&listed, tags).map_err(|_| Error::Tag {
                tag: tags.join(" ").into(),
                file: None,
            })?;
            cargos.push((cargo.clone(), named));
        }
    }
    let same = deliveries
        .iter_mut()
        .find(|known| path.is_some() && path_of(&known.form) == path);
    match (same, path) {
        (None, _) | (_, None) => deliveries.push(Delivery { form, cargos }),
        (Some(known), Some(path)) => {
            // Several images in one: layouts and their archives alone.
            if known.form != form || matches!(form, Form::DockerArchive(_)) {
                return Err(Error::PathTwice { path });
            }
            known.cargos.extend(cargos);
        }
    }
    Ok(())
}
