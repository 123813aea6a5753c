//! An image in a registry as a source: its documents are fetched and compared, its blobs stay where they are
//! until a repository lacks them.
//!
//! Invariant: every document has the digest and the size by which it was asked for, and there is an end to
//! them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use oci::media_type::Kind;
use oci::receipt::Source;
use oci::reference::{DEFAULT_HOST, Reference};
use oci::{Descriptor, Digest};
use registry::{Fetched, Registries, Repository, Target};

use crate::error::{Error, Result};
use crate::source::{Blob, Cargo, Document, Origin};

/// The most documents of an image.
const DOCUMENTS: usize = 10_000;

/// How deep indexes may be nested.
const DEPTH: usize = 8;

/// The repository and what is meant in it.
///
/// # Errors
/// Text that is no reference, or has neither a tag nor a digest.
pub(crate) fn parse(registries: &Registries, text: &str) -> Result<(Repository, Target)> {
    let bad = |reason: String| Error::Image {
        text: text.into(),
        reason,
    };
    let reference = Reference::normalized(text).map_err(|error| bad(error.reason()))?;
    let host = reference.host.as_deref().unwrap_or(DEFAULT_HOST);
    let repository = registries.repository(host, &reference.path)?;
    let target = match (reference.digest, reference.tag) {
        (Some(digest), _) => Target::Digest(digest),
        (None, Some(tag)) => Target::Tag(tag),
        (None, None) => return Err(bad("it has neither a tag nor a digest".into())),
    };
    Ok((repository, target))
}

/// Reads the documents of an image; `expected` is the digest that it must have.
///
/// # Errors
/// It is not there, has another digest or too many documents; the registry.
pub(crate) fn read(
    registries: &Registries,
    text: &str,
    expected: Option<Digest>,
    at: usize,
) -> Result<Cargo> {
    let (repository, target) = parse(registries, text)?;
    let fetched = repository.manifest(&target, None)?;
    let found = fetched.descriptor.digest;
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        return Err(match target {
            Target::Tag(tag) => Error::Unexpected {
                repository: repository.name(),
                tag,
                expected: Box::new(expected),
                found: Some(Box::new(found)),
            },
            Target::Digest(_) => Error::OtherDigest {
                text: text.into(),
                expected: Box::new(expected),
                found: Box::new(found),
            },
        });
    }
    walk(&repository, fetched).map_err(|error| match error {
        Error::Source { reason, .. } => Error::Source { at, reason },
        error => error,
    })
}

/// A document with all that it refers to.
///
/// # Errors
/// As [`read`].
pub(crate) fn walk(repository: &Repository, fetched: Fetched) -> Result<Cargo> {
    let mut root = fetched.descriptor.clone();
    let mut walk = Walk {
        repository,
        seen: BTreeSet::new(),
        documents: Vec::new(),
        blobs: BTreeMap::new(),
    };
    walk.take(fetched, 0)?;
    if let Some(document) = walk.documents.last() {
        root.artifact_type = document.descriptor.artifact_type.clone();
    }
    Ok(Cargo {
        root,
        documents: walk.documents,
        blobs: walk.blobs.into_values().collect(),
    })
}

struct Walk<'a> {
    repository: &'a Repository,
    seen: BTreeSet<Digest>,
    documents: Vec<Document>,
    blobs: BTreeMap<Digest, Blob>,
}

impl Walk<'_> {
    fn take(&mut self, fetched: Fetched, depth: usize) -> Result<()> {
        self.seen.insert(fetched.descriptor.digest);
        if depth > DEPTH {
            return self.too_many(DEPTH, "indexes within each other");
        }
        if self.seen.len() > DOCUMENTS {
            return self.too_many(DOCUMENTS, "documents");
        }
        let subject = match fetched.document {
            registry::Document::Index(index) => {
                for child in &index.manifests {
                    if !self.seen.contains(&child.digest) {
                        let target = Target::Digest(child.digest);
                        let fetched = self.repository.manifest(&target, Some(child))?;
                        self.take(fetched, depth + 1)?;
                    }
                }
                index.subject
            }
            registry::Document::Manifest(manifest) => {
                for blob in std::iter::once(&manifest.config).chain(&manifest.layers) {
                    self.blob(blob);
                }
                manifest.subject
            }
        };
        self.documents
            .push(Document::new(&fetched.descriptor, fetched.bytes, subject));
        Ok(())
    }

    fn too_many(&self, limit: usize, what: &'static str) -> Result<()> {
        let text = self.repository.name().into();
        Err(Error::TooMany { text, limit, what })
    }

    fn blob(&mut self, descriptor: &Descriptor) {
        // Registries are not to have them, and take manifests without them.
        if let Some(Kind::Layer { foreign: true, .. }) = descriptor.media_type.kind() {
            return;
        }
        let source = Source {
            registry: self.repository.registry().to_owned(),
            repository: self.repository.path().to_owned(),
        };
        self.blobs.entry(descriptor.digest).or_insert_with(|| Blob {
            digest: descriptor.digest,
            size: descriptor.size,
            media_type: descriptor.media_type.clone(),
            origins: vec![Origin::Registry(source.clone())],
            sources: vec![source],
            layout: PathBuf::from(self.repository.name()),
        });
    }
}
