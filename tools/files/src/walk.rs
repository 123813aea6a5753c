//! Sorted walks over directories.
//!
//! Invariant: what a walk yields depends on names, kinds and link targets; never on the order in
//! which the file system lists them.

use crate::read::kind_name;
use crate::{Error, Operation, Result};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

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
pub struct Found {
    /// The path below the root, `/`-separated; raw bytes.
    pub relative: Vec<u8>,
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
    fn found(&mut self, found: Found) -> std::result::Result<(), Self::Error>;
}

impl Walk<'_> {
    /// Visits everything below the root (not the root itself), parents before children, names of
    /// one directory in byte order.
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
        // Device and inode of the directories on the way down: only to notice loops.
        let mut above = vec![(metadata.dev(), metadata.ino())];
        self.directory(self.root, &mut Vec::new(), &mut above, visitor)
    }

    fn directory<V: Visitor>(
        self,
        directory: &Path,
        relative: &mut Vec<u8>,
        above: &mut Vec<(u64, u64)>,
        visitor: &mut V,
    ) -> std::result::Result<(), V::Error> {
        for (name, listed) in sorted_names(directory)? {
            let path = directory.join(&name);
            let parent_length = relative.len();
            if !relative.is_empty() {
                relative.push(b'/');
            }
            relative.extend_from_slice(name.as_bytes());
            if visitor.wants(relative) {
                let kind = self.kind(&path, listed)?;
                let descend = kind == FoundKind::Directory;
                visitor.found(Found {
                    relative: relative.clone(),
                    path: path.clone(),
                    kind,
                })?;
                if descend {
                    self.descend(&path, relative, above, visitor)?;
                }
            }
            relative.truncate(parent_length);
        }
        Ok(())
    }

    fn descend<V: Visitor>(
        self,
        path: &Path,
        relative: &mut Vec<u8>,
        above: &mut Vec<(u64, u64)>,
        visitor: &mut V,
    ) -> std::result::Result<(), V::Error> {
        if self.links == Links::Keep {
            return self.directory(path, relative, above, visitor);
        }
        let metadata = fs::metadata(path).map_err(|e| Error::io(Operation::Inspect, path, e))?;
        let id = (metadata.dev(), metadata.ino());
        if above.contains(&id) {
            return Err(Error::LinkLoop {
                path: path.to_owned(),
            }
            .into());
        }
        above.push(id);
        self.directory(path, relative, above, visitor)?;
        above.pop();
        Ok(())
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
        fn found(&mut self, found: Found) -> Result<()> {
            self.0
                .push((String::from_utf8(found.relative).unwrap(), found.kind));
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
        assert_eq!(names, ["B", "a", "a/z", "a.b", "b", "ä"]);
    }

    #[test]
    fn links_are_kept_or_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        fs::write(dir.path().join("d/f"), "").unwrap();
        symlink("d", dir.path().join("l")).unwrap();
        let kept = walk(dir.path(), Links::Keep).unwrap();
        assert_eq!(kept[2], ("l".into(), FoundKind::Symlink(b"d".to_vec())));
        let followed = walk(dir.path(), Links::Follow).unwrap();
        assert_eq!(followed[2].1, FoundKind::Directory);
        assert_eq!(followed[3].0, "l/f");
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
        assert!(error.hint().is_some());
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
