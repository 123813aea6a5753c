//! An image in a registry as a store. Documents are asked for by their digests; layers stream by and land
//! nowhere.

use std::io::{self, Read};

use inspect::{Content, Rule, Store, Trouble};
use oci::index::REF_NAME;
use oci::{Descriptor, Reference};
use registry::{BlobStream, Registries, Repository, Target};

use crate::error::{Error, Result};

/// One image or index of a repository.
pub(crate) struct Remote {
    repository: Repository,
    roots: Vec<Descriptor>,
}

impl Remote {
    /// Asks for the manifest that `text` names. What the registry gives that is no sound manifest is the
    /// inner error.
    ///
    /// # Errors
    /// A name that is none; the registry does not have it, or cannot be reached.
    pub(crate) fn open(
        registries: &Registries,
        text: &str,
    ) -> Result<std::result::Result<Self, Trouble>> {
        let bad = |reason: String| Error::Image {
            text: text.into(),
            reason,
        };
        let reference = Reference::normalized(text).map_err(|error| bad(error.to_string()))?;
        let host = reference
            .host
            .clone()
            .unwrap_or_else(|| oci::reference::DEFAULT_HOST.to_owned());
        let repository = registries.repository(&host, &reference.path)?;
        let target = match (&reference.digest, &reference.tag) {
            (Some(digest), _) => Target::Digest(*digest),
            (None, Some(tag)) => Target::Tag(tag.clone()),
            (None, None) => return Err(bad("it has neither a tag nor a digest".into())),
        };
        match repository.manifest(&target, None) {
            Ok(fetched) => Ok(Ok(Remote {
                repository,
                roots: vec![fetched.descriptor],
            })),
            Err(error) => match trouble(error)? {
                wrong @ Trouble::Wrong { .. } => Ok(Err(wrong)),
                Trouble::Environment { message, hint } => Err(Error::Unreadable {
                    image: text.to_owned(),
                    message,
                    hint,
                }),
            },
        }
    }
}

impl Remote {
    /// Everything that refers to the image that `text` names, as a store: by the registry's list, by the one
    /// that clients keep, and by the tags that cosign gives. Also the descriptor of the image.
    ///
    /// # Errors
    /// As [`Remote::open`].
    pub(crate) fn referrers(registries: &Registries, text: &str) -> Result<(Self, Descriptor)> {
        let remote =
            Self::open(registries, text)?.map_err(|trouble| Error::trouble(text, trouble))?;
        let (repository, mut roots) = (remote.repository, remote.roots);
        let image = roots.remove(0);
        roots = repository.referrers(&image.digest)?;
        for tag in [
            signing::signature_tag(&image.digest),
            signing::statement_tag(&image.digest),
        ] {
            match repository.manifest(&Target::Tag(tag.clone()), None) {
                Err(error) if error.is_absent() => {}
                fetched => {
                    let mut listed = fetched?.descriptor;
                    if roots.iter().all(|known| known.digest != listed.digest) {
                        listed.annotations.insert(REF_NAME.to_owned(), tag);
                        roots.push(listed);
                    }
                }
            }
        }
        Ok((Remote { repository, roots }, image))
    }

    /// One of those, by its artifact type; also the image's name by its digest.
    ///
    /// # Errors
    /// As [`Remote::open`]; nothing of that type refers to it.
    pub(crate) fn referrer(
        registries: &Registries,
        text: &str,
        artifact_type: &str,
    ) -> Result<(Self, Descriptor, String)> {
        let (remote, image) = Self::referrers(registries, text)?;
        let is = |one: &&Descriptor| {
            let kind = one.artifact_type.as_ref();
            kind.is_some_and(|kind| kind.as_str() == artifact_type)
        };
        let found = remote.roots.iter().find(is).cloned();
        let descriptor = found.ok_or_else(|| Error::NoReferrer {
            image: text.to_owned(),
            artifact_type: artifact_type.to_owned(),
        })?;
        let image = format!("{}@{}", remote.repository.name(), image.digest);
        Ok((remote, descriptor, image))
    }
}

/// What a registry gave that is not what it must be is a finding; all else is the registry's.
fn trouble(error: registry::Error) -> std::result::Result<Trouble, registry::Error> {
    use registry::Error as E;
    let message = error.to_string();
    match &error {
        E::WrongDigest {
            expected, found, ..
        } => Ok(Trouble::wrong(
            Rule::Digest,
            format!("{message} (expected {expected}, found {found})"),
        )),
        E::WrongSize { .. } => Ok(Trouble::wrong(Rule::Size, message)),
        E::Document { .. } => Ok(Trouble::wrong(Rule::Document, message)),
        E::Schema1 { .. } => Ok(Trouble::wrong(Rule::MediaType, message)),
        _ => Err(error),
    }
}

fn of(error: registry::Error) -> Trouble {
    if error.is_absent() {
        return Trouble::wrong(Rule::MissingBlob, error.to_string());
    }
    let hint = error.hint();
    trouble(error).unwrap_or_else(|error| Trouble::Environment {
        message: error.to_string(),
        hint,
    })
}

impl Store for Remote {
    fn roots(&self) -> &[Descriptor] {
        &self.roots
    }

    fn document(
        &self,
        descriptor: &Descriptor,
        limit: u64,
    ) -> std::result::Result<Vec<u8>, Trouble> {
        if descriptor.media_type.is_index() || descriptor.media_type.is_manifest() {
            let target = Target::Digest(descriptor.digest);
            let fetched = self.repository.manifest(&target, Some(descriptor));
            return Ok(fetched.map_err(of)?.bytes);
        }
        let mut stream = self
            .repository
            .blob(&descriptor.digest, descriptor.size.min(limit));
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            match stream.next(&mut buffer).map_err(of)? {
                0 => return Ok(bytes),
                read => bytes.extend_from_slice(&buffer[..read]),
            }
        }
    }

    fn blob(&self, descriptor: &Descriptor) -> std::result::Result<Content<'_>, Trouble> {
        let foreign = matches!(
            descriptor.media_type.kind(),
            Some(oci::media_type::Kind::Layer { foreign: true, .. })
        );
        if foreign {
            // Registries are not to have them.
            return Ok(Content::Absent);
        }
        let stream = self.repository.blob(&descriptor.digest, descriptor.size);
        let mut reader = Streamed { stream };
        // Whether it is there is known before its bytes come.
        let mut first = vec![0; 64 << 10];
        let read = match reader.stream.next(&mut first) {
            Err(error) if is_other_bytes(&error) => 0,
            read => read.map_err(of)?,
        };
        first.truncate(read);
        Ok(Content::Bytes(Box::new(
            io::Cursor::new(first).chain(reader),
        )))
    }
}

/// The client has its own comparison of digest and size; what it finds ends the stream, and whoever reads
/// finds the same.
fn is_other_bytes(error: &registry::Error) -> bool {
    matches!(
        error,
        registry::Error::WrongDigest { .. } | registry::Error::WrongSize { .. }
    )
}

struct Streamed {
    stream: BlobStream,
}

impl Read for Streamed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.stream.next(buffer) {
            Err(error) if is_other_bytes(&error) => Ok(0),
            Err(error) => Err(io::Error::other(error)),
            read => Ok(read.unwrap_or_default()),
        }
    }
}
