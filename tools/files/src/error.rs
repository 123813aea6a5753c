//! One enum: what was done, to which path, and what the system said.

use rustix::io::Errno;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What was being done when the system said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Opening a file for reading.
    Open,
    /// Reading bytes.
    Read,
    /// Listing a directory.
    List,
    /// Asking what kind of file it is.
    Inspect,
    /// Reading a symbolic link.
    ReadLink,
    /// Making a file or directory.
    Create,
    /// Writing bytes.
    Write,
    /// Making a hard or symbolic link.
    Link,
    /// Renaming the finished output into place.
    Rename,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::List => "list the directory",
            Self::Inspect => "inspect",
            Self::ReadLink => "read the link",
            Self::Create => "create",
            Self::Write => "write",
            Self::Link => "link",
            Self::Rename => "rename into place",
        })
    }
}

/// What can go wrong with files.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("cannot {operation} `{}`", path.display())]
    Io {
        /// What was being done.
        operation: Operation,
        /// To which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The output is there already.
    #[error("the output `{}` exists", path.display())]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// Something else where a regular file is wanted.
    #[error("`{}` is {kind}, not a file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// Something else where a directory is wanted.
    #[error("`{}` is {kind}, not a directory", path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// Neither file, directory nor symbolic link.
    #[error("`{}` is {kind}; only files, directories and symbolic links can be packed", path.display())]
    Special {
        /// The path.
        path: PathBuf,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// A link that leads to one of the directories above it.
    #[error("the link `{}` leads back to a directory above it", path.display())]
    LinkLoop {
        /// The link.
        path: PathBuf,
    },
    /// More bytes than the caller takes.
    #[error("`{}` is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },
}

impl Error {
    pub(crate) fn io(operation: Operation, path: &Path, source: io::Error) -> Self {
        Self::Io {
            operation,
            path: path.to_owned(),
            source,
        }
    }

    /// An error of writing a file that was made here without a name of its own.
    pub fn writing(path: &Path, source: io::Error) -> Self {
        Self::io(Operation::Write, path, source)
    }

    /// An error of reading from a handle that was opened here.
    pub fn reading(path: &Path, source: io::Error) -> Self {
        Self::io(Operation::Read, path, source)
    }

    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { .. } => {
                Some("remove it, or choose another path; an output is never overwritten".into())
            }
            Self::NotAFile { kind, .. } if kind.ends_with("directory") => {
                Some("name a file of it, or pack all of it as a tree".into())
            }
            Self::NotAFile { kind: "a socket", .. } | Self::Special { kind: "a socket", .. } => {
                Some("leave it out: no image can hold a socket".into())
            }
            Self::NotAFile { .. } => Some(
                "to have such a thing in the image use an entry of its own kind (`fifo`, `character_device`, …)"
                    .into(),
            ),
            Self::NotADirectory { .. } => Some("to pack one file use a `file` entry".into()),
            Self::Special { .. } => Some(
                "exclude it, or describe it by an entry of its own kind (`fifo`, `character_device`, …)"
                    .into(),
            ),
            Self::LinkLoop { .. } => {
                Some("set `symlinks` to `keep`, or exclude the link".into())
            }
            Self::Io { source, .. } => match Errno::from_io_error(source) {
                Some(Errno::NOSPC | Errno::DQUOT) => {
                    Some("free some space and run it again".into())
                }
                _ => None,
            },
            Self::TooLarge { .. } => None,
        }
    }

    /// True where the machine is to blame and trying again may help: a full disk, a failing
    /// device, too many open files, no permission. False where the input is wrong.
    pub fn is_environment(&self) -> bool {
        match self {
            Self::Io {
                operation, source, ..
            } => match operation {
                Operation::Create | Operation::Write | Operation::Link | Operation::Rename => true,
                // Errors of names, not of the machine.
                _ => !matches!(
                    Errno::from_io_error(source),
                    Some(
                        Errno::NOENT
                            | Errno::NOTDIR
                            | Errno::ISDIR
                            | Errno::INVAL
                            | Errno::NAMETOOLONG
                            | Errno::LOOP
                    )
                ),
            },
            _ => false,
        }
    }
}
