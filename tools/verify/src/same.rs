//! Whether two files, or two layouts, are the same.
//!
//! Layouts are the same where they list the same images under the same tags: a sparse layout is the same as
//! a whole one. Bytes of blobs are not read for that; that they are what they are called is the check
//! `image`.

use std::path::Path;

use inspect::{Directory, Store};
use layout::Links;
use oci::index::REF_NAME;
use oci::{Descriptor, Digest};
use registry::Access;

use crate::error::{Error, Result};
use crate::explain::{self, Listings};
use crate::report::Outcome;
use crate::request::{SameCheck, Source};
use crate::source::links;

/// Makes the check.
///
/// # Errors
/// They differ; one of them cannot be read.
pub(crate) fn check(check: &SameCheck) -> Result<Outcome> {
    let (first, second) = (&check.first, &check.second);
    let not_same = |same_content, causes| Error::NotSame {
        first: first.display().to_string(),
        second: second.display().to_string(),
        same_content,
        causes,
        update: check.update.clone(),
    };
    match (is_layout(first), is_layout(second)) {
        (true, true) => {
            let links = links(check.follow_links);
            let (one, two) = (roots(first, links)?, roots(second, links)?);
            match named(&one) == named(&two) {
                true => Ok(Outcome::same()),
                false => {
                    let sides = [first, second].map(|path| Source::Layout(path.clone()));
                    let explained = explain::explain(
                        [&sides[0], &sides[1]],
                        links,
                        &Access::default(),
                        &Listings::new(),
                    );
                    match explained {
                        Ok(explained) => {
                            let mut causes = Vec::new();
                            for cause in &explained.causes {
                                cause.leaves("", &mut causes);
                            }
                            Err(not_same(explained.same_content, causes))
                        }
                        // Several images, or layers that nobody has: what is listed tells something.
                        Err(_) => Err(not_same(false, moved(&one, &two))),
                    }
                }
            }
        }
        (false, false) => {
            let (one, two) = (hash(first)?, hash(second)?);
            match one == two {
                true => Ok(Outcome::same()),
                false => {
                    let cause = format!(
                        "first has {} bytes and the digest {}, second {} and {}",
                        one.1, one.0, two.1, two.0
                    );
                    Err(not_same(false, vec![cause]))
                }
            }
        }
        (layout, _) => {
            let kind = |layout| if layout { "a layout" } else { "a file" };
            let cause = format!("first is {}, second is {}", kind(layout), kind(!layout));
            Err(not_same(false, vec![cause]))
        }
    }
}

fn is_layout(path: &Path) -> bool {
    files::exists(&path.join("oci-layout"))
}

fn hash(path: &Path) -> Result<(Digest, u64)> {
    let mut hasher = oci::Hasher::new(oci::Algorithm::Sha256);
    let size = files::read_pieces(path, |piece| hasher.update(piece))?;
    Ok((hasher.finish(), size))
}

fn roots(path: &Path, links: Links) -> Result<Vec<Descriptor>> {
    let name = path.display().to_string();
    let layout = Directory::open(path, links).map_err(|trouble| Error::trouble(&name, trouble))?;
    Ok(layout.roots().to_vec())
}

/// What a layout lists: digests, and under which tags.
fn named(roots: &[Descriptor]) -> Vec<(Digest, Option<&String>)> {
    let one = |root: &Descriptor| root.digest;
    roots
        .iter()
        .map(|root| (one(root), root.annotations.get(REF_NAME)))
        .collect()
}

/// What only one of the two lists.
fn moved(one: &[Descriptor], two: &[Descriptor]) -> Vec<String> {
    let shown = |(digest, tag): (Digest, Option<&String>)| match tag {
        Some(tag) => format!("{digest} as `{}`", oci::error::Shown::new(tag)),
        None => digest.to_string(),
    };
    let (one, two) = (named(one), named(two));
    let mut causes = Vec::new();
    for (word, these, those) in [("first", &one, &two), ("second", &two, &one)] {
        for root in these.iter().filter(|root| !those.contains(root)) {
            causes.push(format!("only {word} lists {}", shown(*root)));
        }
    }
    if causes.is_empty() {
        causes.push("they list the same images in another order".to_owned());
    }
    causes
}
