//! Outputs: written under a temporary name in their own folder, renamed when whole.
//!
//! Invariant: until `commit`, nothing exists under the output's name; if `commit` is never
//! reached, the temporary file or directory is removed. An existing output is never replaced, but
//! for an empty directory, which Bazel makes before it runs an action.

use crate::{Error, Operation, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile, TempDir};

/// A file that is being written, or standard output.
#[derive(Debug)]
pub struct OutFile {
    path: PathBuf,
    target: Target,
}

#[derive(Debug)]
enum Target {
    /// It gets its name when it is whole.
    Named(NamedTempFile),
    /// Whoever reads it learns from the exit code whether it was whole.
    Stream(File),
}

impl OutFile {
    /// Begins to write `path`.
    ///
    /// # Errors
    /// [`Error::Exists`] if something is there, [`Error::Io`] if the folder can't be written.
    pub fn create(path: &Path) -> Result<Self> {
        refuse_existing(path)?;
        let file = Builder::new()
            .prefix(&temporary_prefix(path))
            // The umask applies, as to any file.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder(path))
            .map_err(|e| Error::io(Operation::Create, path, e))?;
        Ok(Self {
            path: path.to_owned(),
            target: Target::Named(file),
        })
    }

    /// As [`OutFile::create`]; the parents are made.
    ///
    /// # Errors
    /// As [`OutFile::create`].
    pub fn create_with_parents(path: &Path) -> Result<Self> {
        make_parents(path)?;
        Self::create(path)
    }

    /// Writes to standard output, for a tool whose output may be read as it comes.
    ///
    /// # Errors
    /// [`Error::Io`] if it is closed.
    pub fn standard_output() -> Result<Self> {
        let path = PathBuf::from("standard output");
        let owned = io::stdout().as_fd().try_clone_to_owned();
        let file = owned.map_err(|e| Error::io(Operation::Open, &path, e))?;
        Ok(Self {
            path,
            target: Target::Stream(file.into()),
        })
    }

    /// Where it will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes, with the path in the error.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.handle()
            .write_all(bytes)
            .map_err(|e| Error::io(Operation::Write, &self.path, e))
    }

    /// The name that it gets.
    fn named(&self) -> Option<&Path> {
        matches!(self.target, Target::Named(_)).then_some(self.path.as_path())
    }

    fn handle(&mut self) -> &mut File {
        match &mut self.target {
            Target::Named(file) => file.as_file_mut(),
            Target::Stream(file) => file,
        }
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// [`Error::Exists`] if something has come there meanwhile, [`Error::Io`].
    pub fn commit(self) -> Result<()> {
        let Self { path, target } = self;
        let Target::Named(file) = target else {
            return Ok(());
        };
        match renameat_with(CWD, file.path(), CWD, &path, RenameFlags::NOREPLACE) {
            Ok(()) => {
                // The temporary name is gone; keep the file that now has the real one.
                let (_file, temporary) = file.into_parts();
                std::mem::forget(temporary);
                Ok(())
            }
            Err(rustix::io::Errno::EXIST) => Err(Error::Exists { path }),
            // Some network file systems know no flags: link(2) refuses to replace, too.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => file
                .persist_noclobber(&path)
                .map(drop)
                .map_err(|e| Error::io(Operation::Rename, &path, e.error)),
            Err(e) => Err(Error::io(Operation::Rename, &path, e.into())),
        }
    }
}

/// Gives several files their names, all or none: where one fails, those before it are removed.
///
/// # Errors
/// As [`OutFile::commit`], the first one that fails.
pub fn commit_all(files: impl IntoIterator<Item = OutFile>) -> Result<()> {
    let mut done: Vec<PathBuf> = Vec::new();
    for file in files {
        let path = file.named().map(Path::to_owned);
        if let Err(error) = file.commit() {
            for path in done {
                // Best effort: the first error is the one to tell.
                let _ = fs::remove_file(path);
            }
            return Err(error);
        }
        done.extend(path);
    }
    Ok(())
}

/// Gives several files and then a directory their names, all or none.
///
/// # Errors
/// As [`OutFile::commit`] and [`OutDir::commit`], the first one that fails.
pub fn commit_with(files: impl IntoIterator<Item = OutFile>, directory: OutDir) -> Result<()> {
    let files: Vec<OutFile> = files.into_iter().collect();
    let named = files.iter().filter_map(OutFile::named);
    let paths: Vec<PathBuf> = named.map(Path::to_owned).collect();
    commit_all(files)?;
    directory.commit().inspect_err(|_| {
        for path in &paths {
            // Best effort: the first error is the one to tell.
            let _ = fs::remove_file(path);
        }
    })
}

impl Write for OutFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.handle().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A directory that is being filled.
#[derive(Debug)]
pub struct OutDir {
    path: PathBuf,
    directory: TempDir,
}

impl OutDir {
    /// Begins to fill the directory `path`.
    ///
    /// # Errors
    /// [`Error::Exists`] if something other than an empty directory is there, [`Error::Io`].
    pub fn create(path: &Path) -> Result<Self> {
        let empty = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        if !empty {
            refuse_existing(path)?;
        }
        let directory = Builder::new()
            .prefix(&temporary_prefix(path))
            .permissions(Permissions::from_mode(0o777))
            .tempdir_in(folder(path))
            .map_err(|e| Error::io(Operation::Create, path, e))?;
        Ok(Self {
            path: path.to_owned(),
            directory,
        })
    }

    /// The temporary directory, to be filled.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Gives the directory its name.
    ///
    /// # Errors
    /// [`Error::Exists`] if something has come there meanwhile, [`Error::Io`].
    pub fn commit(self) -> Result<()> {
        let Self { path, directory } = self;
        // rename(2) replaces an empty directory, and nothing else.
        match fs::rename(directory.path(), &path) {
            Ok(()) => {
                let _renamed = directory.keep();
                Ok(())
            }
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::DirectoryNotEmpty
                        | io::ErrorKind::AlreadyExists
                        | io::ErrorKind::NotADirectory
                ) =>
            {
                Err(Error::Exists { path })
            }
            Err(e) => Err(Error::io(Operation::Rename, &path, e)),
        }
    }
}

/// Takes back a folder that was committed, where what was to stand beside it failed. Best effort: the error
/// that led here is the one to tell.
pub fn take_back(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
}

/// Makes a folder; the parents are made.
///
/// # Errors
/// [`Error::Io`].
pub fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| Error::io(Operation::Create, path, e))
}

/// Writes a small file whole; the parents are made.
///
/// # Errors
/// As [`OutFile`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    make_parents(path)?;
    let mut file = OutFile::create(path)?;
    file.put(bytes)?;
    file.commit()
}

/// Writes a small program whole; the parents are made. Everybody may execute it.
///
/// # Errors
/// As [`OutFile`].
pub fn write_executable(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes)?;
    fs::set_permissions(path, Permissions::from_mode(0o755))
        .map_err(|e| Error::io(Operation::Create, path, e))
}

/// Copies a file's content (a reflink where the file system can); the parents are made.
///
/// # Errors
/// [`Error::Exists`], [`Error::NotAFile`], [`Error::Io`].
pub fn copy(from: &Path, to: &Path) -> Result<u64> {
    make_parents(to)?;
    let mut source = crate::open(from)?.file;
    let mut out = OutFile::create(to)?;
    // std uses copy_file_range(2), and so reflinks, between two files.
    let bytes =
        io::copy(&mut source, out.handle()).map_err(|e| Error::io(Operation::Write, to, e))?;
    out.commit()?;
    Ok(bytes)
}

/// Copies a file's content and shows `see` each piece, in order; the parents are made.
///
/// # Errors
/// As [`copy`].
pub fn copy_pieces(from: &Path, to: &Path, mut see: impl FnMut(&[u8])) -> Result<u64> {
    make_parents(to)?;
    let mut out = OutFile::create(to)?;
    let mut failed = None;
    let bytes = crate::read_pieces(from, |piece| {
        if failed.is_none() {
            see(piece);
            failed = out.put(piece).err();
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    out.commit()?;
    Ok(bytes)
}

/// Makes a hard link; the parents are made.
///
/// # Errors
/// [`Error::Exists`], [`Error::Io`].
pub fn hard_link(from: &Path, to: &Path) -> Result<()> {
    make_parents(to)?;
    refuse_existing(to)?;
    // linkat(2) with AT_SYMLINK_FOLLOW: the bytes are wanted, not a link to them.
    rustix::fs::linkat(CWD, from, CWD, to, rustix::fs::AtFlags::SYMLINK_FOLLOW)
        .map_err(|e| Error::io(Operation::Link, to, e.into()))
}

/// Makes a symbolic link; the parents are made.
///
/// # Errors
/// [`Error::Exists`], [`Error::Io`].
pub fn symlink(target: &Path, at: &Path) -> Result<()> {
    make_parents(at)?;
    refuse_existing(at)?;
    std::os::unix::fs::symlink(target, at).map_err(|e| Error::io(Operation::Link, at, e))
}

/// A scratch file beside an output: it has no name and vanishes with its handle.
///
/// # Errors
/// [`Error::Io`].
pub fn scratch(output: &Path) -> Result<File> {
    tempfile::tempfile_in(folder(output)).map_err(|e| Error::io(Operation::Create, output, e))
}

fn make_parents(path: &Path) -> Result<()> {
    let folder = folder(path);
    fs::create_dir_all(folder).map_err(|e| Error::io(Operation::Create, folder, e))
}

fn refuse_existing(path: &Path) -> Result<()> {
    if crate::exists(path) {
        Err(Error::Exists {
            path: path.to_owned(),
        })
    } else {
        Ok(())
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A hidden name that tells whose temporary it is, should a killed run leave it.
fn temporary_prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let mut file = OutFile::create(&path).unwrap();
        file.put(b"half").unwrap();
        assert!(!crate::exists(&path));
        drop(file);
        assert_eq!(names(dir.path()), Vec::<String>::new());
        let mut file = OutFile::create(&path).unwrap();
        file.put(b"whole").unwrap();
        file.commit().unwrap();
        assert_eq!(names(dir.path()), ["out"]);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn an_existing_output_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let mut late = OutFile::create(&path).unwrap();
        late.put(b"late").unwrap();
        fs::write(&path, "first").unwrap();
        assert!(matches!(OutFile::create(&path), Err(Error::Exists { .. })));
        assert!(matches!(late.commit(), Err(Error::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(names(dir.path()), ["out"]);
        assert!(matches!(OutDir::create(&path), Err(Error::Exists { .. })));
    }

    #[test]
    fn several_files_appear_together_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
        let files = [&a, &b].map(|path| OutFile::create(path).unwrap());
        fs::write(&b, "first").unwrap();
        assert!(matches!(commit_all(files), Err(Error::Exists { .. })));
        assert_eq!(names(dir.path()), ["b"]);
    }

    #[test]
    fn an_empty_directory_may_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        fs::create_dir(&path).unwrap();
        let out = OutDir::create(&path).unwrap();
        fs::write(out.path().join("f"), "").unwrap();
        out.commit().unwrap();
        assert_eq!(names(&path), ["f"]);
        assert!(matches!(OutDir::create(&path), Err(Error::Exists { .. })));
        assert_eq!(names(dir.path()), ["out"]);
    }

    #[test]
    fn files_and_a_directory_or_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (file, folder) = (dir.path().join("file"), dir.path().join("folder"));
        let begin = || {
            let mut out = OutFile::create(&file).unwrap();
            out.put(b"x").unwrap();
            (out, OutDir::create(&folder).unwrap())
        };
        let (out, directory) = begin();
        fs::write(&folder, b"in the way").unwrap();
        assert!(matches!(
            commit_with([out], directory),
            Err(Error::Exists { .. })
        ));
        assert_eq!(names(dir.path()), ["folder"]);
        fs::remove_file(&folder).unwrap();
        let (out, directory) = begin();
        commit_with([out], directory).unwrap();
        assert_eq!(names(dir.path()), ["file", "folder"]);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = OutFile::create(Path::new("/nonexistent/out")).unwrap_err();
        assert_eq!(error.to_string(), "cannot create `/nonexistent/out`");
        assert!(error.is_environment());
    }

    #[test]
    fn the_umask_decides_the_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        OutFile::create(&path).unwrap().commit().unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_ne!(mode & 0o400, 0);
        assert_eq!(mode & 0o111, 0);
    }

    #[test]
    fn links_and_copies_make_parents_and_never_replace() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        write(&from, b"bytes").unwrap();
        for (name, make) in [
            (
                "c",
                &(|to: &Path| copy(&from, to).map(drop)) as &dyn Fn(&Path) -> Result<()>,
            ),
            ("p", &|to| copy_pieces(&from, to, |_| {}).map(drop)),
            ("h", &|to| hard_link(&from, to)),
            ("s", &|to| symlink(&from, to)),
        ] {
            let to = dir.path().join(name).join("to");
            make(&to).unwrap();
            assert_eq!(fs::read(&to).unwrap(), b"bytes");
            assert!(matches!(make(&to), Err(Error::Exists { .. })), "{name}");
        }
    }

    #[test]
    fn scratch_has_no_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = scratch(&dir.path().join("out")).unwrap();
        file.write_all(b"x").unwrap();
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }
}
