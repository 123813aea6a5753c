//! `pull vendor`: all images of a lock in one layout, which serves as a `file://` mirror without any
//! network; and what differs between such a layout and the lock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use files::{Found, FoundKind, Visitor, Walk};
use layout::{Contents, Links, Reader, Verify};
use oci::index::REF_NAME;
use oci::{Descriptor, Digest};

use crate::error::{Error, Result};
use crate::fetch::Fetcher;
use crate::lock::{Blob, Entry, Lock};
use crate::request::Supply;
use crate::{plan, pull};

/// Writes the layout, or sees that the one that is there is what the lock says.
///
/// # Errors
/// A layout that differs: all differences in one message. What [`pull::write`] fails with.
pub(crate) fn vendor(
    lock: &Lock,
    names: &[String],
    path: &Path,
    out: &Path,
    from: &Supply,
) -> Result<()> {
    let entries = entries(lock, names, path)?;
    if files::exists(out) {
        let differences = differences(&entries, out)?;
        return match differences.is_empty() {
            true => Ok(()),
            false => Err(Error::Vendored {
                folder: out.to_owned(),
                differences,
            }),
        };
    }
    let scratch = pull::scratch(out)?;
    let fetcher = Fetcher::new(from, scratch.path())?;
    let mut contents = Contents::default();
    for (name, entry) in entries {
        let plan = plan::of_entry(entry.clone(), &[], false)?;
        pull::gather(&plan, &fetcher, &mut contents)?;
        for descriptor in plan.listed {
            contents.list(named(descriptor, name));
        }
    }
    let directory = layout::directory(&contents, out, pull::transfer(&fetcher), Verify::Size)?;
    Ok(directory.commit()?)
}

/// The entries of these names, or all where none is named.
///
/// # Errors
/// A name that the lock does not have.
pub(crate) fn entries<'a>(
    lock: &'a Lock,
    names: &'a [String],
    path: &Path,
) -> Result<BTreeMap<&'a str, &'a Entry>> {
    if names.is_empty() {
        let all = lock.images.iter();
        return Ok(all.map(|(name, entry)| (name.as_str(), entry)).collect());
    }
    let mut entries: BTreeMap<&str, &Entry> = BTreeMap::new();
    for name in names {
        entries.insert(name, lock.entry(path, name)?);
    }
    Ok(entries)
}

fn named(mut descriptor: Descriptor, name: &str) -> Descriptor {
    descriptor
        .annotations
        .insert(REF_NAME.into(), name.to_owned());
    descriptor
}

/// What a layout has otherwise than a lock. Sizes are looked at, content is `pull verify`'s.
fn differences(entries: &BTreeMap<&str, &Entry>, folder: &Path) -> Result<Vec<String>> {
    let reader = Reader::open(folder, Links::Refuse)?;
    let mut differences = Vec::new();
    let mut listed: BTreeMap<&str, Digest> = BTreeMap::new();
    for descriptor in &reader.index().manifests {
        match descriptor.annotations.get(REF_NAME) {
            Some(name) => drop(listed.insert(name, descriptor.digest)),
            None => differences.push(format!("it lists {} without a name", descriptor.digest)),
        }
    }
    for (name, entry) in entries {
        match listed.remove(name) {
            None => differences.push(format!("`{name}` is in the lock and not in the folder")),
            Some(found) if found != entry.digest => differences.push(format!(
                "`{name}` is {found}, and {} in the lock",
                entry.digest
            )),
            Some(_) => {}
        }
    }
    for name in listed.keys() {
        differences.push(format!("`{name}` is in the folder and not in the lock"));
    }
    let wanted: BTreeMap<Digest, Blob> = entries
        .values()
        .flat_map(|entry| entry.blobs())
        .map(|blob| (blob.digest, blob))
        .collect();
    for blob in wanted.values() {
        match reader.place(&blob.descriptor()) {
            Ok(_) => {}
            Err(layout::Error::MissingBlob { .. }) => {
                differences.push(format!("the blob {} is missing", blob.digest));
            }
            Err(layout::Error::WrongSize { found, .. }) => differences.push(format!(
                "the blob {} has {found} bytes, and {} in the lock",
                blob.digest, blob.size
            )),
            Err(error) => return Err(error.into()),
        }
    }
    for digest in present(folder)? {
        match digest {
            Ok(digest) if wanted.contains_key(&digest) => {}
            Ok(digest) => differences.push(format!("the blob {digest} is not in the lock")),
            Err(name) => differences.push(format!("the file `{name}` is no blob")),
        }
    }
    Ok(differences)
}

/// The blobs of a layout by their names, sorted; names that are no digests as they are.
pub(crate) fn present(folder: &Path) -> Result<Vec<std::result::Result<Digest, String>>> {
    struct Names(BTreeSet<String>);
    impl Visitor for Names {
        type Error = files::Error;
        fn wants(&mut self, _: &[u8]) -> bool {
            true
        }
        fn found(&mut self, found: Found) -> files::Result<()> {
            if found.kind != FoundKind::Directory {
                let name = String::from_utf8_lossy(found.relative).into_owned();
                self.0.insert(name);
            }
            Ok(())
        }
    }
    let root = folder.join("blobs");
    let mut names = Names(BTreeSet::new());
    if files::exists(&root) {
        let links = files::Links::Keep;
        Walk { root: &root, links }.run(&mut names)?;
    }
    let digest = |name: String| name.replacen('/', ":", 1).parse().map_err(|_| name);
    Ok(names.0.into_iter().map(digest).collect())
}
