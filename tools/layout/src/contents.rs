//! A layout as a value: what `index.json` lists, and where each blob's bytes are.
//!
//! Invariant: one digest has one size, and a blob that is present is not also absent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use files::OutDir;
use oci::receipt::Source;
use oci::sparse::{AbsentBlob, SparseLayout};
use oci::{Descriptor, Digest, Index, MediaType, json};

use crate::{Error, LAYOUT_VERSION, Result, Supply, blob_path};

/// Where the bytes of a blob are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In memory.
    Bytes(Vec<u8>),
    /// In a file.
    File(PathBuf),
    /// Somewhere else: in these repositories, or in no place that is known.
    Absent(Vec<Source>),
}

/// One blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// What it is.
    pub media_type: MediaType,
    /// Its size in bytes.
    pub size: u64,
    /// Where its bytes are.
    pub place: Place,
}

/// A layout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    manifests: Vec<Descriptor>,
    blobs: BTreeMap<Digest, Blob>,
}

impl Contents {
    /// Adds a document, and describes it.
    pub fn add_document(&mut self, media_type: MediaType, bytes: Vec<u8>) -> Descriptor {
        let descriptor = Descriptor::of(media_type, &bytes);
        self.blobs.insert(
            descriptor.digest,
            Blob {
                media_type: descriptor.media_type.clone(),
                size: descriptor.size,
                place: Place::Bytes(bytes),
            },
        );
        descriptor
    }

    /// Adds a blob. One that is there already stays; bytes take the place of absence, and what is
    /// known of the sources of absent blobs adds up.
    ///
    /// # Errors
    /// The same digest with another size.
    pub fn add(&mut self, descriptor: &Descriptor, place: Place) -> Result<()> {
        let digest = descriptor.digest;
        let Some(blob) = self.blobs.get_mut(&digest) else {
            let media_type = descriptor.media_type.clone();
            self.blobs.insert(
                digest,
                Blob {
                    media_type,
                    size: descriptor.size,
                    place,
                },
            );
            return Ok(());
        };
        if blob.size != descriptor.size {
            let (first, second) = (blob.size, descriptor.size);
            return Err(Error::TwoSizes {
                digest,
                first,
                second,
            });
        }
        match (&mut blob.place, place) {
            (Place::Absent(known), Place::Absent(more)) => {
                known.extend(more);
                known.sort();
                known.dedup();
            }
            (known @ Place::Absent(_), present) => *known = present,
            _ => {}
        }
        Ok(())
    }

    /// The same blobs, where documents are files in `folder`, by the paths that they have in a layout.
    /// They are made here.
    ///
    /// # Errors
    /// A folder that exists, or cannot be written.
    pub fn with_documents_in(&self, folder: &Path) -> Result<Self> {
        let out = OutDir::create(folder)?;
        let mut contents = self.clone();
        for (digest, blob) in &mut contents.blobs {
            if let Place::Bytes(bytes) = &blob.place {
                let path = blob_path(digest);
                files::write(&out.path().join(&path), bytes)?;
                blob.place = Place::File(folder.join(path));
            }
        }
        out.commit()?;
        Ok(contents)
    }

    /// Lists a manifest in `index.json`, after those that are listed.
    pub fn list(&mut self, descriptor: Descriptor) {
        self.manifests.push(descriptor);
    }

    /// What `index.json` lists.
    pub fn manifests(&self) -> &[Descriptor] {
        &self.manifests
    }

    /// The blobs, sorted by digest.
    pub fn blobs(&self) -> &BTreeMap<Digest, Blob> {
        &self.blobs
    }

    /// Whether the bytes of a blob are there.
    pub fn is_present(&self, digest: &Digest) -> bool {
        self.blobs
            .get(digest)
            .is_some_and(|blob| !matches!(blob.place, Place::Absent(_)))
    }

    /// The bytes of `index.json`.
    pub(crate) fn index_file(&self) -> Result<Vec<u8>> {
        Index::new(self.manifests.clone())
            .to_bytes()
            .map_err(|error| Error::Unwritable { error })
    }

    /// The bytes of `oci-layout`.
    pub(crate) fn layout_file(&self) -> Vec<u8> {
        format!(r#"{{"imageLayoutVersion":"{LAYOUT_VERSION}"}}"#).into_bytes()
    }

    /// The bytes of `sparse.json`, where blobs are absent and not supplied.
    pub(crate) fn sparse_file(&self, supply: &dyn Supply) -> Result<Option<Vec<u8>>> {
        let absent: Vec<AbsentBlob> = self
            .blobs
            .iter()
            .filter_map(|(digest, blob)| match &blob.place {
                Place::Absent(sources) if !supply.has(digest) => Some(AbsentBlob {
                    digest: *digest,
                    size: blob.size,
                    media_type: blob.media_type.clone(),
                    sources: sources.clone(),
                }),
                _ => None,
            })
            .collect();
        if absent.is_empty() {
            return Ok(None);
        }
        SparseLayout::new(absent)
            .and_then(|sparse| sparse.to_bytes())
            .map(Some)
            .map_err(|error| Error::Unwritable { error })
    }
}

/// The bytes of a JSON document that is not a blob.
pub(crate) fn document(value: &serde_json::Value) -> Result<Vec<u8>> {
    json::canonical(value).map_err(|error| Error::Unwritable { error })
}

#[cfg(test)]
mod tests {
    use oci::media_type::OCI_LAYER;

    use super::*;

    fn source(repository: &str) -> Source {
        Source {
            registry: "example.com".into(),
            repository: repository.into(),
        }
    }

    #[test]
    fn presence_wins_and_sources_add_up() {
        let mut contents = Contents::default();
        let layer = Descriptor::of(MediaType::known(OCI_LAYER), b"x");
        contents
            .add(&layer, Place::Absent(vec![source("b")]))
            .unwrap();
        contents
            .add(&layer, Place::Absent(vec![source("a"), source("b")]))
            .unwrap();
        let place = &contents.blobs()[&layer.digest].place;
        assert_eq!(*place, Place::Absent(vec![source("a"), source("b")]));
        assert!(contents.sparse_file(&crate::Nothing).unwrap().is_some());
        assert!(!contents.is_present(&layer.digest));
        contents.add(&layer, Place::File("x".into())).unwrap();
        contents
            .add(&layer, Place::Absent(vec![source("c")]))
            .unwrap();
        assert!(contents.is_present(&layer.digest));
        assert_eq!(contents.sparse_file(&crate::Nothing).unwrap(), None);
    }

    #[test]
    fn one_digest_has_one_size() {
        let mut contents = Contents::default();
        let mut layer = Descriptor::of(MediaType::known(OCI_LAYER), b"x");
        contents.add(&layer, Place::Absent(vec![])).unwrap();
        layer.size = 2;
        let error = contents.add(&layer, Place::Absent(vec![])).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the blob {} is described with the sizes 1 and 2",
                layer.digest
            )
        );
    }

    #[test]
    fn what_cannot_be_written() {
        let mut contents = Contents::default();
        let mut odd = Descriptor::of(MediaType::known(OCI_LAYER), b"x");
        odd.others.insert("half".into(), 0.5.into());
        contents.list(odd);
        assert_eq!(
            contents.index_file().unwrap_err().to_string(),
            "cannot write the document: number 0.5 at `manifests[0].half` is not an integer, \
             and canonical JSON holds only integers"
        );
    }

    #[test]
    fn fixed_files() {
        let contents = Contents::default();
        assert_eq!(contents.layout_file(), br#"{"imageLayoutVersion":"1.0.0"}"#);
        assert_eq!(
            String::from_utf8(contents.index_file().unwrap()).unwrap(),
            r#"{"manifests":[],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}"#
        );
    }
}
