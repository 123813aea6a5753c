//! `pull verify`: is a layout what it says? Everything is read again: the digest and size of each blob,
//! the diff_id of each layer, the names in each layer; and nothing is there that nothing refers to.
//!
//! It needs no network and changes nothing. What it finds is one list, sorted as the layout is walked.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::Path;

use layout::{Links, Place, Reader};
use oci::error::Shown;
use oci::json::Limits;
use oci::media_type::{Compression, Kind};
use oci::{Config, Descriptor, Digest, Hasher, Index, Manifest};

use crate::error::{Error, Result};
use crate::vendor;

/// A layer may unpack to so many times its size, and so many bytes more.
const RATIO: u64 = 1000;
const SLACK: u64 = 1 << 30;

/// The most levels of indexes.
const DEPTH: usize = 8;

/// Reads a layout, all of it.
///
/// # Errors
/// [`Error::Unsound`] with everything that is wrong; a folder that is no layout at all.
pub(crate) fn verify(folder: &Path) -> Result<()> {
    let reader = Reader::open(folder, Links::Refuse)?;
    let mut check = Check {
        reader: &reader,
        findings: Vec::new(),
        seen: BTreeSet::new(),
        layers: BTreeMap::new(),
    };
    for descriptor in &reader.index().manifests {
        check.document(descriptor, 0);
    }
    for (descriptor, diff_id) in std::mem::take(&mut check.layers).into_values() {
        check.layer(&descriptor, diff_id);
    }
    for present in vendor::present(folder)? {
        match present {
            Ok(digest) if check.seen.contains(&digest) => {}
            Ok(digest) => check
                .findings
                .push(format!("nothing refers to the blob {digest}")),
            Err(name) => check.findings.push(format!("the file `{name}` is no blob")),
        }
    }
    match check.findings.is_empty() {
        true => Ok(()),
        false => Err(Error::Unsound {
            layout: folder.to_owned(),
            findings: check.findings,
        }),
    }
}

struct Check<'a> {
    reader: &'a Reader,
    findings: Vec<String>,
    seen: BTreeSet<Digest>,
    layers: BTreeMap<Digest, (Descriptor, Option<Digest>)>,
}

impl Check<'_> {
    /// Notes what is wrong.
    fn note<T>(&mut self, found: std::result::Result<T, impl std::fmt::Display>) -> Option<T> {
        match found {
            Ok(found) => Some(found),
            Err(error) => {
                self.findings.push(error.to_string());
                None
            }
        }
    }

    fn document(&mut self, descriptor: &Descriptor, depth: usize) {
        if !self.seen.insert(descriptor.digest) {
            return;
        }
        if let Some(sparse) = self.reader.sparse()
            && sparse.get(&descriptor.digest).is_some()
        {
            return;
        }
        let bytes = self.reader.document(descriptor, Limits::MANIFEST.size);
        let Some(bytes) = self.note(bytes) else {
            return;
        };
        let place = |error: oci::Error| format!("{}: {error}", descriptor.digest);
        if descriptor.media_type.is_index() {
            let index = Index::read(&bytes, &descriptor.media_type).map_err(place);
            let Some(index) = self.note(index) else {
                return;
            };
            if depth == DEPTH {
                let digest = descriptor.digest;
                self.findings.push(format!(
                    "{digest}: indexes are nested deeper than {DEPTH} levels"
                ));
                return;
            }
            for child in &index.manifests {
                self.document(child, depth + 1);
            }
        } else if descriptor.media_type.is_manifest() {
            let manifest = Manifest::read(&bytes, &descriptor.media_type).map_err(place);
            if let Some(manifest) = self.note(manifest) {
                self.manifest(descriptor, &manifest);
            }
        }
    }

    fn manifest(&mut self, descriptor: &Descriptor, manifest: &Manifest) {
        let mut diff_ids: Vec<Option<Digest>> = vec![None; manifest.layers.len()];
        self.seen.insert(manifest.config.digest);
        let config = self.reader.document(&manifest.config, Limits::CONFIG.size);
        let runs = !descriptor
            .platform
            .as_ref()
            .is_some_and(oci::Platform::is_unknown);
        if let Some(bytes) = self.note(config)
            && matches!(manifest.config.media_type.kind(), Some(Kind::Config))
            && runs
        {
            let digest = manifest.config.digest;
            let found = Config::read(&bytes)
                .and_then(|config| config.diff_ids())
                .map_err(|error| format!("{digest}: {error}"));
            if let Some(found) = self.note(found) {
                if found.len() != diff_ids.len() {
                    self.findings.push(format!(
                        "{}: it has {} layers, its config {} diff_ids",
                        descriptor.digest,
                        diff_ids.len(),
                        found.len()
                    ));
                }
                for (place, diff_id) in diff_ids.iter_mut().zip(found) {
                    *place = Some(diff_id);
                }
            }
        }
        for (layer, diff_id) in manifest.layers.iter().zip(diff_ids) {
            self.seen.insert(layer.digest);
            match self.layers.get_mut(&layer.digest) {
                Some((_, known)) => {
                    if known.is_some() && diff_id.is_some() && *known != diff_id {
                        let digest = layer.digest;
                        self.findings
                            .push(format!("the layer {digest} has two diff_ids"));
                    }
                    *known = known.or(diff_id);
                }
                None => drop(self.layers.insert(layer.digest, (layer.clone(), diff_id))),
            }
        }
    }

    fn layer(&mut self, descriptor: &Descriptor, diff_id: Option<Digest>) {
        let place = self.reader.place(descriptor);
        let Some(Place::File(path)) = self.note(place) else {
            return;
        };
        let read = read(&path, descriptor, diff_id)
            .map_err(|e| format!("the layer {}: {e}", descriptor.digest));
        if let Some(findings) = self.note(read) {
            let digest = descriptor.digest;
            let findings = findings.into_iter();
            self.findings
                .extend(findings.map(|finding| format!("the layer {digest}: {finding}")));
        }
    }
}

/// Reads a layer as it is, and as what it unpacks to; says what is wrong.
fn read(
    path: &Path,
    descriptor: &Descriptor,
    diff_id: Option<Digest>,
) -> std::result::Result<Vec<String>, String> {
    let mut findings = Vec::new();
    let mut hasher = Hasher::new(descriptor.digest.algorithm());
    files::read_pieces(path, |piece| hasher.update(piece)).map_err(|error| error.to_string())?;
    let found = hasher.finish();
    if found != descriptor.digest {
        // What it unpacks to says nothing, then.
        return Ok(vec![format!("its bytes have the digest {found}")]);
    }
    let Some(Kind::Layer { compression, .. }) = descriptor.media_type.kind() else {
        return Ok(findings);
    };
    let file = files::open(path).map_err(|error| error.to_string())?.file;
    let file = io::BufReader::with_capacity(128 << 10, file);
    let unpacked: Box<dyn Read> = match compression {
        Compression::None => Box::new(file),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(file)
                .map_err(|error| error.to_string())?;
            // 128 MiB, the largest window that is in use.
            decoder
                .window_log_max(27)
                .map_err(|error| error.to_string())?;
            Box::new(decoder)
        }
    };
    let limit = descriptor.size.saturating_mul(RATIO).saturating_add(SLACK);
    let algorithm = diff_id.map_or(oci::Algorithm::Sha256, |diff_id| diff_id.algorithm());
    let mut tee = Tee {
        inner: unpacked.take(limit + 1),
        hasher: Hasher::new(algorithm),
        bytes: 0,
    };
    findings.extend(names(&mut tee));
    io::copy(&mut tee, &mut io::sink()).map_err(|error| format!("it does not unpack: {error}"))?;
    if tee.bytes > limit {
        return Ok(vec![format!("it unpacks to more than {limit} bytes")]);
    }
    let found = tee.hasher.finish();
    if diff_id.is_some_and(|diff_id| diff_id != found) {
        findings.push(format!(
            "it unpacks to {found}, and its diff_id says otherwise"
        ));
    }
    Ok(findings)
}

/// What is wrong with the names in a tar.
fn names(tar: &mut impl Read) -> Vec<String> {
    let mut findings = Vec::new();
    let mut seen: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut archive = tar::Archive::new(tar);
    let entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => return vec![no_tar(&error)],
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                findings.push(no_tar(&error));
                return findings;
            }
        };
        let path = entry.path_bytes().into_owned();
        let show = oci::RawPath::new(path.clone());
        let parts: Vec<&[u8]> = path
            .split(|b| *b == b'/')
            .filter(|p| !matches!(*p, b"" | b"."))
            .collect();
        if path.starts_with(b"/") {
            findings.push(format!("the path `{show}` is absolute"));
        }
        if parts.contains(&&b".."[..]) {
            findings.push(format!("the path `{show}` has the part `..`"));
        }
        if path.contains(&0) {
            findings.push(format!("the path `{show}` has a NUL byte"));
        }
        if !seen.insert(parts.join(&b'/')) {
            findings.push(format!("the path `{show}` comes twice"));
        }
    }
    findings
}

/// The words of the error may hold bytes of the layer.
fn no_tar(error: &io::Error) -> String {
    format!("it is no tar: {}", Shown::new(error.to_string()))
}

/// Hashes what is read through it.
struct Tee<R> {
    inner: R,
    hasher: Hasher,
    bytes: u64,
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}
