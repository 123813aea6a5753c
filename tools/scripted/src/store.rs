//! A registry in memory.
//!
//! It checks what a strict registry checks: digests, the order of chunks, that children are there before
//! their manifest. What it shall get wrong is set by its fields, or done by a `fault` that looks at each
//! request first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use oci::{Digest, Hasher};

use crate::server::{Answer, Request, Server};

/// How the registry wants to be shown who one is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// By name and password.
    Basic(String, String),
    /// By a token of its own service at `/token`; a name and a password get one to push, too.
    Token(String, String),
}

/// The state of a registry, and its rules.
#[derive(Clone, Default)]
pub struct Store {
    inner: Arc<Mutex<Inner>>,
}

type Fault = Arc<dyn Fn(&Request) -> Option<Answer> + Send + Sync>;

#[derive(Default)]
struct Inner {
    auth: Auth,
    blobs: BTreeMap<String, Vec<u8>>,
    /// Which repository has which blob.
    in_repository: BTreeSet<(String, String)>,
    manifests: BTreeMap<(String, String), (String, Vec<u8>)>,
    uploads: BTreeMap<String, (u32, Vec<u8>)>,
    next: u32,
    mounts: bool,
    /// How many referrers are on a page, where it keeps a list of them.
    referrers: Option<usize>,
    minimum: u64,
    largest: Option<usize>,
    fault: Option<Fault>,
}

impl Store {
    /// An empty registry that mounts.
    pub fn new() -> Self {
        let store = Store::default();
        store.lock().mounts = true;
        store
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Serves it.
    pub fn serve(&self) -> Server {
        let store = self.clone();
        Server::start(move |request| store.answer(request))
    }

    /// How it wants to be shown who one is.
    pub fn set_auth(&self, auth: Auth) {
        self.lock().auth = auth;
    }

    /// Whether it mounts blobs from other repositories.
    pub fn set_mounts(&self, mounts: bool) {
        self.lock().mounts = mounts;
    }

    /// Whether it keeps lists of what refers to a manifest, and how many are on a page.
    pub fn set_referrers(&self, page: Option<usize>) {
        self.lock().referrers = page;
    }

    /// The smallest chunk that it takes, but for the last.
    pub fn set_minimum(&self, minimum: u64) {
        self.lock().minimum = minimum;
    }

    /// The largest body that it takes.
    pub fn set_largest(&self, largest: Option<usize>) {
        self.lock().largest = largest;
    }

    /// Looks at each request first, and may answer it.
    pub fn set_fault(&self, fault: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) {
        self.lock().fault = Some(Arc::new(fault));
    }

    /// Puts a blob into a repository.
    pub fn add_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let mut inner = self.lock();
        inner.blobs.insert(digest.to_string(), bytes.to_vec());
        let key = (repository.to_owned(), digest.to_string());
        inner.in_repository.insert(key);
        digest
    }

    /// Puts a manifest into a repository, under its digest and a tag.
    pub fn add_manifest(
        &self,
        repository: &str,
        tag: Option<&str>,
        media_type: &str,
        bytes: &[u8],
    ) -> Digest {
        let digest = Digest::of(bytes);
        let mut inner = self.lock();
        for reference in [Some(digest.to_string()), tag.map(str::to_owned)]
            .into_iter()
            .flatten()
        {
            let entry = (media_type.to_owned(), bytes.to_vec());
            inner
                .manifests
                .insert((repository.to_owned(), reference), entry);
        }
        digest
    }

    /// The bytes of a blob, if a repository has it.
    pub fn blob(&self, repository: &str, digest: &Digest) -> Option<Vec<u8>> {
        let inner = self.lock();
        let key = (repository.to_owned(), digest.to_string());
        inner
            .in_repository
            .contains(&key)
            .then(|| inner.blobs[&key.1].clone())
    }

    /// The media type and bytes of a manifest, by tag or digest.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<(String, Vec<u8>)> {
        let key = (repository.to_owned(), reference.to_owned());
        self.lock().manifests.get(&key).cloned()
    }

    /// Forgets a blob of all repositories.
    pub fn remove_blob(&self, digest: &Digest) {
        let mut inner = self.lock();
        let digest = digest.to_string();
        inner.blobs.remove(&digest);
        inner.in_repository.retain(|(_, known)| *known != digest);
    }

    /// How many uploads were begun and neither ended nor cancelled.
    pub fn open_uploads(&self) -> usize {
        self.lock().uploads.len()
    }

    /// Answers a request.
    pub fn answer(&self, request: &Request) -> Answer {
        let fault = self.lock().fault.clone();
        if let Some(answer) = fault.and_then(|fault| fault(request)) {
            return answer;
        }
        let mut inner = self.lock();
        if let Some(answer) = inner.refuse(request) {
            return answer;
        }
        let Some(rest) = request.path.strip_prefix("/v2/") else {
            return Answer::new(404);
        };
        if let Some((repository, id)) = rest.split_once("/blobs/uploads/") {
            return inner.upload(request, repository, id);
        }
        if let Some((repository, digest)) = rest.split_once("/blobs/") {
            return inner.get_blob(request, repository, digest);
        }
        if let Some((repository, subject)) = rest.split_once("/referrers/") {
            return inner.get_referrers(request, repository, subject);
        }
        if let Some((repository, reference)) = rest.split_once("/manifests/") {
            return match request.method.as_str() {
                "PUT" => inner.put_manifest(request, repository, reference),
                _ => inner.get_manifest(repository, reference),
            };
        }
        Answer::new(if rest.is_empty() { 200 } else { 404 })
    }
}

impl Inner {
    /// Who may not do it, and what is too large.
    fn refuse(&self, request: &Request) -> Option<Answer> {
        let basic = |name: &str, password: &str| {
            let pair = data_encoding::BASE64.encode(format!("{name}:{password}").as_bytes());
            request.header("authorization") == Some(&format!("Basic {pair}"))
        };
        if let Auth::Token(name, password) = &self.auth
            && request.path == "/token"
        {
            let scopes = request.parameters("scope").join(" ");
            let wants_push = scopes.contains("push");
            if request.header("authorization").is_some() && !basic(name, password) {
                return Some(Answer::error(401, "UNAUTHORIZED", "wrong name or password"));
            }
            let level = if wants_push && basic(name, password) {
                "push"
            } else {
                "pull"
            };
            let body = format!(r#"{{"token":"{level}-token","expires_in":300}}"#);
            return Some(Answer::new(200).body(body));
        }
        let host = request.header("host").unwrap_or_default();
        match &self.auth {
            Auth::None => {}
            Auth::Basic(name, password) => {
                if !basic(name, password) {
                    let answer = Answer::error(401, "UNAUTHORIZED", "log in");
                    return Some(answer.with("WWW-Authenticate", "Basic realm=\"test\""));
                }
            }
            Auth::Token(..) => {
                let reads = matches!(request.method.as_str(), "GET" | "HEAD");
                let shown = request.header("authorization").unwrap_or_default();
                let is_good = shown == "Bearer push-token" || reads && shown == "Bearer pull-token";
                if !is_good {
                    let name = request.path.trim_start_matches("/v2/");
                    let end = ["/blobs/", "/manifests/"]
                        .iter()
                        .find_map(|part| name.find(part));
                    let name = &name[..end.unwrap_or(name.len())];
                    let actions = if reads { "pull" } else { "pull,push" };
                    let challenge = format!(
                        "Bearer realm=\"http://{host}/token\",service=\"test\",scope=\"repository:{name}:{actions}\""
                    );
                    let answer = Answer::error(401, "UNAUTHORIZED", "a token is needed");
                    return Some(answer.with("WWW-Authenticate", challenge));
                }
            }
        }
        match self.largest {
            Some(largest) if request.body.len() > largest => Some(
                Answer::new(413)
                    .with("Content-Type", "text/html")
                    .body("<h1>413 Too Large</h1>"),
            ),
            _ => None,
        }
    }

    fn has(&self, repository: &str, digest: &str) -> bool {
        let key = (repository.to_owned(), digest.to_owned());
        self.in_repository.contains(&key)
    }

    fn get_blob(&self, request: &Request, repository: &str, digest: &str) -> Answer {
        if !self.has(repository, digest) {
            return Answer::error(404, "BLOB_UNKNOWN", "blob unknown to registry");
        }
        let bytes = &self.blobs[digest];
        let answer = Answer::new(200)
            .with("Content-Type", "application/octet-stream")
            .with("Docker-Content-Digest", digest);
        let range = request
            .header("range")
            .and_then(|range| range.strip_prefix("bytes="));
        let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
            return answer.body(bytes.clone());
        };
        let first: usize = first.parse().unwrap_or(usize::MAX);
        let last: usize = last.parse().unwrap_or(bytes.len().saturating_sub(1));
        match bytes.get(first..=last.min(bytes.len().saturating_sub(1))) {
            Some(part) => Answer::new(206)
                .with(
                    "Content-Range",
                    format!("bytes {first}-{last}/{}", bytes.len()),
                )
                .body(part),
            None => Answer::new(416),
        }
    }

    fn get_manifest(&self, repository: &str, reference: &str) -> Answer {
        let key = (repository.to_owned(), reference.to_owned());
        match self.manifests.get(&key) {
            Some((media_type, bytes)) => Answer::new(200)
                .with("Content-Type", media_type.clone())
                .with("Docker-Content-Digest", Digest::of(bytes).to_string())
                .body(bytes.clone()),
            None => Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
        }
    }

    /// A page of the list, each with the artifact type that its manifest says.
    fn get_referrers(&self, request: &Request, repository: &str, subject: &str) -> Answer {
        let Some(page) = self.referrers else {
            return Answer::new(404)
                .with("Content-Type", "text/plain")
                .body("404 page not found");
        };
        let of = format!("\"subject\":{{\"digest\":\"{subject}\"");
        let mut all = Vec::new();
        for ((at, reference), (media_type, bytes)) in &self.manifests {
            let text = String::from_utf8_lossy(bytes);
            if at != repository || !reference.contains(':') || !text.contains(&of) {
                continue;
            }
            let artifact = match text.split_once("\"artifactType\":\"") {
                Some((_, after)) => after.split('"').next().unwrap_or_default().to_owned(),
                None => String::new(),
            };
            all.push(format!(
                r#"{{"mediaType":"{media_type}","digest":"{reference}","size":{},"artifactType":"{artifact}"}}"#,
                bytes.len()
            ));
        }
        let first = request
            .parameter("from")
            .and_then(|from| from.parse().ok())
            .unwrap_or(0_usize);
        let last = (first + page).min(all.len());
        let list = all.get(first..last).unwrap_or_default().join(",");
        let answer = Answer::new(200).with("Content-Type", "application/vnd.oci.image.index.v1+json").body(format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{list}]}}"#
        ));
        match last < all.len() {
            true => answer.with(
                "Link",
                format!("</v2/{repository}/referrers/{subject}?from={last}>; rel=\"next\""),
            ),
            false => answer,
        }
    }

    fn put_manifest(&mut self, request: &Request, repository: &str, reference: &str) -> Answer {
        let bytes = request.body.clone();
        let digest = Digest::of(&bytes).to_string();
        let invalid = |message: &str| Answer::error(400, "MANIFEST_INVALID", message);
        if reference.contains(':') && reference != digest {
            return invalid("the digest differs");
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let is_index = text.contains("\"manifests\"");
        // What a subject leads to need not be there.
        let subject = text
            .split_once("\"subject\":{")
            .map_or("", |(_, after)| after);
        let subject = subject
            .split_once('}')
            .map_or("", |(subject, _)| subject)
            .to_owned();
        for (at, _) in text.match_indices("\"digest\":\"") {
            let child: String = text[at + 10..].chars().take_while(|c| *c != '"').collect();
            let key = (repository.to_owned(), child.clone());
            if subject.contains(&child) {
                continue;
            }
            let is_there = match is_index {
                true => self.manifests.contains_key(&key),
                false => self.has(repository, &child),
            };
            if !is_there {
                return Answer::error(400, "MANIFEST_BLOB_UNKNOWN", "a child is missing");
            }
        }
        let media_type = request
            .header("content-type")
            .unwrap_or_default()
            .to_owned();
        for reference in [reference.to_owned(), digest.clone()] {
            let entry = (media_type.clone(), bytes.clone());
            self.manifests
                .insert((repository.to_owned(), reference), entry);
        }
        let answer = Answer::new(201)
            .with("Docker-Content-Digest", digest.clone())
            .with("Location", format!("/v2/{repository}/manifests/{digest}"));
        match self.referrers.is_some() && !subject.is_empty() {
            true => answer.with("OCI-Subject", subject_digest(&subject)),
            false => answer,
        }
    }

    fn upload(&mut self, request: &Request, repository: &str, id: &str) -> Answer {
        if request.method == "POST" {
            return self.start(request, repository);
        }
        let Some((step, mut bytes)) = self.uploads.get(id).cloned() else {
            return Answer::error(404, "BLOB_UPLOAD_UNKNOWN", "upload unknown");
        };
        // Each answer makes the place before it stale.
        if request.parameter("step") != Some(step.to_string()) {
            return Answer::error(404, "BLOB_UPLOAD_INVALID", "stale location");
        }
        let range = |length: usize| format!("0-{}", length.saturating_sub(1));
        let place = |step: u32| format!("/v2/{repository}/blobs/uploads/{id}?step={step}");
        match request.method.as_str() {
            "GET" => Answer::new(204)
                .with("Location", place(step))
                .with("Range", range(bytes.len())),
            "DELETE" => {
                self.uploads.remove(id);
                Answer::new(204)
            }
            "PATCH" => {
                let first = request
                    .header("content-range")
                    .and_then(|r| r.split_once('-'));
                let first = first.and_then(|(first, _)| first.parse().ok());
                if first.unwrap_or(bytes.len()) != bytes.len() {
                    return Answer::new(416)
                        .with("Location", place(step))
                        .with("Range", range(bytes.len()));
                }
                bytes.extend(&request.body);
                let length = bytes.len();
                self.uploads.insert(id.to_owned(), (step + 1, bytes));
                Answer::new(202)
                    .with("Location", place(step + 1))
                    .with("Range", range(length))
            }
            "PUT" => {
                bytes.extend(&request.body);
                let digest = request.parameter("digest").unwrap_or_default();
                let Ok(wanted) = digest.parse::<Digest>() else {
                    return Answer::error(400, "DIGEST_INVALID", "no digest");
                };
                let mut hasher = Hasher::new(wanted.algorithm());
                hasher.update(&bytes);
                if hasher.finish() != wanted {
                    return Answer::error(400, "DIGEST_INVALID", "the digest differs");
                }
                self.uploads.remove(id);
                self.blobs.insert(digest.clone(), bytes);
                self.in_repository
                    .insert((repository.to_owned(), digest.clone()));
                Answer::new(201)
                    .with("Location", format!("/v2/{repository}/blobs/{digest}"))
                    .with("Docker-Content-Digest", digest)
            }
            _ => Answer::new(405),
        }
    }

    fn start(&mut self, request: &Request, repository: &str) -> Answer {
        if let Some(digest) = request.parameter("mount")
            && self.mounts
        {
            let is_there = match request.parameter("from") {
                Some(source) => self.has(&source, &digest),
                None => self.blobs.contains_key(&digest),
            };
            if is_there {
                self.in_repository
                    .insert((repository.to_owned(), digest.clone()));
                return Answer::new(201)
                    .with("Location", format!("/v2/{repository}/blobs/{digest}"));
            }
        }
        self.next += 1;
        let id = self.next.to_string();
        self.uploads.insert(id.clone(), (0, Vec::new()));
        let answer = Answer::new(202)
            .with(
                "Location",
                format!("/v2/{repository}/blobs/uploads/{id}?step=0"),
            )
            .with("Range", "0-0");
        match self.minimum {
            0 => answer,
            minimum => answer.with("OCI-Chunk-Min-Length", minimum.to_string()),
        }
    }
}

/// The digest in the text of a descriptor.
fn subject_digest(text: &str) -> String {
    let after = text
        .split_once("\"digest\":\"")
        .map_or("", |(_, after)| after);
    after.split('"').next().unwrap_or_default().to_owned()
}
