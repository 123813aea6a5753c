//! One layer: its bytes, what they unpack to, and every entry of that.
//!
//! A layer is read once, from its first byte to its last, whatever is wrong with it.

use std::collections::BTreeMap;
use std::io::{self, Read};

use oci::media_type::Compression;
use oci::{Algorithm, Descriptor, Digest, RawPath};
use ustar::Type;

use super::name;
use crate::store::Trouble;
use crate::tape::{Entry, Fault, Stream, Tape};
use crate::unpack::{self, Tee};
use crate::{Finding, Place, Rule};

/// A name that begins so is no file's (image specification, layer.md, "Whiteouts").
const WHITEOUT: &[u8] = b".wh.";

/// The most findings of one rule in one layer that are told one by one.
const TOLD: usize = 20;

/// How much a layer may unpack to: so many times its size, and so many bytes more.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Times its size.
    pub ratio: u64,
    /// Bytes more.
    pub slack: u64,
}

impl Default for Limit {
    fn default() -> Self {
        Limit {
            ratio: 1000,
            slack: 1 << 30,
        }
    }
}

/// What a layer is compared with.
pub(crate) struct Wanted<'a> {
    pub(crate) descriptor: &'a Descriptor,
    pub(crate) diff_id: Option<Digest>,
    pub(crate) compression: Compression,
    pub(crate) lowest: bool,
    pub(crate) limit: Limit,
}

/// What a layer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerFacts {
    /// The digest of the tar.
    pub diff_id: Digest,
    /// The bytes of the tar.
    pub unpacked_size: u64,
    /// How many entries it has.
    pub entries: u64,
}

/// Compares the bytes of a blob that is not unpacked.
pub(crate) fn plain(
    reader: impl Read,
    descriptor: &Descriptor,
    place: &Place,
    findings: &mut Vec<Finding>,
) -> Result<(), Trouble> {
    let mut tee = Tee::new(reader, descriptor.digest.algorithm());
    tee.drain().map_err(environment)?;
    outer(tee, descriptor, place, findings);
    Ok(())
}

/// Whether the bytes are those of the descriptor.
fn outer(
    tee: Tee<impl Read>,
    descriptor: &Descriptor,
    place: &Place,
    findings: &mut Vec<Finding>,
) -> bool {
    let size = tee.length();
    let digest = tee.finish();
    let before = findings.len();
    if size != descriptor.size {
        let message = format!(
            "it is {size} bytes long, its descriptor says {}",
            descriptor.size
        );
        findings.push(Finding::new(Rule::Size, place.clone(), message));
    }
    if digest != descriptor.digest {
        let message = format!("its bytes have the digest {digest}");
        findings.push(Finding::new(Rule::Digest, place.clone(), message));
    }
    findings.len() == before
}

/// Reads a layer. What it unpacks to says nothing where its bytes are not those that were meant.
pub(crate) fn check(
    reader: impl Read,
    wanted: &Wanted<'_>,
    place: &Place,
    findings: &mut Vec<Finding>,
) -> Result<Option<LayerFacts>, Trouble> {
    let descriptor = wanted.descriptor;
    let limit = descriptor
        .size
        .saturating_mul(wanted.limit.ratio)
        .saturating_add(wanted.limit.slack);
    let mut tee = Tee::new(reader, descriptor.digest.algorithm());
    let (inside, facts) = inside(&mut tee, wanted, place, limit)?;
    tee.drain().map_err(environment)?;
    let first = tee.first().to_vec();
    if !outer(tee, descriptor, place, findings) {
        return Ok(None);
    }
    let found = unpack::sniff(&first);
    if found != wanted.compression && !(first.is_empty() && wanted.compression == Compression::None)
    {
        let message = format!(
            "it is {}, and its media type is {}",
            name(found),
            descriptor.media_type
        );
        findings.push(Finding::new(Rule::MediaType, place.clone(), message));
        return Ok(None);
    }
    findings.extend(inside);
    Ok(facts)
}

fn inside(
    tee: &mut Tee<impl Read>,
    wanted: &Wanted<'_>,
    place: &Place,
    limit: u64,
) -> Result<(Vec<Finding>, Option<LayerFacts>), Trouble> {
    let mut entries = Entries::new(place.clone(), wanted.lowest);
    let algorithm = wanted
        .diff_id
        .map_or(Algorithm::Sha256, |diff_id| diff_id.algorithm());
    // What the decoder cannot read is the layer's fault, and what the machine cannot read is not.
    let mut marked = Marked {
        inner: tee,
        failed: false,
    };
    let result = (|| {
        let unpacked = unpack::unpack(&mut marked, wanted.compression)?;
        let mut unpacked = Tee::new(unpacked.take(limit.saturating_add(1)), algorithm);
        entries.read(Tape::new(Stream(&mut unpacked)));
        unpacked.drain()?;
        let size = unpacked.length();
        Ok::<_, io::Error>((size, unpacked.finish()))
    })();
    let failed = marked.failed;
    let mut findings = entries.findings;
    let whole = |rule, message: String| Finding::new(rule, place.clone(), message);
    match result {
        Err(error) if failed => return Err(environment(error)),
        Err(error) => {
            // The entries up to there are not the layer's.
            findings.clear();
            let error = oci::error::Shown::new(error.to_string());
            findings.push(whole(Rule::Unpack, format!("it does not unpack: {error}")));
        }
        Ok((size, _)) if size > limit => {
            findings.clear();
            findings.push(whole(
                Rule::Bomb,
                format!("it unpacks to more than {limit} bytes"),
            ));
        }
        Ok((size, diff_id)) => {
            if wanted.diff_id.is_some_and(|wanted| wanted != diff_id) {
                let message = format!("it unpacks to {diff_id}, and its diff_id says otherwise");
                findings.push(whole(Rule::DiffId, message));
            }
            let facts = LayerFacts {
                diff_id,
                unpacked_size: size,
                entries: entries.count,
            };
            return Ok((findings, Some(facts)));
        }
    }
    Ok((findings, None))
}

fn environment(error: io::Error) -> Trouble {
    Trouble::Environment {
        message: format!("cannot read a blob: {error}"),
        hint: None,
    }
}

/// Remembers whether the reader below failed.
struct Marked<R> {
    inner: R,
    failed: bool,
}

impl<R: Read> Read for Marked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        self.failed |= read.is_err();
        read
    }
}

/// What a path of the layer is, as far as other paths need to know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
    Link,
    Other,
}

struct Entries {
    place: Place,
    lowest: bool,
    count: u64,
    seen: BTreeMap<Vec<u8>, Kind>,
    told: BTreeMap<Rule, usize>,
    findings: Vec<Finding>,
}

impl Entries {
    fn new(place: Place, lowest: bool) -> Self {
        Entries {
            place,
            lowest,
            count: 0,
            seen: BTreeMap::new(),
            told: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    fn note(&mut self, rule: Rule, at: Option<&RawPath>, message: String) {
        let told = self.told.entry(rule).or_insert(0);
        *told += 1;
        if *told > TOLD {
            return;
        }
        let message = match *told == TOLD {
            true => format!("{message}; and more of this kind"),
            false => message,
        };
        self.findings.push(Finding {
            rule,
            place: self.place.clone(),
            at: at.map(ToString::to_string),
            message,
        });
    }

    fn read(&mut self, mut tape: Tape<impl crate::tape::Input>) {
        loop {
            match tape.entry() {
                Ok(Some(entry)) => {
                    if tape.odd_padding() {
                        self.note(
                            Rule::TarEnd,
                            None,
                            "padding between entries is not zero".into(),
                        );
                    }
                    self.entry(&entry);
                }
                Ok(None) => break,
                // The decoder below tells what happened to it.
                Err(Fault::Io(_)) => return,
                Err(fault) => {
                    self.note(Rule::Tar, None, format!("it is no tar: {fault}"));
                    return;
                }
            }
        }
        match tape.finish() {
            Ok(end) if end.other_bytes > 0 => {
                let message = format!("{} bytes follow the end of the tar", end.other_bytes);
                self.note(Rule::TarEnd, None, message);
            }
            Ok(end) if end.zero_blocks < 2 => {
                self.note(
                    Rule::TarEnd,
                    None,
                    "the tar ends with one block of zeros".into(),
                );
            }
            _ => {}
        }
    }

    fn entry(&mut self, entry: &Entry) {
        self.count += 1;
        let shown = RawPath::new(entry.path.clone());
        let about = Some(&shown);
        let parts = parts(&entry.path);
        if entry.path.starts_with(b"/") {
            self.note(
                Rule::PathEscape,
                about,
                format!("the path `{shown}` is absolute"),
            );
        }
        if parts.contains(&&b".."[..]) {
            self.note(
                Rule::PathEscape,
                about,
                format!("the path `{shown}` has the part `..`"),
            );
        }
        if entry.path.contains(&0) {
            self.note(
                Rule::PathEscape,
                about,
                format!("the path `{shown}` has a NUL byte"),
            );
        }
        if entry.path.is_empty() {
            self.note(Rule::Tar, about, "an entry has no path".into());
        }
        let kind = match entry.kind() {
            Some(Type::File | Type::Hardlink) => Kind::File,
            Some(Type::Directory) => Kind::Directory,
            Some(Type::Symlink) => Kind::Link,
            Some(_) => Kind::Other,
            None => {
                let flag = char::from(entry.flag).escape_default().to_string();
                self.note(
                    Rule::EntryType,
                    about,
                    format!("the entry `{shown}` has the type `{flag}`"),
                );
                Kind::Other
            }
        };
        if entry
            .records
            .keys()
            .any(|key| key.starts_with(b"GNU.sparse."))
        {
            self.note(
                Rule::EntryType,
                about,
                format!("the file `{shown}` is sparse, in GNU's form"),
            );
        }
        self.whiteout(entry, &parts, &shown);
        if entry.kind() == Some(Type::Hardlink) {
            self.hardlink(entry, &shown);
        }
        self.above(&parts, &shown);
        let key = parts.join(&b'/');
        match self.seen.get(&key) {
            // The root may come as `.` and as `./`, and means nothing by it.
            None => _ = self.seen.insert(key, kind),
            Some(_) => self.note(
                Rule::DuplicatePath,
                about,
                format!("the path `{shown}` comes twice"),
            ),
        }
    }

    /// What the path lies below must be a directory, where the layer says what it is.
    fn above(&mut self, parts: &[&[u8]], shown: &RawPath) {
        for end in 1..parts.len() {
            let parent = parts[..end].join(&b'/');
            let (rule, what) = match self.seen.get(&parent) {
                None | Some(Kind::Directory) => continue,
                Some(Kind::Link) => (Rule::PathThroughLink, "is a symbolic link"),
                Some(_) => (Rule::PathBelowFile, "is no directory"),
            };
            let parent = RawPath::new(parent);
            self.note(
                rule,
                Some(shown),
                format!("the path `{shown}` lies below `{parent}`, which {what}"),
            );
            return;
        }
    }

    fn whiteout(&mut self, entry: &Entry, parts: &[&[u8]], shown: &RawPath) {
        let Some((last, above)) = parts.split_last() else {
            return;
        };
        if above.iter().any(|part| part.starts_with(WHITEOUT)) {
            let message = format!("the path `{shown}` lies below a whiteout");
            self.note(Rule::Whiteout, Some(shown), message);
        }
        let Some(hidden) = last.strip_prefix(WHITEOUT) else {
            return;
        };
        let opaque = hidden == b".wh..opq";
        let message = match entry.kind() {
            _ if hidden.is_empty() || hidden == b"." || hidden == b".." => {
                Some(format!("the whiteout `{shown}` hides nothing that can be"))
            }
            _ if hidden.starts_with(WHITEOUT) && !opaque => {
                Some(format!("the name `{shown}` is aufs's own, and no whiteout"))
            }
            Some(Type::File) if entry.size == 0 => None,
            Some(Type::File) => Some(format!("the whiteout `{shown}` has content")),
            _ => Some(format!("the whiteout `{shown}` is no regular file")),
        };
        if let Some(message) = message {
            self.note(Rule::Whiteout, Some(shown), message);
        } else if self.lowest {
            let message = format!("the whiteout `{shown}` is in the lowest layer");
            self.note(Rule::WhiteoutOfNothing, Some(shown), message);
        }
    }

    fn hardlink(&mut self, entry: &Entry, shown: &RawPath) {
        let target = RawPath::new(entry.link.clone());
        let steps = parts(&entry.link);
        let message = if entry.link.starts_with(b"/") {
            // Docker writes them so, and readers resolve them from the root.
            None
        } else if steps.contains(&&b".."[..]) {
            Some(format!(
                "the hard link `{shown}` leads to `{target}`, which has the part `..`"
            ))
        } else {
            None
        };
        let message = message.or_else(|| match self.seen.get(&steps.join(&b'/')) {
            Some(Kind::File | Kind::Link | Kind::Other) => None,
            Some(Kind::Directory) => Some(format!(
                "the hard link `{shown}` leads to the directory `{target}`"
            )),
            None => Some(format!(
                "the hard link `{shown}` leads to `{target}`, which does not come before it"
            )),
        });
        if let Some(message) = message {
            self.note(Rule::Hardlink, Some(shown), message);
        }
    }
}

/// The parts of a path that name something.
fn parts(path: &[u8]) -> Vec<&[u8]> {
    path.split(|b| *b == b'/')
        .filter(|part| !matches!(*part, b"" | b"."))
        .collect()
}

#[cfg(test)]
mod tests;
