//! Sorted walks over directories.
//!
//! Invariant: what a walk yields depends on names, kinds and link targets; never on the order in
//! which the file system lists them.

use crate::read::kind_name;
use crate::{Error, Operation, Result};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
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

impl Walk<'_> {
    /// Visits everything below the root (not the root itself), parents before children, names of
    /// one directory in byte order. `enter` is asked for each path: `false` leaves it out, and for
    /// a directory all that is below it.
    ///
    /// # Errors
    /// [`Error::NotADirectory`], [`Error::Special`], [`Error::LinkLoop`], [`Error::Io`], or the
    /// first error of `visit`.
    pub fn run<E: From<Error>>(
        self,
        mut enter: impl FnMut(&[u8], bool) -> bool,
        mut visit: impl FnMut(Found) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
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
        self.directory(
            self.root,
            &mut Vec::new(),
            &mut above,
            &mut enter,
            &mut visit,
        )
    }

    fn directory<E: From<Error>>(
        self,
        directory: &Path,
        relative: &mut Vec<u8>,
        above: &mut Vec<(u64, u64)>,
        enter: &mut impl FnMut(&[u8], bool) -> bool,
        visit: &mut impl FnMut(Found) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let list = |e| Error::io(Operation::List, directory, e);
        let mut names: Vec<(OsString, fs::FileType)> = Vec::new();
        for entry in fs::read_dir(directory).map_err(list)? {
            let entry = entry.map_err(list)?;
            let kind = entry
                .file_type()
                .map_err(|e| Error::io(Operation::Inspect, &entry.path(), e))?;
            names.push((entry.file_name(), kind));
        }
        names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (name, listed) in names {
            let path = directory.join(&name);
            let name = name.into_vec();
            let parent_length = relative.len();
            if !relative.is_empty() {
                relative.push(b'/');
            }
            relative.extend_from_slice(&name);
            let kind = self.kind(&path, listed)?;
            let is_directory = kind == FoundKind::Directory;
            if enter(relative, is_directory) {
                visit(Found {
                    relative: relative.clone(),
                    path: path.clone(),
                    kind,
                })?;
                if is_directory {
                    self.descend(&path, relative, above, enter, visit)?;
                }
            }
            relative.truncate(parent_length);
        }
        Ok(())
    }

    fn descend<E: From<Error>>(
        self,
        path: &Path,
        relative: &mut Vec<u8>,
        above: &mut Vec<(u64, u64)>,
        enter: &mut impl FnMut(&[u8], bool) -> bool,
        visit: &mut impl FnMut(Found) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        if self.links == Links::Keep {
            return self.directory(path, relative, above, enter, visit);
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
        self.directory(path, relative, above, enter, visit)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn walk(root: &Path, links: Links) -> Result<Vec<(String, FoundKind)>> {
        let mut out = vec![];
        Walk { root, links }.run(
            |_, _| true,
            |found| {
                out.push((String::from_utf8(found.relative).unwrap(), found.kind));
                Ok::<_, Error>(())
            },
        )?;
        Ok(out)
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
    fn a_left_out_directory_is_not_entered() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("skip")).unwrap();
        fs::write(dir.path().join("skip/f"), "").unwrap();
        fs::write(dir.path().join("keep"), "").unwrap();
        let mut seen = vec![];
        Walk {
            root: dir.path(),
            links: Links::Keep,
        }
        .run(
            |path, _| path != b"skip",
            |found| {
                seen.push(found.relative);
                Ok::<_, Error>(())
            },
        )
        .unwrap();
        assert_eq!(seen, [b"keep".to_vec()]);
    }
}
