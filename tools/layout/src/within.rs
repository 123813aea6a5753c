//! Paths that stay within a layout.
//!
//! A layout that was made by somebody else may hold links, so that reading a blob reads a file
//! elsewhere. Each part of a path is looked at before it is used; a link is followed by hand, and
//! one that leads out, or is absolute, is refused.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::{Error, Result};

/// The most links on the way to one file.
const LINKS: usize = 40;

/// The real path of `relative` below `root`, where no link leads out; the file need not exist.
/// `root` itself may be or contain links.
pub(crate) fn resolve(root: &Path, relative: &str) -> Result<PathBuf> {
    let mut ahead: VecDeque<OsString> = relative.split('/').map(OsString::from).collect();
    let mut inside: Vec<OsString> = Vec::new();
    let mut links = 0;
    while let Some(part) = ahead.pop_front() {
        let folder: PathBuf = inside.iter().collect();
        let path = root.join(folder).join(&part);
        let Some(target) = link(&path)? else {
            inside.push(part);
            continue;
        };
        links += 1;
        if links > LINKS {
            return Err(Error::TooManyLinks {
                path: root.join(relative),
            });
        }
        let mut parts: Vec<OsString> = Vec::new();
        let mut here = inside.clone();
        for component in target.components() {
            let leads_out = match component {
                Component::CurDir => false,
                Component::ParentDir if parts.is_empty() => here.pop().is_none(),
                // A name before `..` may be a link itself: not resolved by its text.
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => true,
                Component::Normal(name) => {
                    parts.push(name.to_owned());
                    false
                }
            };
            if leads_out {
                return Err(Error::LinkLeadsOut { path, target });
            }
        }
        inside = here;
        for part in parts.into_iter().rev() {
            ahead.push_front(part);
        }
    }
    Ok(root.join(inside.iter().collect::<PathBuf>()))
}

/// The target of a link; nothing for what is no link or is not there.
fn link(path: &Path) -> Result<Option<PathBuf>> {
    match files::read_link(path) {
        Ok(target) => Ok(Some(target)),
        Err(files::Error::Io { source, .. })
            if matches!(
                source.kind(),
                io::ErrorKind::InvalidInput
                    | io::ErrorKind::NotFound
                    | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(links: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        files::write(&root.path().join("blobs/sha256/real"), b"x").unwrap();
        for (at, target) in links {
            files::symlink(Path::new(target), &root.path().join(at)).unwrap();
        }
        root
    }

    #[track_caller]
    fn leads_out(at: &str, links: &[(&str, &str)]) {
        let root = root(links);
        let error = resolve(root.path(), at).unwrap_err();
        assert!(matches!(error, Error::LinkLeadsOut { .. }), "{error}");
        assert!(error.hint().unwrap().contains("`follow`"));
        assert_eq!(error.details()[0].0, "leads to");
    }

    #[test]
    fn inside() {
        let root = root(&[
            ("blobs/sha256/a", "real"),
            ("blobs/sha256/b", "./../sha256/a"),
            ("more", "blobs"),
            ("blobs/sha512", "sha256"),
        ]);
        let real = root.path().join("blobs/sha256/real");
        for at in [
            "blobs/sha256/real",
            "blobs/sha256/a",
            "blobs/sha256/b",
            "more/sha512/b",
        ] {
            assert_eq!(resolve(root.path(), at).unwrap(), real, "{at}");
        }
        let missing = "blobs/sha256/missing";
        assert_eq!(
            resolve(root.path(), missing).unwrap(),
            root.path().join(missing)
        );
    }

    #[test]
    fn outside() {
        leads_out("blobs/sha256/a", &[("blobs/sha256/a", "/etc/passwd")]);
        leads_out("blobs/sha256/a", &[("blobs/sha256/a", "../../../x")]);
        leads_out(
            "blobs/sha256/a",
            &[("blobs/sha256/a", "b"), ("blobs/sha256/b", "/")],
        );
        leads_out("more/sha256/real", &[("more", "../blobs")]);
        leads_out("index.json", &[("index.json", "..")]);
        // Through a link and up again, by its text inside, in truth outside.
        leads_out("a", &[("a", "out/../b"), ("out", "/tmp")]);
    }

    #[test]
    fn a_loop_ends() {
        let root = root(&[("a", "b"), ("b", "a")]);
        assert!(matches!(
            resolve(root.path(), "a"),
            Err(Error::TooManyLinks { .. })
        ));
    }
}
