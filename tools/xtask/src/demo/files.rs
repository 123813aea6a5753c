//! Real files for the demo: a tree of a few thousand that this machine has, whatever it is.

use crate::command::Error;
use e2e::tree;
use std::fs;
use std::path::{Path, PathBuf};

/// At most as many files and bytes, so that the demo stays short.
const FILES: usize = 6000;
const BYTES: u64 = 150_000_000;
/// So many files are worth a look.
const ENOUGH: usize = 2000;

/// A tree of files.
pub(crate) struct Found {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Files and links in it.
    pub(crate) files: usize,
    /// Bytes in its files.
    pub(crate) bytes: u64,
}

/// The tree with thousands of files and most bytes, up to a bound, of those that are usual on a machine: documents,
/// libraries, headers, and at last the sources that cargo keeps, which are there wherever this runs.
///
/// # Errors
/// There is no readable folder with a file in it.
pub(crate) fn choose() -> Result<Found, Error> {
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let mut tops: Vec<PathBuf> = ["/usr/share", "/usr/lib", "/usr/include"]
        .into_iter()
        .map(PathBuf::from)
        .collect();
    let sources = folders_in(&cargo.join("registry/src"));
    tops.extend(sources);
    let candidates = tops.iter().flat_map(|top| folders_in(top));
    let found = candidates
        .filter_map(|path| weigh(&path))
        .max_by_key(|found| (found.files >= ENOUGH, found.bytes));
    found.ok_or_else(|| "no readable tree of files was found".into())
}

/// The folders in a folder, sorted, links left out.
fn folders_in(top: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(top) else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    folders
}

/// Counts a tree. None where it is empty, too large, or holds what cannot be read or copied.
fn weigh(top: &Path) -> Option<Found> {
    let mut found = Found {
        path: top.to_owned(),
        files: 0,
        bytes: 0,
    };
    let mut ahead = vec![top.to_owned()];
    while let Some(folder) = ahead.pop() {
        for entry in fs::read_dir(folder).ok()? {
            let entry = entry.ok()?;
            let kind = entry.file_type().ok()?;
            if kind.is_dir() {
                ahead.push(entry.path());
                continue;
            }
            if kind.is_file() {
                fs::File::open(entry.path()).ok()?;
                found.bytes += entry.metadata().ok()?.len();
            } else if !kind.is_symlink() {
                return None;
            }
            found.files += 1;
        }
        if found.files > FILES || found.bytes > BYTES {
            return None;
        }
    }
    (found.files > 0).then_some(found)
}

/// A folder for copies that is gone afterwards: in memory, where a folder's order is that of its
/// filling, or else beside the demo's other files.
pub(crate) struct Copies {
    folder: PathBuf,
}

impl Copies {
    /// The folder, with room for as many bytes.
    pub(crate) fn new(work: &Path, bytes: u64) -> Result<Self, Error> {
        let shared = Path::new("/dev/shm");
        let free = rustix::fs::statvfs(shared).map_or(0, |fs| fs.f_bavail * fs.f_frsize);
        let memory = shared.join(format!("rules_container-demo-{}", std::process::id()));
        let folder = if free > bytes && fs::create_dir(&memory).is_ok() {
            memory
        } else {
            work.join("again")
        };
        fs::create_dir_all(&folder)?;
        Ok(Copies { folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        // Nothing is lost if it stays; the next start of the machine empties it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// In how many folders the system's own order differs between two copies of a tree, and of how many.
pub(crate) fn orders(one: &Path, other: &Path) -> (usize, usize) {
    let (mut differ, mut all) = (0, 0);
    let mut ahead = vec![PathBuf::new()];
    while let Some(path) = ahead.pop() {
        let order = tree::as_the_system_says(&one.join(&path));
        if order.len() > 1 {
            all += 1;
            differ += usize::from(order != tree::as_the_system_says(&other.join(&path)));
        }
        let below = order.into_iter().map(|name| path.join(name));
        ahead.extend(
            below.filter(|below| {
                fs::symlink_metadata(one.join(below)).is_ok_and(|meta| meta.is_dir())
            }),
        );
    }
    (differ, all)
}
