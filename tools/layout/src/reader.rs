//! Reading a layout directory.
//!
//! It does not trust a name: a document's bytes are hashed before they are parsed, and a document
//! is read only as what its descriptor says it is. Layers are not opened; their size is compared.
//!
//! Invariant: what [`Reader::document`] returns has the digest and size that were asked for.

use std::io;
use std::path::{Path, PathBuf};

use oci::json::{self, Limits};
use oci::media_type::{Kind, OCI_INDEX};
use oci::sparse::{self, SparseLayout};
use oci::{Config, Descriptor, Digest, Index, Manifest, MediaType, Platform};

use crate::contents::Place;
use crate::{Error, INDEX_FILE, LAYOUT_FILE, LAYOUT_VERSION, Result, blob_path, within};

/// What is done with links in a layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// Those that stay within the layout are followed, others are refused.
    #[default]
    Refuse,
    /// All are followed: whoever calls vouches for the layout. Documents are checked all the same.
    Follow,
}

/// An open layout.
#[derive(Debug)]
pub struct Reader {
    root: PathBuf,
    links: Links,
    index: Index,
    sparse: Option<SparseLayout>,
}

/// An image in a layout: manifest and config, checked and parsed.
#[derive(Clone, Debug)]
pub struct Image {
    /// The descriptor that led to it.
    pub descriptor: Descriptor,
    /// The manifest.
    pub manifest: Manifest,
    /// The bytes of the manifest.
    pub manifest_bytes: Vec<u8>,
    /// The config, where it is an image's.
    pub config: Option<Config>,
    /// The bytes of the config.
    pub config_bytes: Vec<u8>,
}

impl Image {
    /// What it runs on: what its config says.
    ///
    /// # Errors
    /// A config without an operating system or architecture.
    pub fn platform(&self) -> std::result::Result<Option<Platform>, oci::Error> {
        self.config.as_ref().map(Config::platform).transpose()
    }
}

impl Reader {
    /// Opens the layout in the directory `root`.
    ///
    /// # Errors
    /// A directory that is no layout, or of another version; an index that is not valid; a link
    /// that leads out, where `links` does not allow it.
    pub fn open(root: &Path, links: Links) -> Result<Self> {
        let mut reader = Reader {
            root: root.to_owned(),
            links,
            index: Index::new(Vec::new()),
            sparse: None,
        };
        let version = reader.file(LAYOUT_FILE, 4096)?;
        let version = json::read(&version.1, Limits::MANIFEST, LAYOUT_FILE).map_err(|error| {
            Error::Document {
                path: version.0,
                error,
            }
        })?;
        let version = version
            .get("imageLayoutVersion")
            .and_then(|version| version.as_str());
        if version != Some(LAYOUT_VERSION) {
            let found = version.unwrap_or("nothing").into();
            return Err(Error::LayoutVersion {
                path: root.to_owned(),
                found,
            });
        }
        let (path, bytes) = reader.file(INDEX_FILE, Limits::MANIFEST.size)?;
        reader.index = Index::read(&bytes, &MediaType::known(OCI_INDEX))
            .map_err(|error| Error::Document { path, error })?;
        if files::exists(&root.join(sparse::FILE)) {
            let (path, bytes) = reader.file(sparse::FILE, Limits::OURS.size)?;
            let sparse =
                SparseLayout::read(&bytes).map_err(|error| Error::Document { path, error })?;
            reader.sparse = Some(sparse);
        }
        Ok(reader)
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What `index.json` says.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The blobs that the layout says it lacks.
    pub fn sparse(&self) -> Option<&SparseLayout> {
        self.sparse.as_ref()
    }

    /// The bytes of the document that a descriptor names, of at most `limit` bytes.
    ///
    /// # Errors
    /// A document that is not there, too large, or of another size or digest.
    pub fn document(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>> {
        let (digest, size) = (descriptor.digest, descriptor.size);
        if size > limit {
            return Err(Error::TooLarge {
                digest,
                size,
                limit,
            });
        }
        let path = self.path(&blob_path(&digest))?;
        let wrong_size = |path, found| Error::WrongSize {
            path,
            digest,
            expected: size,
            found,
        };
        let bytes = match files::read_at_most(&path, size) {
            Ok(bytes) => bytes,
            Err(files::Error::TooLarge { path, .. }) => return Err(wrong_size(path, size + 1)),
            Err(error) => return Err(self.missing(error, digest)),
        };
        if bytes.len() as u64 != size {
            return Err(wrong_size(path, bytes.len() as u64));
        }
        let found = hash(&bytes, &digest);
        if found != digest {
            return Err(Error::WrongDigest {
                path,
                expected: Box::new(digest),
                found: Box::new(found),
            });
        }
        Ok(bytes)
    }

    /// The index that a descriptor names.
    ///
    /// # Errors
    /// As [`Reader::document`], and a document that is no valid index.
    pub fn read_index(&self, descriptor: &Descriptor) -> Result<(Index, Vec<u8>)> {
        let bytes = self.document(descriptor, Limits::MANIFEST.size)?;
        let index = Index::read(&bytes, &descriptor.media_type)
            .map_err(|error| self.invalid(descriptor, error))?;
        Ok((index, bytes))
    }

    /// The image, or the artifact in the form of an image, that a descriptor names.
    ///
    /// # Errors
    /// As [`Reader::document`]; a descriptor of something else; a manifest or config that is not
    /// valid.
    pub fn read_image(&self, descriptor: &Descriptor) -> Result<Image> {
        if !descriptor.media_type.is_manifest() {
            return Err(Error::NotAnImage {
                digest: descriptor.digest,
                media_type: descriptor.media_type.as_str().into(),
            });
        }
        let manifest_bytes = self.document(descriptor, Limits::MANIFEST.size)?;
        let manifest = Manifest::read(&manifest_bytes, &descriptor.media_type)
            .map_err(|error| self.invalid(descriptor, error))?;
        let config_bytes = self.document(&manifest.config, Limits::CONFIG.size)?;
        let config = match manifest.config.media_type.kind() {
            Some(Kind::Config) => Some(
                Config::read(&config_bytes)
                    .map_err(|error| self.invalid(&manifest.config, error))?,
            ),
            _ => None,
        };
        let descriptor = descriptor.clone();
        Ok(Image {
            descriptor,
            manifest,
            manifest_bytes,
            config,
            config_bytes,
        })
    }

    /// Where the bytes of a layer are. A file's size is compared, its content is not read.
    ///
    /// Layers that are kept out of registries ("foreign") may lack in any layout.
    ///
    /// # Errors
    /// A file of another size; a blob that is neither there nor said to be absent.
    pub fn place(&self, descriptor: &Descriptor) -> Result<Place> {
        let digest = descriptor.digest;
        if let Some(absent) = self.sparse.as_ref().and_then(|sparse| sparse.get(&digest)) {
            return Ok(Place::Absent(absent.sources.clone()));
        }
        let path = self.path(&blob_path(&digest))?;
        let foreign = matches!(
            descriptor.media_type.kind(),
            Some(Kind::Layer { foreign: true, .. })
        );
        if foreign && !files::exists(&path) {
            return Ok(Place::Absent(Vec::new()));
        }
        let found = files::open(&path)
            .map_err(|error| self.missing(error, digest))?
            .size;
        if found != descriptor.size {
            return Err(Error::WrongSize {
                path,
                digest,
                expected: descriptor.size,
                found,
            });
        }
        Ok(Place::File(path))
    }

    /// The path of a document or blob, for errors.
    fn invalid(&self, descriptor: &Descriptor, error: oci::Error) -> Error {
        Error::Document {
            path: self.root.join(blob_path(&descriptor.digest)),
            error,
        }
    }

    fn missing(&self, error: files::Error, digest: Digest) -> Error {
        match error {
            files::Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Error::MissingBlob {
                    layout: self.root.clone(),
                    digest,
                }
            }
            other => other.into(),
        }
    }

    fn path(&self, relative: &str) -> Result<PathBuf> {
        match self.links {
            Links::Refuse => within::resolve(&self.root, relative),
            Links::Follow => Ok(self.root.join(relative)),
        }
    }

    /// Reads a file at the root of the layout.
    fn file(&self, name: &'static str, limit: u64) -> Result<(PathBuf, Vec<u8>)> {
        let path = self.path(name)?;
        match files::read_at_most(&path, limit) {
            Ok(bytes) => Ok((path, bytes)),
            Err(files::Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Err(Error::NotALayout {
                    path: self.root.clone(),
                    file: name,
                })
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The digest of `bytes` by the algorithm of `wanted`.
fn hash(bytes: &[u8], wanted: &Digest) -> Digest {
    let mut hasher = oci::Hasher::new(wanted.algorithm());
    hasher.update(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests;
