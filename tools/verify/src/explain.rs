//! Why two images differ: a tree of causes, each with the bytes concerned and the field that mends it.
//!
//! It goes from the outside in and stops where the two sides are equal: equal digests are not opened, an
//! equal diff_id leaves the compressor to blame, and only layers whose tars differ are read entry by entry;
//! where listings are given for both sides, not even those.
//!
//! Both sides are as hostile as they can be: what is read has the digest that it must have, what a config says
//! of a layer is not believed where the verdict rests on it, indexes are as deep as [`inspect::check`] has them,
//! and what is printed is bounded however much differs.
//!
//! Invariant: two images of different digests have at least one cause.

mod blob;
mod cause;
mod codec;
mod content;
mod documents;
mod layers;
mod side;
mod tar;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use inspect::{Finding, Rule, Store};
use layout::Links;
use oci::index::REF_NAME;
use oci::{Descriptor, Digest};
use registry::Access;

use crate::error::{Error, Result};
use crate::request::Source;
use crate::source::{self, Opened};

pub(crate) use cause::{Cause, Kind};
pub(crate) use side::{Image, Side};
use walk::Walk;

/// The most things that are told of an odd archive.
const ODD: usize = 20;

/// Listings by the digest of their layer, or its diff_id.
pub(crate) type Listings = BTreeMap<Digest, PathBuf>;

/// What was found of two images.
pub(crate) struct Explained {
    /// The causes; none where both are the same.
    pub(crate) causes: Vec<Cause>,
    /// Whether the content is the same: files, platform, and what a container is started with.
    pub(crate) same_content: bool,
    /// The digests of what was compared.
    pub(crate) digests: [String; 2],
}

/// Explains why two images differ.
///
/// # Errors
/// One of them cannot be read, or is not sound as far as it is read.
pub(crate) fn explain(
    sources: [&Source; 2],
    links: Links,
    access: &Access,
    listings: &Listings,
) -> Result<Explained> {
    let names = sources.map(crate::plan::shown);
    let [first, second] = sources;
    let stores = [open(first, links, access)?, open(second, links, access)?];
    let [one, two] = &stores;
    let sides = [
        Side {
            name: &names[0],
            store: one.as_ref(),
        },
        Side {
            name: &names[1],
            store: two.as_ref(),
        },
    ];
    compare(&sides, listings)
}

/// Explains why the image of a layout is not the one that a file keeps the documents of.
///
/// # Errors
/// As [`explain`].
pub(crate) fn explain_kept(
    (path, kept): (&Path, Box<dyn Store>),
    layout: &Path,
    follow_links: bool,
) -> Result<Explained> {
    let source = Source::Layout(layout.to_owned());
    let names = [path.display().to_string(), crate::plan::shown(&source)];
    let store = open(&source, source::links(follow_links), &Access::default())?;
    let sides = [
        Side {
            name: &names[0],
            store: kept.as_ref(),
        },
        Side {
            name: &names[1],
            store: store.as_ref(),
        },
    ];
    compare(&sides, &Listings::new())
}

/// Opens an image. An archive that two readers may read in two ways is none.
///
/// # Errors
/// It is not there, or no image; the machine, a registry.
pub(crate) fn open(source: &Source, links: Links, access: &Access) -> Result<Box<dyn Store>> {
    let unsound = |findings: &[Finding]| Error::Unsound {
        image: crate::plan::shown(source),
        findings: findings
            .iter()
            .map(|finding| crate::error::told(finding.rule, &finding.to_string()))
            .collect(),
    };
    let store = match source::open(source, links, access)? {
        Opened::Store(store) => store,
        Opened::Wrong(finding) => return Err(unsound(&[finding])),
    };
    if matches!(source, Source::Archive(_)) {
        let found = store.leftovers(&BTreeSet::new());
        let mut found =
            found.map_err(|trouble| Error::trouble(&crate::plan::shown(source), trouble))?;
        found.retain(|finding| matches!(finding.rule, Rule::Archive | Rule::PathEscape));
        found.truncate(ODD);
        if !found.is_empty() {
            return Err(unsound(&found));
        }
    }
    Ok(store)
}

fn compare(sides: &[Side<'_>; 2], listings: &Listings) -> Result<Explained> {
    let [one, two] = sides;
    let mut causes = Vec::new();
    // What is had by its digest has no tag, and is no other image for that.
    let tagged = [tags(one), tags(two)];
    if tagged.iter().all(|tags| !tags.is_empty()) && tagged[0] != tagged[1] {
        let [first, second] = tagged.map(|tags| format!("[{}]", tags.join(", ")));
        causes.push(Cause::new(Kind::LayoutTags, "").between(first, second));
    }
    let (first, second) = (one.root()?, two.root()?);
    let digests = [first.digest.to_string(), second.digest.to_string()];
    let mut same_content = true;
    if first.digest != second.digest {
        let mut walk = Walk::new(sides, listings);
        causes.extend(walk.node(&first, &second, 0)?);
        same_content = walk.same_content;
    }
    same_content &= causes.iter().all(Cause::keeps_content);
    Ok(Explained {
        causes,
        same_content,
        digests,
    })
}

fn tags(side: &Side<'_>) -> Vec<String> {
    let tag = |root: &Descriptor| root.annotations.get(REF_NAME).cloned();
    let mut tags: Vec<String> = side.store.roots().iter().filter_map(tag).collect();
    tags.sort();
    tags
}
