//! A file that grows over several runs, and gets its name when it is whole.
//!
//! One process at a time holds it: another that wants it waits, and then finds either the rest still
//! to be done or the finished file.
//!
//! Invariant: who holds a part file holds the one that its path leads to.

use crate::{Error, Operation, Result};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A part file, held.
#[derive(Debug)]
pub struct PartFile {
    path: PathBuf,
    file: File,
    length: u64,
}

impl PartFile {
    /// Makes or takes up the part file at `path`; the parents are made. Waits for who holds it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, 0o666)
    }

    /// As [`PartFile::open`], for what nobody else is to read.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open_private(path: &Path) -> Result<Self> {
        Self::open_with(path, 0o600)
    }

    fn open_with(path: &Path, mode: u32) -> Result<Self> {
        let io = |e| Error::io(Operation::Create, path, e);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(io)?;
        }
        loop {
            let file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                // The umask applies, as to any file.
                .mode(mode)
                .open(path)
                .map_err(io)?;
            file.lock().map_err(io)?;
            let held = file.metadata().map_err(io)?;
            // Whoever held it may have given it its name, or removed it, while we waited.
            let is_there = fs::metadata(path)
                .is_ok_and(|there| (there.dev(), there.ino()) == (held.dev(), held.ino()));
            if is_there {
                return Ok(Self {
                    path: path.to_owned(),
                    file,
                    length: held.len(),
                });
            }
        }
    }

    /// How many bytes are there.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Shows what is there, in pieces.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read_pieces(&mut self, mut see: impl FnMut(&[u8])) -> Result<()> {
        let io = |e| Error::io(Operation::Read, &self.path, e);
        self.file.seek(SeekFrom::Start(0)).map_err(io)?;
        let mut buffer = vec![0; 128 << 10];
        let mut left = self.length;
        while left > 0 {
            let read = self.file.read(&mut buffer).map_err(io)?;
            if read == 0 {
                return Err(io(std::io::ErrorKind::UnexpectedEof.into()));
            }
            see(&buffer[..read]);
            left = left.saturating_sub(read as u64);
        }
        Ok(())
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let io = |e| Error::io(Operation::Write, &self.path, e);
        self.file.write_all_at(bytes, self.length).map_err(io)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Forgets what is there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn clear(&mut self) -> Result<()> {
        let io = |e| Error::io(Operation::Write, &self.path, e);
        self.file.set_len(0).map_err(io)?;
        self.length = 0;
        Ok(())
    }

    /// Gives it its name; the parents are made. What is there under that name is replaced.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(self, to: &Path) -> Result<()> {
        let io = |e| Error::io(Operation::Rename, to, e);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(io)?;
        }
        fs::rename(&self.path, to).map_err(io)
    }

    /// Removes it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remove(self) -> Result<()> {
        fs::remove_file(&self.path).map_err(|e| Error::io(Operation::Write, &self.path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_over_several_runs() {
        let dir = tempfile::tempdir().unwrap();
        let (at, to) = (dir.path().join("parts/a"), dir.path().join("blobs/a"));
        let mut part = PartFile::open(&at).unwrap();
        part.put(b"one ").unwrap();
        drop(part);
        let mut part = PartFile::open(&at).unwrap();
        assert_eq!(part.length(), 4);
        let mut seen: Vec<u8> = Vec::new();
        part.read_pieces(|piece| seen.extend(piece)).unwrap();
        assert_eq!(seen, b"one ");
        part.put(b"two").unwrap();
        part.finish(&to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"one two");
        assert!(!at.exists());
    }

    #[test]
    fn what_is_private_is_for_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("a");
        PartFile::open_private(&at).unwrap();
        assert_eq!(fs::metadata(&at).unwrap().mode() & 0o77, 0);
    }

    #[test]
    fn it_can_be_begun_anew_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("a");
        let mut part = PartFile::open(&at).unwrap();
        part.put(b"wrong").unwrap();
        part.clear().unwrap();
        part.put(b"ok").unwrap();
        assert_eq!(fs::read(&at).unwrap(), b"ok");
        part.remove().unwrap();
        assert!(!at.exists());
    }

    #[test]
    fn who_waits_finds_a_new_file_and_not_the_finished_one() {
        let dir = tempfile::tempdir().unwrap();
        let (at, to) = (dir.path().join("a"), dir.path().join("b"));
        let mut first = PartFile::open(&at).unwrap();
        first.put(b"done").unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| PartFile::open(&at).unwrap());
            std::thread::sleep(std::time::Duration::from_millis(50));
            first.finish(&to).unwrap();
            let mut second = second.join().unwrap();
            assert_eq!(second.length(), 0);
            second.put(b"other").unwrap();
        });
        assert_eq!(fs::read(&to).unwrap(), b"done");
    }
}
