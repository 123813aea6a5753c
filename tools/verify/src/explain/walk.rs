//! From an index down to the layers of its images, both sides at once.
//!
//! A pair of documents is compared once, wherever it comes again: what an index lists is a graph, and its paths
//! may be many more than its nodes.

use std::collections::{BTreeMap, BTreeSet};

use inspect::check::DEPTH;
use inspect::{Rule, Trouble};
use oci::index::is_attestation;
use oci::{Descriptor, Digest, Index};

use super::{Cause, Kind, Listings, Side, cause, documents, layers};
use crate::error::Result;

/// The annotation of an attestation in an index: the digest of the image that it is about.
const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

pub(super) struct Walk<'a> {
    sides: &'a [Side<'a>; 2],
    listings: &'a Listings,
    /// Whether a container sees the same of all images that have been compared.
    pub(super) same_content: bool,
    seen: BTreeSet<(Digest, Digest)>,
}

/// What an entry of an index is for: its platform, or that it is none.
fn key(child: &Descriptor, platforms: &BTreeMap<String, String>) -> String {
    if is_attestation(child) {
        let of = child.annotations.get(REFERENCE_DIGEST);
        let of = of.and_then(|digest| platforms.get(digest));
        return match of {
            Some(platform) => format!("attestation of {platform}"),
            None => "attestation".to_owned(),
        };
    }
    match &child.platform {
        Some(platform) => platform.normalized().to_string(),
        None => "no platform".to_owned(),
    }
}

/// What each entry of an index is for.
fn keys(index: &Index) -> Vec<String> {
    let named = |child: &Descriptor| {
        Some((
            child.digest.to_string(),
            child.platform.as_ref()?.normalized().to_string(),
        ))
    };
    let platforms = index.manifests.iter().filter_map(named).collect();
    index
        .manifests
        .iter()
        .map(|child| key(child, &platforms))
        .collect()
}

/// Entries of an index that have no partner yet, by what they are found by, each list from its end.
struct Free<'a> {
    taken: Vec<bool>,
    both: BTreeMap<(&'a str, Digest), Vec<usize>>,
    by_key: BTreeMap<&'a str, Vec<usize>>,
    by_digest: BTreeMap<Digest, Vec<usize>>,
}

impl<'a> Free<'a> {
    fn new(index: &Index, keys: &'a [String]) -> Self {
        let mut free = Free {
            taken: vec![false; keys.len()],
            both: BTreeMap::new(),
            by_key: BTreeMap::new(),
            by_digest: BTreeMap::new(),
        };
        for (at, (child, key)) in index.manifests.iter().zip(keys).enumerate().rev() {
            free.both
                .entry((key.as_str(), child.digest))
                .or_default()
                .push(at);
            free.by_key.entry(key).or_default().push(at);
            free.by_digest.entry(child.digest).or_default().push(at);
        }
        free
    }

    /// The partner of a child: the same image for the same platform first, then what is for the same platform. An image
    /// that is listed for another platform is the same image all the same.
    fn partner(&mut self, child: &Descriptor, key: &'a str) -> Option<usize> {
        let lists = [
            self.both.get_mut(&(key, child.digest)),
            self.by_key.get_mut(key),
            self.by_digest.get_mut(&child.digest),
        ];
        for list in lists.into_iter().flatten() {
            while let Some(at) = list.pop() {
                if !std::mem::replace(&mut self.taken[at], true) {
                    return Some(at);
                }
            }
        }
        None
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(sides: &'a [Side<'a>; 2], listings: &'a Listings) -> Self {
        Walk {
            sides,
            listings,
            same_content: true,
            seen: BTreeSet::new(),
        }
    }

    /// What makes two different images or indexes differ.
    ///
    /// # Errors
    /// One of them is not sound as far as it is read, or cannot be read.
    pub(super) fn node(
        &mut self,
        first: &Descriptor,
        second: &Descriptor,
        depth: usize,
    ) -> Result<Vec<Cause>> {
        if depth > DEPTH {
            let message = format!("indexes are nested deeper than {DEPTH} levels");
            return Err(self.sides[0].trouble(Trouble::wrong(Rule::Nesting, message)));
        }
        if !self.seen.insert((first.digest, second.digest)) {
            return Ok(Vec::new());
        }
        match (first.media_type.is_index(), second.media_type.is_index()) {
            (true, true) => self.indexes(first, second, depth),
            (false, false) => self.images(first, second),
            (is_index, _) => {
                let word = |is: bool| if is { "an index" } else { "an image" };
                let mut cause =
                    Cause::new(Kind::IndexOrImage, "").between(word(is_index), word(!is_index));
                // An index of one image, and that image alone.
                let [one, two] = self.sides;
                let (side, index, image) = match is_index {
                    true => (one, first, second),
                    false => (two, second, first),
                };
                let (inside, _) = side.index(index)?;
                let images: Vec<&Descriptor> = inside
                    .manifests
                    .iter()
                    .filter(|one| !is_attestation(one))
                    .collect();
                let [only] = images.as_slice() else {
                    self.same_content = false;
                    return Ok(vec![cause]);
                };
                if only.digest != image.digest {
                    cause.causes = match is_index {
                        true => self.node(only, image, depth + 1)?,
                        false => self.node(image, only, depth + 1)?,
                    };
                }
                Ok(vec![cause])
            }
        }
    }

    fn indexes(
        &mut self,
        first: &Descriptor,
        second: &Descriptor,
        depth: usize,
    ) -> Result<Vec<Cause>> {
        let [one, two] = self.sides;
        let ((a, a_bytes), (b, b_bytes)) = (one.index(first)?, two.index(second)?);
        let mut causes = documents::indexes(&a, &b);
        let (a_keys, b_keys) = (keys(&a), keys(&b));
        let mut free = Free::new(&b, &b_keys);
        let mut order = Vec::new();
        for (child, name) in a.manifests.iter().zip(&a_keys) {
            let Some(at) = free.partner(child, name) else {
                let kind = match is_attestation(child) {
                    true => Kind::AttestationRemoved,
                    false => Kind::PlatformRemoved,
                };
                causes.push(Cause::new(kind, name).between(child.digest, "nothing"));
                continue;
            };
            order.push(at);
            let other = &b.manifests[at];
            let inside = self.pair(child, other, depth)?;
            if !inside.is_empty() || child.digest != other.digest {
                let kind = match is_attestation(child) && is_attestation(other) {
                    true => Kind::Attestation,
                    false => Kind::Image,
                };
                let cause = Cause::new(kind, name);
                causes.push(match inside.is_empty() {
                    // The same two were compared further up.
                    true => cause.between(child.digest, other.digest),
                    false => cause.because(inside),
                });
            }
        }
        for (at, other) in b.manifests.iter().enumerate() {
            if !free.taken[at] {
                let kind = match is_attestation(other) {
                    true => Kind::AttestationAdded,
                    false => Kind::PlatformAdded,
                };
                causes.push(Cause::new(kind, &b_keys[at]).between("nothing", other.digest));
            }
        }
        if !order.is_sorted() {
            let list = |keys: &[String]| format!("[{}]", keys.join(", "));
            causes.push(Cause::new(Kind::IndexOrder, "").between(list(&a_keys), list(&b_keys)));
        }
        if causes.is_empty() {
            causes.push(documents::form("index", &a_bytes, &b_bytes));
        }
        Ok(cause::bounded(causes))
    }

    /// Two entries of indexes that are for the same.
    fn pair(&mut self, child: &Descriptor, other: &Descriptor, depth: usize) -> Result<Vec<Cause>> {
        let mut inside = documents::descriptors(child, other);
        if child.digest != other.digest {
            let same_content = self.same_content;
            inside.extend(self.node(child, other, depth + 1)?);
            // No container sees what an attestation says.
            if is_attestation(child) && is_attestation(other) {
                self.same_content = same_content;
            }
        }
        Ok(inside)
    }

    fn images(&mut self, first: &Descriptor, second: &Descriptor) -> Result<Vec<Cause>> {
        let [one, two] = self.sides;
        let (a, b) = (one.image(first)?, two.image(second)?);
        let mut causes = documents::manifests(&a.manifest, &b.manifest);
        if a.manifest.config.digest != b.manifest.config.digest {
            causes.extend(documents::configs(&a, &b));
        }
        let (layers, same_files) = layers::compare(self.sides, [&a, &b], self.listings)?;
        causes.extend(layers);
        self.same_content &= same_files;
        if causes.is_empty() {
            causes.push(documents::form(
                "manifest",
                &a.manifest_bytes,
                &b.manifest_bytes,
            ));
        }
        Ok(cause::bounded(causes))
    }
}
