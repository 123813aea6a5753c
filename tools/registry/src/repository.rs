//! A repository: its manifests, and whether it has a blob.
//!
//! Every document is hashed before it is parsed, and is parsed only as what both its header and its
//! body say it is. A header that claims a digest proves nothing, but one that claims *another* is a
//! contradiction and an error.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use oci::error::Shown;
use oci::json::Limits;
use oci::media_type::{DOCKER_INDEX, DOCKER_MANIFEST, Kind, OCI_INDEX, OCI_MANIFEST};
use oci::{Descriptor, Digest, Hasher, Index, Manifest, MediaType};

use crate::answer;
use crate::credentials::{Credentials, Explained};
use crate::error::{At, Error, Result};
use crate::headers::Length;
use crate::host::{Authorization, Call, Host, Payload};
use crate::limit::HostLimits;
use crate::scope::Scopes;
use crate::settings::Settings;
use crate::transport::{Head, Method};
use crate::url::Url;

/// All registries of a run: connections and tokens are shared.
pub struct Registries {
    settings: Settings,
    credentials: Arc<Credentials>,
    hosts: Mutex<BTreeMap<String, Arc<Host>>>,
    limits: Arc<HostLimits>,
}

impl Registries {
    /// Registries that are reached by these settings, with these credentials.
    pub fn new(settings: Settings, credentials: Credentials) -> Self {
        Registries {
            settings,
            credentials: Arc::new(credentials),
            hosts: Mutex::default(),
            limits: Arc::default(),
        }
    }

    /// A repository of a registry, by the user's names.
    ///
    /// # Errors
    /// A name that is none; settings of the host that can't be used.
    pub fn repository(&self, registry: &str, repository: &str) -> Result<Repository> {
        let mut hosts = self
            .hosts
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let host = match hosts.get(registry) {
            Some(host) => host.clone(),
            None => {
                let host = Arc::new(Host::new(&self.settings, self.limits.clone(), registry)?);
                hosts.insert(registry.to_owned(), host.clone());
                host
            }
        };
        Ok(Repository {
            host,
            credentials: self.credentials.clone(),
            path: repository.to_owned(),
        })
    }

    /// Where the login for a repository is found, and what kind it is.
    ///
    /// # Errors
    /// A helper that fails, or is named where none may be run.
    pub fn explain(&self, registry: &str, repository: &str) -> Result<Explained> {
        let found = self.credentials.find(registry, repository)?;
        Ok(found.explain(format!("{registry}/{repository}")))
    }
}

/// A repository of a registry.
#[derive(Clone)]
pub struct Repository {
    pub(crate) host: Arc<Host>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) path: String,
}

/// What names a manifest in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A tag, which can move.
    Tag(String),
    /// A digest.
    Digest(Digest),
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Tag(tag) => f.write_str(tag),
            Target::Digest(digest) => digest.fmt(f),
        }
    }
}

/// A manifest that was fetched: its bytes have the digest, and were then parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Media type, digest and size.
    pub descriptor: Descriptor,
    /// The bytes as they came.
    pub bytes: Vec<u8>,
    /// What they say.
    pub document: Document,
}

/// What a manifest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// Of several images.
    Index(Box<Index>),
    /// Of one image or artifact.
    Manifest(Box<Manifest>),
}

impl Repository {
    /// The registry, by the user's name.
    pub fn registry(&self) -> &str {
        &self.host.name
    }

    /// The path within the registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `registry/path`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.host.name, self.path)
    }

    pub(crate) fn at(&self, method: Method, what: impl Into<String>) -> At {
        At {
            registry: self.host.name.clone(),
            repository: self.path.clone(),
            method: method.name(),
            what: what.into(),
        }
    }

    pub(crate) fn url(&self, rest: &str) -> Url {
        Url::at(&self.host.origin, &format!("/v2/{}/{rest}", self.path))
    }

    /// A request about this repository.
    pub(crate) fn call<'a>(
        &'a self,
        method: Method,
        what: impl Into<String>,
        url: Url,
        scopes: &'a Scopes,
    ) -> Call<'a> {
        Call {
            authorization: Authorization::Registry {
                credentials: &self.credentials,
                scopes,
            },
            ..Call::new(self.at(method, what), method, url)
        }
    }

    /// Fetches a manifest. Where `expected` is given, the bytes have its size and media type.
    ///
    /// # Errors
    /// It is not there, is not what was asked for, or is not what it says it is; the network.
    pub fn manifest(&self, target: &Target, expected: Option<&Descriptor>) -> Result<Fetched> {
        let scopes = Scopes::pull(&self.path);
        let what = format!("manifest `{target}`");
        let url = self.url(&format!("manifests/{target}"));
        let call = Call {
            headers: vec![("accept", accepted())],
            ..self.call(Method::Get, what, url, &scopes)
        };
        let limit = expected.map_or(Limits::MANIFEST.size, |expected| {
            expected.size.min(Limits::MANIFEST.size)
        });
        let (head, bytes) = self.host.request(&call, |response| {
            let head = response.head.clone();
            let bytes = answer::whole(&call.at, response, limit, &self.host.patience)?;
            Ok((head, bytes))
        })?;
        let at = || Box::new(call.at.clone());
        if let Some(expected) = expected
            && bytes.len() as u64 != expected.size
        {
            return Err(Error::WrongSize {
                at: at(),
                expected: expected.size,
                found: Some(bytes.len() as u64),
            });
        }
        let digest = match target {
            Target::Digest(wanted) => {
                compare(&call.at, &bytes, wanted)?;
                *wanted
            }
            Target::Tag(_) => {
                if let Some(claimed) = claimed_digest(&head) {
                    compare(&call.at, &bytes, &claimed)?;
                }
                Digest::of(&bytes)
            }
        };
        let media_type = media_type(&call.at, &head, expected)?;
        let document = match media_type.kind() {
            Some(Kind::Index) => {
                Index::read(&bytes, &media_type).map(|i| Document::Index(Box::new(i)))
            }
            Some(Kind::Manifest) => {
                Manifest::read(&bytes, &media_type).map(|m| Document::Manifest(Box::new(m)))
            }
            Some(Kind::Schema1) => return Err(Error::Schema1 { at: at() }),
            _ => {
                return Err(Error::Header {
                    at: at(),
                    field: "Content-Type",
                    problem: format!(
                        "`{}`, which is no manifest's",
                        Shown::new(media_type.as_str())
                    ),
                });
            }
        };
        let document = document.map_err(|error| Error::Document { at: at(), error })?;
        let descriptor = Descriptor::new(media_type, digest, bytes.len() as u64);
        Ok(Fetched {
            descriptor,
            bytes,
            document,
        })
    }

    /// The digest that a tag leads to, or whether a digest is there; nothing where it is not.
    ///
    /// # Errors
    /// The registry refuses; the network.
    pub fn resolve(&self, target: &Target) -> Result<Option<Digest>> {
        let scopes = Scopes::pull(&self.path);
        let what = format!("manifest `{target}`");
        let url = self.url(&format!("manifests/{target}"));
        let call = Call {
            headers: vec![("accept", accepted())],
            ..self.call(Method::Head, what, url, &scopes)
        };
        let head = match self.host.request(&call, |response| Ok(response.head)) {
            Ok(head) => head,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error),
        };
        // A page for people, as networks show it that one has to log in to, is no yes.
        let kind = head.first("content-type").unwrap_or_default();
        if kind.trim().to_ascii_lowercase().starts_with("text/html") {
            return Err(Error::Header {
                at: Box::new(call.at),
                field: "Content-Type",
                problem: "`text/html`, which is no manifest's".into(),
            });
        }
        match (target, claimed_digest(&head)) {
            (Target::Digest(digest), Some(claimed))
                if claimed.algorithm() == digest.algorithm() && claimed != *digest =>
            {
                Err(Error::WrongDigest {
                    at: Box::new(call.at),
                    expected: Box::new(*digest),
                    found: Box::new(claimed),
                })
            }
            (Target::Digest(digest), _) => Ok(Some(*digest)),
            (Target::Tag(_), Some(digest)) => Ok(Some(digest)),
            // The header is not everywhere: the body tells.
            (Target::Tag(_), None) => match self.manifest(target, None) {
                Ok(fetched) => Ok(Some(fetched.descriptor.digest)),
                Err(error) if error.is_absent() => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    /// Whether the registry has a blob of this size.
    ///
    /// # Errors
    /// The registry refuses; the network.
    pub fn has_blob(&self, digest: &Digest, size: u64) -> Result<bool> {
        let scopes = Scopes::push(&self.path);
        self.has_blob_with(digest, size, &scopes)
    }

    pub(crate) fn has_blob_with(
        &self,
        digest: &Digest,
        size: u64,
        scopes: &Scopes,
    ) -> Result<bool> {
        let url = self.url(&format!("blobs/{digest}"));
        let call = self.call(Method::Head, format!("blob {digest}"), url, scopes);
        let found = self.host.request(&call, |response| {
            let length = crate::headers::content_length(response.head.all("content-length"));
            // One of another size is not this blob; sending it again can do no harm.
            Ok(!matches!(length, Length::Known(length) if length != size))
        });
        match found {
            Err(error) if error.is_absent() => Ok(false),
            found => found,
        }
    }

    /// Puts a manifest, under its digest or a tag. Returns whether the registry has taken note of its
    /// `subject` by itself.
    ///
    /// # Errors
    /// The registry refuses, or says that it has stored something else; the network.
    pub fn put_manifest(
        &self,
        target: &Target,
        media_type: &MediaType,
        bytes: &[u8],
    ) -> Result<bool> {
        let scopes = Scopes::push(&self.path);
        let what = format!("manifest `{target}`");
        let url = self.url(&format!("manifests/{target}"));
        let call = Call {
            headers: vec![("content-type", media_type.as_str().to_owned())],
            payload: Payload::Bytes(bytes),
            may_leave: true,
            ..self.call(Method::Put, what, url, &scopes)
        };
        let head = self.host.request(&call, |response| Ok(response.head))?;
        if let Some(claimed) = claimed_digest(&head) {
            compare(&call.at, bytes, &claimed)?;
        }
        // Not every success says that it is stored.
        if head.status != 201 && self.resolve(target)?.is_none() {
            return Err(Error::Header {
                at: Box::new(call.at),
                field: "status",
                problem: format!("{}, and it is not there afterwards", head.status),
            });
        }
        Ok(head.first("oci-subject").is_some())
    }
}

/// What we take for a manifest.
fn accepted() -> String {
    [OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST].join(", ")
}

/// The digest that a header claims, where it is one that we compute.
fn claimed_digest(head: &Head) -> Option<Digest> {
    head.first("docker-content-digest")?.trim().parse().ok()
}

/// Hashes, before anything else is done with the bytes.
fn compare(at: &At, bytes: &[u8], expected: &Digest) -> Result<()> {
    let mut hasher = Hasher::new(expected.algorithm());
    hasher.update(bytes);
    let found = hasher.finish();
    if found == *expected {
        return Ok(());
    }
    Err(Error::WrongDigest {
        at: Box::new(at.clone()),
        expected: Box::new(*expected),
        found: Box::new(found),
    })
}

/// The media type that the header says; it must be the one that is expected.
pub(crate) fn media_type(at: &At, head: &Head, expected: Option<&Descriptor>) -> Result<MediaType> {
    let wrong = |problem: String| Error::Header {
        at: Box::new(at.clone()),
        field: "Content-Type",
        problem,
    };
    let text = head.first("content-type").unwrap_or_default();
    let text = text.split(';').next().unwrap_or_default().trim();
    if text.is_empty() {
        return match expected {
            Some(expected) => Ok(expected.media_type.clone()),
            None => Err(wrong("missing".into())),
        };
    }
    let media_type: MediaType = text
        .to_ascii_lowercase()
        .parse()
        .map_err(|_| wrong("malformed".into()))?;
    if let Some(expected) = expected
        && expected.media_type != media_type
    {
        let (found, wanted) = (Shown::new(text), expected.media_type.as_str());
        return Err(wrong(format!("`{found}`, and `{wanted}` was expected")));
    }
    Ok(media_type)
}
