//! Layers: which are new, which have moved, and what makes two of them differ.

use std::cell::RefCell;
use std::collections::BTreeSet;

use inspect::listing::Line;
use inspect::{Rule, Trouble};
use oci::media_type::Kind as MediaKind;
use oci::{Descriptor, Digest};

use super::blob::Blob;
use super::{Cause, Image, Kind, Listings, Side, codec, content, tar};
use crate::error::Result;
use crate::tree::{self, Tree};

/// The most layers that are compared; runtimes take 127.
const LAYERS: usize = 1000;

/// The annotation of an artifact's blob that names it.
const TITLE: &str = "org.opencontainers.image.title";

/// One layer with its diff_id, where the config tells it.
struct Layer<'a> {
    descriptor: &'a Descriptor,
    diff_id: Option<Digest>,
}

impl Layer<'_> {
    /// Whether two layers unpack to the same.
    fn is_same_tar(&self, other: &Layer<'_>) -> bool {
        self.descriptor.digest == other.descriptor.digest
            || self.diff_id.is_some() && self.diff_id == other.diff_id
    }
}

fn layers(image: &Image) -> Vec<Layer<'_>> {
    let diff_ids = image
        .config
        .as_ref()
        .and_then(|config| config.diff_ids().ok())
        .unwrap_or_default();
    let layers = image.manifest.layers.iter().enumerate();
    layers
        .map(|(at, descriptor)| Layer {
            descriptor,
            diff_id: diff_ids.get(at).copied(),
        })
        .collect()
}

/// Compares the layers of two images, and says whether a container sees the same files.
///
/// # Errors
/// A layer that is damaged, or cannot be read.
pub(super) fn compare(
    sides: &[Side<'_>; 2],
    images: [&Image; 2],
    listings: &Listings,
) -> Result<(Vec<Cause>, bool)> {
    let [one, two] = images.map(layers);
    for (side, layers) in sides.iter().zip([&one, &two]) {
        if layers.len() > LAYERS {
            let message = format!(
                "it has {} layers, and {LAYERS} are compared at most",
                layers.len()
            );
            return Err(side.trouble(Trouble::wrong(Rule::ManyLayers, message)));
        }
    }
    let mut causes = Vec::new();
    let look = Look {
        sides,
        listings,
        seen: RefCell::default(),
    };
    let pairs = align(&one, &two);
    let mut tars_differ = false;
    let mut moved = Vec::new();
    let mut unread = false;
    for pair in &pairs {
        let name = |at: usize, of: usize| format!("{} of {of}", at + 1);
        match *pair {
            (Some(a), Some(b)) => {
                let (first, second) = (&one[a], &two[b]);
                moved.push(b);
                tars_differ |= !first.is_same_tar(second);
                if let Some(cause) = look.layer(first, second, &name(a, one.len()))? {
                    unread |= cause
                        .causes
                        .iter()
                        .any(|cause| cause.cause == Kind::LayerUnread.id());
                    causes.push(cause);
                }
            }
            (Some(a), None) => {
                tars_differ = true;
                let layer = one[a].descriptor;
                causes.push(
                    Cause::new(Kind::LayersRemoved, name(a, one.len()))
                        .between(layer.digest, "nothing")
                        .of(layer.size),
                );
            }
            (None, Some(b)) => {
                tars_differ = true;
                let layer = two[b].descriptor;
                causes.push(
                    Cause::new(Kind::LayersAdded, name(b, two.len()))
                        .between("nothing", layer.digest)
                        .of(layer.size),
                );
            }
            (None, None) => {}
        }
    }
    if !moved.is_sorted() {
        tars_differ = true;
        let list = |layers: &[Layer<'_>]| {
            let short = |layer: &Layer<'_>| layer.descriptor.digest.hex()[..12].to_owned();
            format!(
                "[{}]",
                layers.iter().map(short).collect::<Vec<_>>().join(", ")
            )
        };
        causes.push(Cause::new(Kind::LayersOrder, "").between(list(&one), list(&two)));
    }
    let same_files = !tars_differ || !unread && look.same_files(&one, &two)?;
    Ok((causes, same_files))
}

/// Which layer is compared with which: those that unpack to the same first, wherever they are; what is left
/// in its order.
fn align(one: &[Layer<'_>], two: &[Layer<'_>]) -> Vec<(Option<usize>, Option<usize>)> {
    let mut free: BTreeSet<usize> = (0..two.len()).collect();
    let mut partner: Vec<Option<usize>> = Vec::new();
    for layer in one {
        let found = free.iter().copied().find(|at| layer.is_same_tar(&two[*at]));
        if let Some(at) = found {
            free.remove(&at);
        }
        partner.push(found);
    }
    // Layers without a partner are taken for one another only between the same neighbours.
    let mut low = 0;
    for at in 0..partner.len() {
        if let Some(found) = partner[at] {
            low = found + 1;
            continue;
        }
        let high = partner[at..]
            .iter()
            .flatten()
            .copied()
            .find(|found| *found >= low)
            .unwrap_or(two.len());
        if let Some(found) = free.range(low..high).next().copied() {
            free.remove(&found);
            partner[at] = Some(found);
            low = found + 1;
        }
    }
    let mut pairs: Vec<(Option<usize>, Option<usize>)> = partner
        .iter()
        .enumerate()
        .map(|(at, found)| (Some(at), *found))
        .collect();
    pairs.extend(free.into_iter().map(|at| (None, Some(at))));
    pairs
}

/// Nobody has one of the two.
fn unread(a: &Descriptor, b: &Descriptor) -> Cause {
    Cause::new(Kind::LayerUnread, "")
        .between(a.digest, b.digest)
        .of(a.size.max(b.size))
}

struct Look<'a> {
    sides: &'a [Side<'a>; 2],
    listings: &'a Listings,
    /// Pairs of blobs that were compared: the same two may come again.
    seen: RefCell<BTreeSet<(Digest, Digest)>>,
}

/// Whether it is a layer of files, and no blob of an artifact.
fn is_files(descriptor: &Descriptor) -> bool {
    matches!(descriptor.media_type.kind(), Some(MediaKind::Layer { .. }))
}

impl Look<'_> {
    fn layer(&self, first: &Layer<'_>, second: &Layer<'_>, name: &str) -> Result<Option<Cause>> {
        let (a, b) = (first.descriptor, second.descriptor);
        let mut causes = Vec::new();
        let text = |one: &Descriptor, key: &str| match one.to_value().get(key) {
            Some(value) => value.to_string(),
            None => "nothing".to_owned(),
        };
        if a.annotations != b.annotations {
            let kind = Kind::LayerAnnotations;
            causes
                .push(Cause::new(kind, "").between(text(a, "annotations"), text(b, "annotations")));
        }
        for key in ["urls", "data", "artifactType", "platform"] {
            if text(a, key) != text(b, key) {
                let at = format!("`{key}`");
                causes.push(Cause::new(Kind::LayerOther, at).between(text(a, key), text(b, key)));
            }
        }
        // The same blob cannot unpack to two things: one of the configs says what is not so.
        if a.digest == b.digest && first.diff_id != second.diff_id {
            let text = |layer: &Layer<'_>| {
                layer
                    .diff_id
                    .map_or("nothing".to_owned(), |id| id.to_string())
            };
            causes.push(Cause::new(Kind::ConfigDiffIds, "").between(text(first), text(second)));
        }
        if a.digest != b.digest {
            match self.seen.borrow_mut().insert((a.digest, b.digest)) {
                true => causes.extend(self.blobs(first, second)?),
                false => {
                    return Ok(Some(
                        Cause::new(Kind::Layer, name).between(a.digest, b.digest),
                    ));
                }
            }
        } else if a.media_type != b.media_type {
            causes.push(Cause::new(Kind::LayerMediaType, "").between(&a.media_type, &b.media_type));
        }
        Ok(match causes.is_empty() {
            true => None,
            false => Some(Cause::new(Kind::Layer, name).because(causes)),
        })
    }

    fn blobs(&self, first: &Layer<'_>, second: &Layer<'_>) -> Result<Vec<Cause>> {
        let (a, b) = (first.descriptor, second.descriptor);
        let mut causes = Vec::new();
        let listed = self.listing(first)?.zip(self.listing(second)?);
        let same_tar = first.is_same_tar(second);
        if !same_tar && let Some((one, two)) = listed {
            let (found, changed) =
                tar::compare(&tar::Contents::listed(one), &tar::Contents::listed(two));
            causes.extend(found);
            causes.extend(tar::told(&changed, &mut |_| None));
            if causes.is_empty() {
                let form = "listings of both sides say the same";
                causes.push(Cause::new(Kind::TarHeader, form).of(a.size.max(b.size)));
            }
            return Ok(causes);
        }
        if !is_files(a) || !is_files(b) {
            return self.artifacts(a, b);
        }
        let [left, right] = [self.blob(0, a), self.blob(1, b)];
        let (Some(one), Some(two)) = (left.shape()?, right.shape()?) else {
            return Ok(vec![unread(a, b)]);
        };
        if a.media_type.family() != b.media_type.family() {
            causes.push(Cause::new(Kind::LayerMediaType, "").between(&a.media_type, &b.media_type));
        }
        let compression = codec::compare(&one, &two);
        if same_tar {
            // Two configs say so, and nobody is believed.
            self.unpacks_to(&left, 0, first)?;
            self.unpacks_to(&right, 1, second)?;
            causes.extend(compression);
            return Ok(causes);
        }
        // Other tars have other blocks: only what does not follow from that is a cause.
        let own = [Kind::CompressorAlgorithm.id(), Kind::CompressorHeader.id()];
        causes.extend(
            compression
                .into_iter()
                .filter(|cause| own.contains(&cause.cause)),
        );
        let (Some(one), Some(two)) = (left.tar()?, right.tar()?) else {
            return Ok(causes);
        };
        let (found, changed) = tar::compare(&one, &two);
        let alike = found.is_empty() && changed.is_empty();
        causes.extend(found);
        let small: Vec<_> = changed
            .iter()
            .filter(|one| one.sizes.iter().all(|size| *size <= content::LIMIT))
            .take(super::cause::TOLD)
            .map(|one| one.path.clone())
            .collect();
        let texts = match small.is_empty() {
            true => [Default::default(), Default::default()],
            false => [left.texts(&small)?, right.texts(&small)?],
        };
        let mut lines = |one: &tar::Changed| {
            content::difference(texts[0].get(&one.path)?, texts[1].get(&one.path)?)
        };
        causes.extend(tar::told(&changed, &mut lines));
        if alike {
            causes.push(Cause::new(Kind::TarHeader, "").of(a.size.max(b.size)));
        }
        Ok(causes)
    }

    /// The listing of a layer, where one is given.
    fn listing(&self, layer: &Layer<'_>) -> Result<Option<Vec<Line>>> {
        let by_diff_id = layer
            .diff_id
            .and_then(|diff_id| self.listings.get(&diff_id));
        match self.listings.get(&layer.descriptor.digest).or(by_diff_id) {
            Some(path) => tree::read(path).map(Some),
            None => Ok(None),
        }
    }

    fn blob<'b>(&'b self, side: usize, descriptor: &'b Descriptor) -> Blob<'b> {
        Blob {
            side: &self.sides[side],
            descriptor,
        }
    }

    /// Whether a layer is what its config says that it unpacks to.
    fn unpacks_to(&self, blob: &Blob<'_>, side: usize, layer: &Layer<'_>) -> Result<()> {
        let Some(wanted) = layer.diff_id else {
            return Ok(());
        };
        match blob.diff_id(wanted.algorithm())? {
            Some(found) if found != wanted => {
                let digest = layer.descriptor.digest;
                let message = format!(
                    "the blob {digest}: it unpacks to {found}, and its diff_id says {wanted}"
                );
                Err(self.sides[side].trouble(Trouble::wrong(Rule::DiffId, message)))
            }
            _ => Ok(()),
        }
    }

    /// Two blobs that are no layers of files: as they are.
    fn artifacts(&self, a: &Descriptor, b: &Descriptor) -> Result<Vec<Cause>> {
        let mut causes = Vec::new();
        if a.media_type != b.media_type {
            causes.push(Cause::new(Kind::LayerMediaType, "").between(&a.media_type, &b.media_type));
        }
        let (Some(one), Some(two)) = (self.blob(0, a).small()?, self.blob(1, b).small()?) else {
            causes.push(unread(a, b));
            return Ok(causes);
        };
        let lines = one
            .zip(two)
            .and_then(|(one, two)| content::difference(&one, &two));
        let kind = match lines {
            Some(_) => Kind::ContentText,
            None => Kind::ContentBytes,
        };
        let title = a
            .annotations
            .get(TITLE)
            .filter(|title| b.annotations.get(TITLE) == Some(title));
        let title = title.map_or(String::new(), |title| {
            format!("`{}`", oci::error::Shown::new(title))
        });
        let text = |one: &Descriptor| {
            format!(
                "{} bytes, {} {}",
                one.size,
                one.digest.algorithm().name(),
                &one.digest.hex()[..12]
            )
        };
        let mut cause = Cause::new(kind, title)
            .between(text(a), text(b))
            .of(a.size.max(b.size));
        cause.lines = lines.unwrap_or_default();
        causes.push(cause);
        Ok(causes)
    }

    /// Whether a container sees the same files, whatever the layers are that they come in.
    fn same_files(&self, one: &[Layer<'_>], two: &[Layer<'_>]) -> Result<bool> {
        if !one
            .iter()
            .chain(two)
            .all(|layer| is_files(layer.descriptor))
        {
            // An artifact is the blobs that it has.
            let blob =
                |layer: &Layer<'_>| (layer.descriptor.digest, layer.descriptor.media_type.clone());
            return Ok(one.iter().map(blob).eq(two.iter().map(blob)));
        }
        let (Some(one), Some(two)) = (self.files(0, one)?, self.files(1, two)?) else {
            return Ok(false);
        };
        Ok(one == two)
    }

    /// All files, without what is not content: times, owners' names, who an ELF file is for.
    fn files(&self, side: usize, layers: &[Layer<'_>]) -> Result<Option<Tree>> {
        let mut all = Tree::new();
        for layer in layers {
            let lines = match self.listing(layer)? {
                Some(lines) => lines,
                None => match self.blob(side, layer.descriptor).tar()? {
                    Some(tar) => tar.lines(),
                    None => return Ok(None),
                },
            };
            tree::lay(&mut all, lines);
        }
        for line in all.values_mut() {
            (line.mtime, line.mtime_nanoseconds, line.elf) = (0, 0, None);
            (line.uname, line.gname) = (String::new(), String::new());
        }
        Ok(Some(all))
    }
}
