//! Reading files whole or through a handle, and asking the little that may be asked of them.

use crate::{Error, FoundKind, Operation, Result};
use rustix::fs::{CWD, Mode, OFlags, fstat, openat};
use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// An open regular file and all that may be known of it.
#[derive(Debug)]
pub struct Source {
    /// The handle, at the start.
    pub file: File,
    /// Its size in bytes when it was opened.
    pub size: u64,
    /// Whether its owner may execute it. Meaningful only where the caller vouches for the bit: a
    /// Nix store path, but not a Bazel source.
    pub executable: bool,
}

impl Source {
    /// Reads into the buffer: how many bytes came, 0 at the end.
    ///
    /// # Errors
    /// Those of read(2), but not that it was interrupted.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::io::read(&self.file, &mut *buffer) {
                Err(rustix::io::Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }
}

/// Opens a regular file for reading; links are followed.
///
/// # Errors
/// [`Error::Io`] if it can't be opened, [`Error::NotAFile`] if it is something else.
pub fn open(path: &Path) -> Result<Source> {
    open_at(CWD, path, path)
}

/// Opens many files one after the other; those that lie in one directory at the cost of one walk
/// down to it.
#[derive(Debug, Default)]
pub struct Opener {
    /// Where the last file was.
    directory: PathBuf,
    /// The handle of that directory, from its second file on.
    handle: Option<OwnedFd>,
}

impl Opener {
    /// Opens a regular file, as [`open`] does.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(&mut self, path: &Path) -> Result<Source> {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return open(path);
        };
        if self.directory.as_os_str() != directory.as_os_str() {
            directory.clone_into(&mut self.directory);
            self.handle = None;
            return open(path);
        }
        if directory.as_os_str().is_empty() {
            return open(path);
        }
        if self.handle.is_none() {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            self.handle = openat(CWD, directory, flags, Mode::empty()).ok();
        }
        match &self.handle {
            Some(handle) => open_at(handle.as_fd(), Path::new(name), path),
            // The file itself will say what is the matter.
            None => open(path),
        }
    }
}

/// Opens `name`, that is `path`, below a directory.
fn open_at(directory: BorrowedFd<'_>, name: &Path, path: &Path) -> Result<Source> {
    // A fifo without a writer would block for ever in open(2): hence O_NONBLOCK, which regular
    // files ignore.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = openat(directory, name, flags, Mode::empty())
        .map_err(|e| Error::io(Operation::Open, path, e.into()))?;
    let inspect = |e: io::Error| Error::io(Operation::Inspect, path, e);
    let status = fstat(&file).map_err(|e| inspect(e.into()))?;
    let file = File::from(file);
    if rustix::fs::FileType::from_raw_mode(status.st_mode) != rustix::fs::FileType::RegularFile {
        return Err(Error::NotAFile {
            path: path.to_owned(),
            kind: kind_name(file.metadata().map_err(inspect)?.file_type()),
        });
    }
    let executable = status.st_mode & 0o100 != 0;
    Ok(Source {
        file,
        size: u64::try_from(status.st_size).unwrap_or(0),
        executable,
    })
}

/// Reads a whole file.
///
/// # Errors
/// As [`open`], and [`Error::Io`] where reading fails.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    read_at_most(path, u64::MAX)
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// As [`read`], and [`Error::TooLarge`], before the surplus is read.
pub fn read_at_most(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let Source { file, size, .. } = open(path)?;
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(limit)).unwrap_or(0));
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io(Operation::Read, path, e))?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

/// Reads a file from start to end and shows `see` each piece, in order; returns its size. Memory
/// stays bounded, whatever the size.
///
/// # Errors
/// As [`open`], and [`Error::Io`] where reading fails.
pub fn read_pieces(path: &Path, mut see: impl FnMut(&[u8])) -> Result<u64> {
    let mut file = open(path)?.file;
    let mut buffer = vec![0; PIECE];
    let mut size = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(size),
            Ok(count) => {
                see(&buffer[..count]);
                size += count as u64;
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io(Operation::Read, path, e)),
        }
    }
}

/// How much is read at a time: what fits in a core's cache, so that a hash finds it there.
const PIECE: usize = 256 << 10;

/// The target of a symbolic link, as it is written.
///
/// # Errors
/// [`Error::Io`].
pub fn read_link(path: &Path) -> Result<PathBuf> {
    fs::read_link(path).map_err(|e| Error::io(Operation::ReadLink, path, e))
}

/// What is at a path; a link is not followed.
///
/// # Errors
/// [`Error::Io`]; [`Error::Special`] for a device, a fifo or a socket.
pub fn kind(path: &Path) -> Result<FoundKind> {
    let metadata =
        fs::symlink_metadata(path).map_err(|e| Error::io(Operation::Inspect, path, e))?;
    let kind = metadata.file_type();
    if kind.is_symlink() {
        Ok(FoundKind::Symlink(
            read_link(path)?.into_os_string().into_vec(),
        ))
    } else if kind.is_dir() {
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

/// Whether something is there; a dangling link counts.
pub fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// A kind of file, with its article.
pub(crate) fn kind_name(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_fifo() {
        "a fifo"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() {
        "a character device"
    } else if kind.is_block_device() {
        "a block device"
    } else {
        "a file"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifo_is_refused_and_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        assert_eq!(
            open(&path).unwrap_err().to_string(),
            format!("`{}` is a fifo, not a file", path.display())
        );
    }

    #[test]
    fn an_opener_opens_what_open_does() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        for name in ["a", "b", "d/a", "d/b", "d/c"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("b", dir.path().join("d/l")).unwrap();
        let mut opener = Opener::default();
        for (name, content) in [
            ("a", "a"),
            ("d/a", "d/a"),
            ("d/b", "d/b"),
            ("d/l", "d/b"),
            ("b", "b"),
            ("d/c", "d/c"),
        ] {
            let source = opener.open(&dir.path().join(name)).unwrap();
            let mut buffer = [0; 9];
            let count = source.read(&mut buffer).unwrap();
            assert_eq!(&buffer[..count], content.as_bytes(), "{name}");
            assert_eq!(source.size, content.len() as u64);
        }
        for name in ["d/none", "d/none", "e/none", "e/none", "d", "d"] {
            let path = dir.path().join(name);
            let (ours, plain) = (opener.open(&path).unwrap_err(), open(&path).unwrap_err());
            assert_eq!(ours.to_string(), plain.to_string(), "{name}");
        }
        // Relative paths without a directory too.
        assert!(opener.open(Path::new("Cargo.toml")).is_ok());
        assert!(opener.open(Path::new("Cargo.toml")).is_ok());
    }

    #[test]
    fn a_directory_is_refused_as_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let error = open(dir.path()).unwrap_err();
        assert!(error.to_string().ends_with("is a directory, not a file"));
        assert!(error.hint().unwrap().contains("as a tree"));
        assert!(!error.is_environment());
    }

    #[test]
    fn the_limit_is_exact() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("four");
        fs::write(&path, "four").unwrap();
        assert_eq!(read_at_most(&path, 4).unwrap(), b"four");
        assert!(matches!(
            read_at_most(&path, 3),
            Err(Error::TooLarge { limit: 3, .. })
        ));
    }

    #[test]
    fn pieces_are_the_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let content: Vec<u8> = (0..PIECE * 2 + 7).map(|n| n as u8).collect();
        fs::write(&path, &content).unwrap();
        let mut seen = Vec::new();
        let size = read_pieces(&path, |piece| seen.extend_from_slice(piece)).unwrap();
        assert_eq!((size, seen), (content.len() as u64, content));
        assert!(matches!(
            read_pieces(dir.path(), |_| {}),
            Err(Error::NotAFile { .. })
        ));
    }

    #[test]
    fn a_missing_file_is_the_users_input() {
        let error = read(Path::new("no/such")).unwrap_err();
        assert_eq!(error.to_string(), "cannot open `no/such`");
        assert!(!error.is_environment());
    }
}
