//! An archive as a store: an OCI archive, or one for `docker load`, read where it lies.
//!
//! The archive's own tar is as hostile as a layer: names are keys of a map and are never opened, links
//! inside are followed by hand, and one that leads out is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use oci::json::{self, Limits};
use oci::media_type::{Compression, OCI_INDEX};
use oci::{Descriptor, Digest, Index, MediaType, RawPath};
use ustar::Type;

use crate::docker;
use crate::store::{Content, Store, Trouble, rule_of};
use crate::tape::{Fault, Tape, Whole};
use crate::unpack::sniff;
use crate::{Finding, Place, Rule};

/// The most entries of an archive.
const ENTRIES: usize = 1_000_000;

/// The most links on the way to one file.
const LINKS: usize = 40;

/// What is at a name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    File { offset: u64, size: u64 },
    Directory,
    Link(Vec<u8>),
    HardLink(Vec<u8>),
    Other,
}

/// An archive.
#[derive(Debug)]
pub struct Archive {
    file: File,
    nodes: BTreeMap<Vec<u8>, Node>,
    /// Documents that the archive does not hold as such: of an old archive for `docker load`.
    made: BTreeMap<Digest, Vec<u8>>,
    /// Blobs that have other names than their digest.
    named: BTreeMap<Digest, String>,
    roots: Vec<Descriptor>,
    findings: Vec<Finding>,
}

impl Archive {
    /// Opens the archive at `path`.
    ///
    /// # Errors
    /// It is no archive of an image.
    pub fn open(path: &Path) -> Result<Self, Trouble> {
        let source = files::open(path)?;
        let second = files::open(path)?.file;
        let mut first = [0; 4];
        let read = second
            .read_at(&mut first, 0)
            .map_err(|error| environment(&error))?;
        let packed = sniff(&first[..read]);
        if packed != Compression::None {
            let name = crate::check::name(packed);
            let message = format!(
                "the archive is compressed, by {name}: only its layers may be, so unpack it first"
            );
            return Err(Trouble::wrong(Rule::Archive, message));
        }
        let mut archive = Archive {
            file: second,
            nodes: BTreeMap::new(),
            made: BTreeMap::new(),
            named: BTreeMap::new(),
            roots: Vec::new(),
            findings: Vec::new(),
        };
        archive.entries(Tape::new(Whole::new(source.file, source.size)))?;
        let has = |name: &str| archive.nodes.contains_key(name.as_bytes());
        let (oci, docker) = (has("oci-layout") || has("index.json"), has("manifest.json"));
        if oci {
            archive.open_layout()?;
        } else if !docker {
            let message =
                "the archive has neither `index.json` nor `manifest.json`: it holds no image";
            return Err(Trouble::wrong(Rule::Archive, message));
        }
        if docker {
            let bytes = archive.file_at("manifest.json", Limits::MANIFEST.size)?;
            match oci {
                true => {
                    let findings = docker::compare(&archive, &bytes);
                    archive.findings.extend(findings);
                }
                false => docker::open(&mut archive, &bytes)?,
            }
        }
        Ok(archive)
    }

    /// Whether the names of layers and configs in it are not their digests.
    pub(crate) fn add_made(&mut self, digest: Digest, bytes: Vec<u8>) {
        self.made.insert(digest, bytes);
    }

    pub(crate) fn add_named(&mut self, digest: Digest, name: &str) {
        self.named.insert(digest, name.to_owned());
    }

    pub(crate) fn add_root(&mut self, descriptor: Descriptor) {
        self.roots.push(descriptor);
    }

    pub(crate) fn note(&mut self, rule: Rule, message: String) {
        self.findings
            .push(Finding::new(rule, Place::Whole, message));
    }

    fn entries(&mut self, mut tape: Tape<Whole>) -> Result<(), Trouble> {
        loop {
            let entry = match tape.entry() {
                Ok(Some(entry)) => entry,
                Ok(None) => return Ok(()),
                Err(Fault::Io(error)) => return Err(environment(&error)),
                Err(fault) => {
                    let message = format!("it is no tar: {fault}");
                    return Err(Trouble::wrong(Rule::Archive, message));
                }
            };
            let shown = RawPath::new(entry.path.clone());
            let parts: Vec<&[u8]> = entry
                .path
                .split(|b| *b == b'/')
                .filter(|part| !matches!(*part, b"" | b"."))
                .collect();
            let escapes = entry.path.starts_with(b"/")
                || entry.path.contains(&0)
                || parts.contains(&&b".."[..]);
            if escapes {
                self.note(
                    Rule::PathEscape,
                    format!("the path `{shown}` leads out of the archive"),
                );
                continue;
            }
            let node = match entry.kind() {
                Some(Type::File) => Node::File {
                    offset: tape.position(),
                    size: entry.size,
                },
                Some(Type::Directory) => Node::Directory,
                Some(Type::Symlink) => Node::Link(entry.link.clone()),
                Some(Type::Hardlink) => Node::HardLink(entry.link.clone()),
                _ => {
                    self.note(
                        Rule::Archive,
                        format!("the entry `{shown}` is neither file, folder nor link"),
                    );
                    Node::Other
                }
            };
            let key = parts.join(&b'/');
            if key.is_empty() {
                continue;
            }
            let folders = node == Node::Directory && self.nodes.get(&key) == Some(&Node::Directory);
            if !folders && self.nodes.insert(key, node).is_some() {
                self.note(
                    Rule::Archive,
                    format!("the path `{shown}` comes twice in the archive"),
                );
            }
            if self.nodes.len() > ENTRIES {
                let message = format!("the archive has more than {ENTRIES} entries");
                return Err(Trouble::wrong(Rule::Archive, message));
            }
        }
    }

    fn open_layout(&mut self) -> Result<(), Trouble> {
        let version = self.file_at("oci-layout", 4096)?;
        let document = |name: &str, error: oci::Error| {
            Trouble::wrong(rule_of(&error), format!("`{name}`: {error}"))
        };
        let version = json::read(&version, Limits::MANIFEST, "oci-layout")
            .map_err(|error| document("oci-layout", error))?;
        if version.get("imageLayoutVersion").and_then(|v| v.as_str()) != Some("1.0.0") {
            let message = "`oci-layout` does not say that the layout is of version 1.0.0";
            return Err(Trouble::wrong(Rule::Layout, message));
        }
        let bytes = self.file_at("index.json", Limits::MANIFEST.size)?;
        let index = Index::read(&bytes, &MediaType::known(OCI_INDEX))
            .map_err(|error| document("index.json", error))?;
        self.roots = index.manifests;
        if self.nodes.contains_key(&b"sparse.json"[..]) {
            let message = "an archive is whole, and this one has a list of absent blobs";
            self.note(Rule::Archive, message.into());
        }
        Ok(())
    }

    /// Where a file's bytes are, through links.
    pub(crate) fn find(&self, name: &str) -> Result<(u64, u64), Trouble> {
        let missing = || {
            let name = oci::error::Shown::new(name);
            Trouble::wrong(Rule::MissingBlob, format!("the archive has no `{name}`"))
        };
        let mut at = name.as_bytes().to_vec();
        for _ in 0..LINKS {
            match self.nodes.get(&at) {
                Some(Node::File { offset, size }) => return Ok((*offset, *size)),
                Some(Node::HardLink(target)) => at = clean(b"", target).ok_or_else(missing)?,
                Some(Node::Link(target)) => {
                    let folder = at
                        .iter()
                        .rposition(|b| *b == b'/')
                        .map_or(&b""[..], |end| &at[..end]);
                    at = clean(folder, target).ok_or_else(|| {
                        let (name, target) =
                            (RawPath::new(at.clone()), RawPath::new(target.clone()));
                        let message =
                            format!("the link `{name}` leads out of the archive, to `{target}`");
                        Trouble::wrong(Rule::PathEscape, message)
                    })?;
                }
                _ => return Err(missing()),
            }
        }
        let name = oci::error::Shown::new(name);
        Err(Trouble::wrong(
            Rule::Archive,
            format!("too many links lead to `{name}`"),
        ))
    }

    /// A file of at most `limit` bytes.
    pub(crate) fn file_at(&self, name: &str, limit: u64) -> Result<Vec<u8>, Trouble> {
        let (_, size) = self.find(name)?;
        if size > limit {
            let name = oci::error::Shown::new(name);
            let message = format!("`{name}` is {size} bytes long, more than the limit of {limit}");
            return Err(Trouble::wrong(Rule::TooLarge, message));
        }
        let mut bytes = Vec::new();
        self.open_at(name)?
            .read_to_end(&mut bytes)
            .map_err(|error| environment(&error))?;
        Ok(bytes)
    }

    /// A reader of a file.
    pub(crate) fn open_at(&self, name: &str) -> Result<Part<'_>, Trouble> {
        let (offset, size) = self.find(name)?;
        let file = &self.file;
        Ok(Part {
            file,
            at: offset,
            left: size,
        })
    }

    fn name(&self, digest: &Digest) -> String {
        let usual = || format!("blobs/{}/{}", digest.algorithm().name(), digest.hex());
        self.named.get(digest).cloned().unwrap_or_else(usual)
    }
}

impl Store for Archive {
    fn roots(&self) -> &[Descriptor] {
        &self.roots
    }

    fn document(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, Trouble> {
        match self.made.get(&descriptor.digest) {
            Some(bytes) => Ok(bytes.clone()),
            None => self.file_at(&self.name(&descriptor.digest), limit),
        }
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Content<'_>, Trouble> {
        let part = self.open_at(&self.name(&descriptor.digest))?;
        Ok(Content::Bytes(Box::new(part)))
    }

    fn leftovers(&self, referred: &BTreeSet<Digest>) -> Result<Vec<Finding>, Trouble> {
        let mut findings = self.findings.clone();
        for (name, node) in &self.nodes {
            let name = String::from_utf8_lossy(name);
            let Some(blob) = name.strip_prefix("blobs/") else {
                continue;
            };
            if *node == Node::Directory {
                continue;
            }
            let whole = |message| Finding::new(Rule::Unreferenced, Place::Whole, message);
            match blob.replacen('/', ":", 1).parse::<Digest>() {
                Ok(digest) if referred.contains(&digest) => {}
                Ok(digest) => findings.push(whole(format!("nothing refers to the blob {digest}"))),
                Err(_) => {
                    let name = oci::error::Shown::new(&name);
                    findings.push(whole(format!("the file `{name}` is no blob")));
                }
            }
        }
        Ok(findings)
    }
}

/// A part of a file.
pub(crate) struct Part<'a> {
    file: &'a File,
    at: u64,
    left: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let read = self.file.read_at(&mut buffer[..wanted], self.at)?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// The name that `target` means in `folder`; none where it leads out.
fn clean(folder: &[u8], target: &[u8]) -> Option<Vec<u8>> {
    if target.starts_with(b"/") {
        return None;
    }
    let mut parts: Vec<&[u8]> = folder
        .split(|b| *b == b'/')
        .filter(|part| !part.is_empty())
        .collect();
    for part in target.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join(&b'/'))
}

fn environment(error: &io::Error) -> Trouble {
    Trouble::Environment {
        message: format!("cannot read the archive: {error}"),
        hint: None,
    }
}

#[cfg(test)]
mod tests;
