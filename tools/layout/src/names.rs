//! Names of images in the `index.json` of a layout.
//!
//! A tag stands in `org.opencontainers.image.ref.name`. A reference gives its tag to that, and itself,
//! in full, to `io.containerd.image.name`, where containerd and `docker load` look for it.

use oci::index::REF_NAME;
use oci::reference::{Reference, is_tag};
use oci::{Descriptor, Error as OciError};

use crate::IMAGE_NAME;

/// A name that is neither a tag nor a reference with a tag.
#[derive(Debug)]
pub struct BadName {
    /// Its place in the list.
    pub at: usize,
    /// What is wrong with the reference, where it is none.
    pub reason: Option<OciError>,
}

/// The descriptors of what `root` describes, one for each name; one as it is if there is none.
/// A name that comes twice counts once: stamped names may turn out to be the same.
///
/// # Errors
/// [`BadName`].
pub fn named(root: &Descriptor, names: &[String]) -> Result<Vec<Descriptor>, BadName> {
    if names.is_empty() {
        return Ok(vec![root.clone()]);
    }
    let plain = unnamed(root);
    let mut named: Vec<Descriptor> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let mut descriptor = plain.clone();
        let mut annotate = |key: &str, value: &str| {
            let annotations = &mut descriptor.annotations;
            annotations.insert(key.to_owned(), value.to_owned());
        };
        if is_tag(name) {
            annotate(REF_NAME, name);
        } else {
            let bad = |reason| BadName { at, reason };
            let reference = Reference::normalized(name).map_err(|error| bad(Some(error)))?;
            match (&reference.tag, &reference.digest) {
                (Some(tag), None) => annotate(REF_NAME, tag),
                _ => return Err(bad(None)),
            }
            annotate(IMAGE_NAME, &reference.to_string());
        }
        if !named.contains(&descriptor) {
            named.push(descriptor);
        }
    }
    Ok(named)
}

/// A descriptor without the names that it has.
pub fn unnamed(root: &Descriptor) -> Descriptor {
    let mut plain = root.clone();
    plain.annotations.remove(REF_NAME);
    plain.annotations.remove(IMAGE_NAME);
    plain
}
