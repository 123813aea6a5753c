//! Sorted walks over directories.
//!
//! Invariant: what a walk yields depends on names, kinds and link targets; never on the order in
//! which the file system lists them.

use crate::read::kind_name;
use crate::{Error, Operation, Result};
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So many directories are listed at a time: the names of more would only fill memory.
const AHEAD: usize = 64;
/// Below this many, threads cost more than they bring.
const FEW: usize = 4;

/// What to do with the symbolic links inside a tree. Its root is followed always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Links are yielded as links.
    Keep,
    /// Links are replaced by what they lead to; a dangling one is an error.
    Follow,
}

/// What kind a found path has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, with its target's bytes as written.
    Symlink(Vec<u8>),
}

/// One path of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'a> {
    /// The path below the root, `/`-separated; raw bytes.
    pub relative: &'a [u8],
    /// The path to open.
    pub path: PathBuf,
    /// What it is.
    pub kind: FoundKind,
}

/// A walk: the root, and how links are treated.
#[derive(Debug, Clone, Copy)]
pub struct Walk<'a> {
    /// The directory to walk; a link to one is followed.
    pub root: &'a Path,
    /// How links inside are treated.
    pub links: Links,
}

/// Who is shown what a walk finds.
pub trait Visitor {
    /// What a visit may fail with.
    type Error: From<Error>;

    /// Whether a path is wanted; where it is not, it is not looked at, nor what lies below it.
    fn wants(&mut self, relative: &[u8]) -> bool;

    /// Takes what is at the path that was just wanted.
    ///
    /// # Errors
    /// Its own; they end the walk.
    fn found(&mut self, found: Found<'_>) -> std::result::Result<(), Self::Error>;
}

impl Walk<'_> {
    /// Visits everything below the root (not the root itself): directories before what is in them,
    /// names of one directory in byte order, one after the other. Directories are listed a few at a
    /// time, on rayon's threads.
    ///
    /// # Errors
    /// [`Error::NotADirectory`], [`Error::Special`], [`Error::LinkLoop`], [`Error::Io`], or the
    /// first error of the visitor.
    pub fn run<V: Visitor>(self, visitor: &mut V) -> std::result::Result<(), V::Error> {
        let metadata =
            fs::metadata(self.root).map_err(|e| Error::io(Operation::Inspect, self.root, e))?;
        if !metadata.is_dir() {
            return Err(Error::NotADirectory {
                path: self.root.to_owned(),
                kind: kind_name(metadata.file_type()),
            }
            .into());
        }
        // Directories that are still to be visited, the next one last.
        let mut pending = vec![Directory {
            path: self.root.to_owned(),
            relative: Vec::new(),
            below: Some(Arc::new(Below {
                id: (metadata.dev(), metadata.ino()),
                above: None,
            })),
        }];
        while !pending.is_empty() {
            let batch = pending.split_off(pending.len().saturating_sub(AHEAD));
            let listed: Vec<_> = if batch.len() < FEW {
                batch.into_iter().rev().map(listed).collect()
            } else {
                batch.into_par_iter().rev().map(listed).collect()
            };
            let mut found = Vec::new();
            for (directory, names) in listed {
                self.directory(&directory, names?, &mut found, visitor)?;
            }
            pending.extend(found.into_iter().rev());
        }
        Ok(())
    }

    /// Visits the names of one directory; those that are directories join `below`.
    fn directory<V: Visitor>(
        self,
        directory: &Directory,
        names: Vec<(OsString, fs::FileType)>,
        below: &mut Vec<Directory>,
        visitor: &mut V,
    ) -> std::result::Result<(), V::Error> {
        let mut relative = directory.relative.clone();
        if !relative.is_empty() {
            relative.push(b'/');
        }
        let length = relative.len();
        for (name, listed) in names {
            relative.truncate(length);
            relative.extend_from_slice(name.as_bytes());
            if !visitor.wants(&relative) {
                continue;
            }
            let path = directory.path.join(&name);
            let kind = self.kind(&path, listed)?;
            if kind == FoundKind::Directory {
                below.push(Directory {
                    below: self.checked(&path, directory)?,
                    path: path.clone(),
                    relative: relative.clone(),
                });
            }
            visitor.found(Found {
                relative: &relative,
                path,
                kind,
            })?;
        }
        Ok(())
    }

    /// That a directory inside another is not one that it lies in, which only a link can bring about.
    fn checked(self, path: &Path, inside: &Directory) -> Result<Option<Arc<Below>>> {
        if self.links == Links::Keep {
            return Ok(None);
        }
        let metadata = fs::metadata(path).map_err(|e| Error::io(Operation::Inspect, path, e))?;
        let id = (metadata.dev(), metadata.ino());
        let mut above = inside.below.as_ref();
        while let Some(directory) = above {
            if directory.id == id {
                return Err(Error::LinkLoop {
                    path: path.to_owned(),
                });
            }
            above = directory.above.as_ref();
        }
        Ok(Some(Arc::new(Below {
            id,
            above: inside.below.clone(),
        })))
    }

    fn kind(self, path: &Path, listed: fs::FileType) -> Result<FoundKind> {
        let kind = match (listed.is_symlink(), self.links) {
            (true, Links::Keep) => {
                let target = crate::read_link(path)?;
                return Ok(FoundKind::Symlink(target.into_os_string().into_vec()));
            }
            (true, Links::Follow) => {
                let inspect = |e| Error::io(Operation::Inspect, path, e);
                fs::metadata(path).map_err(inspect)?.file_type()
            }
            (false, _) => listed,
        };
        if kind.is_dir() {
            Ok(FoundKind::Directory)
        } else if kind.is_file() {
            Ok(FoundKind::File)
        } else {
            Err(Error::Special {
                path: path.to_owned(),
                kind: kind_name(kind),
            })
        }
    }
}

/// A directory that is to be visited.
struct Directory {
    path: PathBuf,
    relative: Vec<u8>,
    /// Itself and what it lies in; none where links are kept, for then nothing can lead back.
    below: Option<Arc<Below>>,
}

/// Device and inode of a directory and of those that it lies in: only to notice loops.
struct Below {
    id: (u64, u64),
    above: Option<Arc<Below>>,
}

/// A directory with the names in it.
fn listed(directory: Directory) -> (Directory, Result<Vec<(OsString, fs::FileType)>>) {
    let names = sorted_names(&directory.path);
    (directory, names)
}

/// The names in a directory with their kinds, in byte order.
fn sorted_names(directory: &Path) -> Result<Vec<(OsString, fs::FileType)>> {
    let list = |e| Error::io(Operation::List, directory, e);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(list)? {
        let entry = entry.map_err(list)?;
        let kind = entry
            .file_type()
            .map_err(|e| Error::io(Operation::Inspect, &entry.path(), e))?;
        names.push((entry.file_name(), kind));
    }
    names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Notes all but what is called `skip`.
    struct Notes(Vec<(String, FoundKind)>);
    impl Visitor for Notes {
        type Error = Error;
        fn wants(&mut self, relative: &[u8]) -> bool {
            !relative.ends_with(b"skip")
        }
        fn found(&mut self, found: Found<'_>) -> Result<()> {
            self.0.push((
                String::from_utf8(found.relative.to_vec()).unwrap(),
                found.kind,
            ));
            Ok(())
        }
    }

    fn walk(root: &Path, links: Links) -> Result<Vec<(String, FoundKind)>> {
        let mut notes = Notes(vec![]);
        Walk { root, links }.run(&mut notes)?;
        Ok(notes.0)
    }

    #[test]
    fn sorted_by_bytes_parents_first() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b", "a.b", "B", "ä"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/z"), "").unwrap();
        let names: Vec<_> = walk(dir.path(), Links::Keep)
            .unwrap()
            .into_iter()
            .map(|f| f.0)
            .collect();
        assert_eq!(names, ["B", "a", "a.b", "b", "ä", "a/z"]);
    }

    #[test]
    fn more_directories_than_are_listed_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let mut expected = Vec::new();
        for outer in 0..AHEAD + 3 {
            for inner in 0..FEW {
                let name = format!("{outer:03}/{inner}");
                fs::create_dir_all(dir.path().join(&name)).unwrap();
                fs::write(dir.path().join(&name).join("f"), "").unwrap();
                expected.extend([name.clone(), format!("{name}/f")]);
            }
            expected.push(format!("{outer:03}"));
        }
        let found = walk(dir.path(), Links::Follow).unwrap();
        let mut names: Vec<_> = found.iter().map(|found| found.0.clone()).collect();
        for (at, name) in names.iter().enumerate() {
            let (parent, _) = name.rsplit_once('/').unwrap_or_default();
            assert!(parent.is_empty() || names[..at].iter().any(|n| n == parent));
        }
        names.sort();
        expected.sort();
        assert_eq!(names, expected);
    }

    #[test]
    fn links_are_kept_or_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        fs::write(dir.path().join("d/f"), "").unwrap();
        symlink("d", dir.path().join("l")).unwrap();
        let kept = walk(dir.path(), Links::Keep).unwrap();
        assert_eq!(kept[1], ("l".into(), FoundKind::Symlink(b"d".to_vec())));
        let followed = walk(dir.path(), Links::Follow).unwrap();
        assert_eq!(followed[1], ("l".into(), FoundKind::Directory));
        assert_eq!(followed[3], ("l/f".into(), FoundKind::File));
    }

    #[test]
    fn a_loop_of_links_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        symlink("..", dir.path().join("d/up")).unwrap();
        assert!(matches!(
            walk(dir.path(), Links::Follow),
            Err(Error::LinkLoop { .. })
        ));
        assert_eq!(walk(dir.path(), Links::Keep).unwrap().len(), 2);
    }

    #[test]
    fn sockets_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let error = walk(dir.path(), Links::Keep).unwrap_err();
        assert!(
            error.to_string().contains("is a socket; only files"),
            "{error}"
        );
        assert_eq!(
            error.hint().unwrap(),
            "leave it out: no image can hold a socket"
        );
    }

    #[test]
    fn what_is_not_wanted_is_not_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("d-skip")).unwrap();
        fs::write(dir.path().join("d-skip/f"), "").unwrap();
        symlink("nowhere", dir.path().join("l-skip")).unwrap();
        fs::write(dir.path().join("keep"), "").unwrap();
        let found = walk(dir.path(), Links::Follow).unwrap();
        assert_eq!(found, [("keep".into(), FoundKind::File)]);
    }
}
