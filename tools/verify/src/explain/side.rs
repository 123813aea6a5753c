//! One of two images: its documents, each read by its digest, and its blobs.

use inspect::check::is_elsewhere;
use inspect::{Content, Rule, Store, Trouble, rule_of};
use oci::index::REF_NAME;
use oci::json::Limits;
use oci::media_type::Kind as MediaKind;
use oci::{Config, Descriptor, Digest, Index, Manifest};

use crate::error::{Error, Result};

/// One of the two sides.
pub(crate) struct Side<'a> {
    /// What messages call it.
    pub(crate) name: &'a str,
    pub(crate) store: &'a dyn Store,
}

/// An image, read down to its config.
pub(crate) struct Image {
    pub(crate) manifest: Manifest,
    pub(super) manifest_bytes: Vec<u8>,
    pub(crate) config: Option<Config>,
    pub(super) config_bytes: Vec<u8>,
}

impl Side<'_> {
    pub(super) fn trouble(&self, trouble: Trouble) -> Error {
        Error::trouble(self.name, trouble)
    }

    /// A document whose bytes have the digest that they must have.
    pub(crate) fn document(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>> {
        let wrong = |rule, message| self.trouble(Trouble::wrong(rule, message));
        let digest = descriptor.digest;
        if descriptor.size > limit {
            let message = format!(
                "{digest} is {} bytes long, more than the limit of {limit}",
                descriptor.size
            );
            return Err(wrong(Rule::TooLarge, message));
        }
        let bytes = self
            .store
            .document(descriptor, limit)
            .map_err(|trouble| self.trouble(trouble))?;
        let mut hasher = oci::Hasher::new(digest.algorithm());
        hasher.update(&bytes);
        let found = hasher.finish();
        match found == digest {
            true => Ok(bytes),
            false => Err(wrong(
                Rule::Digest,
                format!("{digest}: its bytes have the digest {found}"),
            )),
        }
    }

    pub(crate) fn invalid(&self, digest: &Digest, error: &oci::Error) -> Error {
        let message = format!("{digest}: {error}");
        self.trouble(Trouble::wrong(rule_of(error), message))
    }

    pub(crate) fn image(&self, descriptor: &Descriptor) -> Result<Image> {
        let manifest_bytes = self.document(descriptor, Limits::MANIFEST.size)?;
        let manifest = Manifest::read(&manifest_bytes, &descriptor.media_type)
            .map_err(|error| self.invalid(&descriptor.digest, &error))?;
        let config_bytes = self.document(&manifest.config, Limits::CONFIG.size)?;
        let config = match manifest.config.media_type.kind() {
            Some(MediaKind::Config) => Some(
                Config::read(&config_bytes)
                    .map_err(|error| self.invalid(&manifest.config.digest, &error))?,
            ),
            _ => None,
        };
        Ok(Image {
            manifest,
            manifest_bytes,
            config,
            config_bytes,
        })
    }

    pub(crate) fn index(&self, descriptor: &Descriptor) -> Result<(Index, Vec<u8>)> {
        let bytes = self.document(descriptor, Limits::MANIFEST.size)?;
        let index = Index::read(&bytes, &descriptor.media_type)
            .map_err(|error| self.invalid(&descriptor.digest, &error))?;
        Ok((index, bytes))
    }

    /// The bytes of a layer, where they are there; those of one that is not distributed need not be.
    pub(crate) fn blob(&self, descriptor: &Descriptor) -> Result<Content<'_>> {
        match self.store.blob(descriptor) {
            Err(Trouble::Wrong {
                rule: Rule::MissingBlob,
                ..
            }) if is_elsewhere(descriptor) => Ok(Content::Absent),
            found => found.map_err(|trouble| self.trouble(trouble)),
        }
    }

    /// The one thing that the store lists; documents that refer to it do not count.
    pub(crate) fn root(&self) -> Result<Descriptor> {
        let images = self.store.roots().iter();
        let images: Vec<Descriptor> = images.filter(|one| !is_artifact(one)).cloned().collect();
        match images.as_slice() {
            [one] => Ok(one.clone()),
            [] if self.store.roots().len() == 1 => Ok(self.store.roots()[0].clone()),
            several => {
                let mut digests: Vec<Digest> = several.iter().map(|one| one.digest).collect();
                digests.dedup();
                match (digests.len(), several.first()) {
                    // One image under several tags.
                    (1, Some(one)) => Ok(one.clone()),
                    _ => Err(Error::Which {
                        image: self.name.to_owned(),
                        images: several.iter().map(shown).collect(),
                    }),
                }
            }
        }
    }
}

/// Whether it is listed as something else than an image.
fn is_artifact(listed: &Descriptor) -> bool {
    listed.artifact_type.is_some()
}

fn shown(descriptor: &Descriptor) -> String {
    let tag = descriptor
        .annotations
        .get(REF_NAME)
        .map(oci::error::Shown::new);
    let digest = &descriptor.digest;
    match (tag, &descriptor.platform) {
        (Some(tag), _) => format!("{digest} as `{tag}`"),
        (None, Some(platform)) => format!("{digest} for {platform}"),
        (None, None) => digest.to_string(),
    }
}
