//! The lock file, `images.lock.json`: what each name stands for, down to the last layer.
//!
//! It is written by `pull lock` alone, as JSON with one key a line, so that a review shows what moved.
//! It holds no time and nothing of where things were fetched from.
//!
//! Invariant: an [`Entry`] whose [`check`](Entry::check) is passed describes a set of blobs, each with
//! one size.

use std::collections::BTreeMap;
use std::path::Path;

use oci::error::Shown;
use oci::json::{self, Limits};
use oci::reference::Reference;
use oci::{Descriptor, Digest, MediaType, Platform};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What the bytes are meant to be.
const WHAT: &str = "lock file";

/// A lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {
    /// Always `images_lock`.
    pub(crate) kind: LockKind,
    /// Always 1.
    pub(crate) version: u32,
    /// The images by the user's names.
    pub(crate) images: BTreeMap<String, Entry>,
}

/// The value of `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum LockKind {
    /// The only one.
    #[serde(rename = "images_lock")]
    ImagesLock,
}

/// What one name stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// What was resolved: `docker.io/library/debian:12`. Only the repository counts from then on.
    pub(crate) reference: String,
    /// The media type of what the tag led to: an index, or a manifest.
    pub(crate) media_type: MediaType,
    /// Its digest.
    pub(crate) digest: Digest,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// The indexes below it, where there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) indexes: Vec<Blob>,
    /// The manifests: one for each platform, and those of things that do not run.
    pub(crate) manifests: Vec<LockedManifest>,
}

/// A document or a layer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Blob {
    /// Its media type.
    pub(crate) media_type: MediaType,
    /// Its digest.
    pub(crate) digest: Digest,
    /// Its size in bytes.
    pub(crate) size: u64,
}

/// One manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockedManifest {
    /// What the image runs on, as `linux/arm64/v8`; absent where nothing says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<String>,
    /// Its media type.
    pub(crate) media_type: MediaType,
    /// Its digest.
    pub(crate) digest: Digest,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// The hash of what the layers hold, whatever they are compressed with: `c1:` and the SHA-256, in
    /// hexadecimal, of the diff_ids, each with a newline after it. Only of images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<String>,
    /// The config.
    pub(crate) config: Blob,
    /// The layers, the lowest first.
    pub(crate) layers: Vec<Blob>,
}

impl Blob {
    pub(crate) fn of(descriptor: &Descriptor) -> Self {
        Blob {
            media_type: descriptor.media_type.clone(),
            digest: descriptor.digest,
            size: descriptor.size,
        }
    }

    pub(crate) fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.digest, self.size)
    }
}

/// The content hash of diff_ids.
pub(crate) fn content(diff_ids: &[Digest]) -> String {
    let text: String = diff_ids
        .iter()
        .map(|diff_id| format!("{diff_id}\n"))
        .collect();
    format!("c1:{}", Digest::of(text.as_bytes()).hex())
}

impl LockedManifest {
    pub(crate) fn blob(&self) -> Blob {
        Blob {
            media_type: self.media_type.clone(),
            digest: self.digest,
            size: self.size,
        }
    }

    /// Its descriptor, with its platform.
    pub(crate) fn descriptor(&self) -> Result<Descriptor> {
        let mut descriptor = self.blob().descriptor();
        if let Some(platform) = &self.platform {
            descriptor.platform = Some(Platform::parse(platform).map_err(Error::Value)?);
        }
        Ok(descriptor)
    }
}

impl Entry {
    /// What the tag led to.
    pub(crate) fn root(&self) -> Blob {
        Blob {
            media_type: self.media_type.clone(),
            digest: self.digest,
            size: self.size,
        }
    }

    /// Registry, repository and tag.
    pub(crate) fn name(&self) -> Result<Name> {
        Name::parse(&self.reference)
    }

    /// All blobs: the root, indexes, manifests, configs, layers.
    pub(crate) fn blobs(&self) -> Vec<Blob> {
        let mut all = vec![self.root()];
        all.extend(self.indexes.iter().cloned());
        for manifest in &self.manifests {
            all.push(manifest.blob());
            all.push(manifest.config.clone());
            all.extend(manifest.layers.iter().cloned());
        }
        all.sort_by_key(|blob| blob.digest);
        all.dedup_by_key(|blob| blob.digest);
        all
    }

    /// Whether it can be: a lock may have been edited by hand.
    ///
    /// # Errors
    /// [`Error::Entry`], and a reference that is none.
    pub(crate) fn check(&self) -> Result<()> {
        let name = self.name()?;
        let bad = |reason: String| {
            let reference = Shown::new(&self.reference);
            Error::Entry { reference, reason }
        };
        if let Some(digest) = name.digest.filter(|digest| *digest != self.digest) {
            return Err(bad(format!(
                "its reference has the digest {digest}, and it has {}",
                self.digest
            )));
        }
        if !(self.media_type.is_index() || self.media_type.is_manifest()) {
            return Err(bad(format!(
                "its media type is {}",
                self.media_type.as_str()
            )));
        }
        if self.media_type.is_manifest() {
            match self.manifests.as_slice() {
                [only] if only.blob() == self.root() && self.indexes.is_empty() => {}
                _ => return Err(bad("it is a manifest, and not the one that it lists".into())),
            }
        }
        let mut sizes: BTreeMap<Digest, u64> = BTreeMap::new();
        let mut all = vec![self.root()];
        all.extend(self.indexes.iter().cloned());
        for manifest in &self.manifests {
            if !manifest.media_type.is_manifest() {
                return Err(bad(format!("{} is not a manifest", manifest.digest)));
            }
            if let Some(platform) = &manifest.platform {
                Platform::parse(platform).map_err(|error| bad(error.to_string()))?;
            }
            all.push(manifest.blob());
            all.push(manifest.config.clone());
            all.extend(manifest.layers.iter().cloned());
        }
        for blob in all {
            if *sizes.entry(blob.digest).or_insert(blob.size) != blob.size {
                return Err(bad(format!("{} has two sizes", blob.digest)));
            }
            if i64::try_from(blob.size).is_err() {
                return Err(bad(format!("{} has an absurd size", blob.digest)));
            }
        }
        Ok(())
    }
}

/// Registry, repository and tag of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) registry: String,
    pub(crate) path: String,
    pub(crate) tag: Option<String>,
    pub(crate) digest: Option<Digest>,
}

impl Name {
    /// Reads a reference as people type it.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let reference = Reference::normalized(text).map_err(|error| Error::Reference {
            reference: Shown::new(text),
            reason: error.reason(),
        })?;
        Ok(Name {
            registry: reference.host.unwrap_or_else(|| "docker.io".to_owned()),
            path: reference.path,
            tag: reference.tag,
            digest: reference.digest,
        })
    }

    /// `registry/path`.
    pub(crate) fn repository(&self) -> String {
        format!("{}/{}", self.registry, self.path)
    }
}

impl Lock {
    /// One without images.
    pub(crate) fn empty() -> Self {
        Lock {
            kind: LockKind::ImagesLock,
            version: 1,
            images: BTreeMap::new(),
        }
    }

    /// Reads a lock file.
    ///
    /// # Errors
    /// A file that can't be read or is none; an entry that can't be.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let lock = Self::read_to_mend(path)?;
        lock.check()?;
        Ok(lock)
    }

    /// Reads a lock file of which not every entry need be sound.
    ///
    /// # Errors
    /// A file that can't be read or is none.
    pub(crate) fn read_to_mend(path: &Path) -> Result<Self> {
        let bytes = files::read_at_most(path, Limits::OURS.size)?;
        let bad = |error| Error::Lock {
            path: path.to_owned(),
            error,
        };
        let lock: Lock = json::read_as(&bytes, Limits::OURS, WHAT).map_err(bad)?;
        if lock.version != 1 {
            return Err(bad(oci::Error::Version {
                kind: "images_lock",
                expected: 1,
                found: lock.version.to_string().into(),
            }));
        }
        Ok(lock)
    }

    /// Whether each entry can be.
    ///
    /// # Errors
    /// Of the first that can't.
    pub(crate) fn check(&self) -> Result<()> {
        self.images.values().try_for_each(Entry::check)
    }

    /// The entry of a name.
    pub(crate) fn entry(&self, path: &Path, name: &str) -> Result<&Entry> {
        self.images.get(name).ok_or_else(|| Error::NoEntry {
            lock: path.to_owned(),
            name: Shown::new(name),
            known: self.images.keys().cloned().collect(),
        })
    }

    /// The bytes of the file.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let unwritable = |error| Error::Unwritable { what: WHAT, error };
        let value = json::to_value(self, WHAT).map_err(unwritable)?;
        let mut bytes = serde_json::to_vec_pretty(&value).map_err(|error| {
            unwritable(oci::Error::Json {
                what: WHAT,
                reason: error.to_string(),
            })
        })?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci::media_type::{OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST};

    fn blob(media_type: &'static str, content: &[u8]) -> Blob {
        Blob::of(&Descriptor::of(MediaType::known(media_type), content))
    }

    fn entry() -> Entry {
        let (root, manifest) = (blob(OCI_INDEX, b"root"), blob(OCI_MANIFEST, b"manifest"));
        Entry {
            reference: "docker.io/library/debian:12".into(),
            media_type: root.media_type,
            digest: root.digest,
            size: root.size,
            indexes: vec![],
            manifests: vec![LockedManifest {
                platform: Some("linux/amd64".into()),
                media_type: manifest.media_type,
                digest: manifest.digest,
                size: manifest.size,
                content: Some(content(&[Digest::of(b"d")])),
                config: blob(OCI_CONFIG, b"config"),
                layers: vec![blob(OCI_LAYER_GZIP, b"layer")],
            }],
        }
    }

    #[test]
    fn written_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images.lock.json");
        let mut lock = Lock::empty();
        lock.images.insert("debian".into(), entry());
        let bytes = lock.to_bytes().unwrap();
        assert!(bytes.ends_with(b"}\n"));
        files::write(&path, &bytes).unwrap();
        assert_eq!(Lock::read(&path).unwrap(), lock);
        assert!(lock.entry(&path, "debian").is_ok());
        let error = lock.entry(&path, "alpine").unwrap_err();
        assert!(error.to_string().contains("has no image `alpine`"));
    }

    #[test]
    fn the_content_hash_is_that_of_the_diff_ids() {
        // `printf 'sha256:…\n' | sha256sum`, with the digest of the letter a.
        assert_eq!(
            content(&[Digest::of(b"a")]),
            "c1:b07cb7650a360eeab78fd785f4b040f61d3b65571670e5af17091b715ea0642c"
        );
        assert_ne!(
            content(&[Digest::of(b"a"), Digest::of(b"b")]),
            content(&[Digest::of(b"b"), Digest::of(b"a")])
        );
    }

    #[test]
    fn entries_that_cannot_be() {
        entry().check().unwrap();
        let broken = |change: &dyn Fn(&mut Entry)| {
            let mut entry = entry();
            change(&mut entry);
            entry.check().unwrap_err().to_string()
        };
        assert!(broken(&|e| e.reference = "http://x".into()).contains("can't be locked"));
        assert!(
            broken(&|e| e.media_type = MediaType::known(OCI_CONFIG)).contains("its media type is")
        );
        assert!(
            broken(&|e| e.media_type = MediaType::known(OCI_MANIFEST))
                .contains("not the one that it lists")
        );
        assert!(
            broken(&|e| e.manifests[0].media_type = MediaType::known(OCI_INDEX))
                .contains("is not a manifest")
        );
        assert!(broken(&|e| e.manifests[0].layers[0].digest = e.digest).contains("two sizes"));
        assert!(broken(&|e| e.size = u64::MAX).contains("absurd size"));
    }

    #[test]
    fn other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (at, (text, expected)) in [
            ("{}", "missing field"),
            (
                r#"{"kind":"images_lock","version":2,"images":{}}"#,
                "version",
            ),
            (
                r#"{"kind":"layer","version":1,"images":{}}"#,
                "unknown variant",
            ),
            (
                r#"{"kind":"images_lock","version":1,"images":{"a":{},"a":{}}}"#,
                "twice",
            ),
        ]
        .into_iter()
        .enumerate()
        {
            let path = folder.path().join(at.to_string());
            files::write(&path, text.as_bytes()).unwrap();
            let error = Lock::read(&path).unwrap_err().to_string();
            assert!(
                error.contains("is not a lock file") && error.contains(expected),
                "{error}"
            );
        }
    }
}
