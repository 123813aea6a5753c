//! Folders as values: read, compared, and copied with everything changed that must not matter.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes, Permissions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode};

/// What a path is, without anything a program may not look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A folder.
    Directory,
    /// A regular file and its bytes.
    File(Vec<u8>),
    /// A symbolic link and its target.
    Symlink(PathBuf),
    /// Anything else.
    Special,
}

/// Reads a file or a folder: every path below it, relative, `""` being the thing itself.
pub fn read(top: &Path) -> BTreeMap<PathBuf, Node> {
    let mut nodes = BTreeMap::new();
    let mut ahead = vec![PathBuf::new()];
    while let Some(path) = ahead.pop() {
        let here = if path.as_os_str().is_empty() {
            top.to_owned()
        } else {
            top.join(&path)
        };
        let kind = fs::symlink_metadata(&here).unwrap().file_type();
        let node = if kind.is_dir() {
            ahead.extend(children(&here).into_iter().map(|name| path.join(name)));
            Node::Directory
        } else if kind.is_symlink() {
            Node::Symlink(fs::read_link(&here).unwrap())
        } else if kind.is_file() {
            Node::File(fs::read(&here).unwrap())
        } else {
            Node::Special
        };
        nodes.insert(path, node);
    }
    nodes
}

/// The state of a folder, enough to notice that a file came, went or changed.
pub fn snapshot(top: &Path) -> BTreeMap<PathBuf, (u32, u64, i64, i64)> {
    let mut seen = BTreeMap::new();
    let mut ahead = vec![top.to_owned()];
    while let Some(folder) = ahead.pop() {
        for name in children(&folder) {
            let path = folder.join(name);
            let meta = fs::symlink_metadata(&path).unwrap();
            let times = if meta.is_dir() {
                (0, 0)
            } else {
                (meta.mtime(), meta.mtime_nsec())
            };
            let size = if meta.is_dir() { 0 } else { meta.len() };
            if meta.is_dir() {
                ahead.push(path.clone());
            }
            let path = path.strip_prefix(top).expect("below the top").to_owned();
            seen.insert(path, (meta.mode(), size, times.0, times.1));
        }
    }
    seen
}

/// The names in a folder, in the order in which the file system gives them.
pub fn as_the_system_says(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into())
        .collect()
}

/// The names in a folder, sorted.
fn children(folder: &Path) -> Vec<PathBuf> {
    let mut names = as_the_system_says(folder);
    names.sort();
    names
}

/// How a copy comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The bytes are written again.
    Copied,
    /// The copy is another name of the same file.
    HardLinked,
    /// The copy shares the file's blocks, copied on write.
    Reflinked,
}

/// How a copy differs from its original, in what may not matter.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// How files are copied.
    pub content: Content,
    /// Whether folders are filled from the last name to the first.
    pub reversed: bool,
    /// Whether owners (as root), times and modes are changed.
    pub disguised: bool,
    /// Whether the executable bit stays all the same.
    pub keep_executable_bit: bool,
}

impl Manner {
    /// A plain copy.
    pub const PLAIN: Manner = Manner {
        content: Content::Copied,
        reversed: false,
        disguised: false,
        keep_executable_bit: true,
    };
}

/// Copies a folder, special files included. Executable files become 0755, all others 0644.
pub fn copy(from: &Path, to: &Path, manner: Manner) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, Permissions::from_mode(0o755)).unwrap();
    let mut names = children(from);
    if manner.reversed {
        names.reverse();
    }
    for name in names {
        copy_one(&from.join(&name), &to.join(&name), manner);
    }
    if manner.disguised {
        disguise(to, 0o700);
    }
}

fn copy_one(from: &Path, to: &Path, manner: Manner) {
    let meta = fs::symlink_metadata(from).unwrap();
    let kind = meta.file_type();
    if kind.is_dir() {
        return copy(from, to, manner);
    }
    if kind.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from).unwrap(), to).unwrap();
        return;
    }
    if kind.is_fifo() {
        return fifo(to);
    }
    assert!(
        kind.is_file(),
        "{}: only files, folders, links and fifos are copied",
        from.display()
    );
    match manner.content {
        Content::HardLinked => fs::hard_link(from, to).unwrap(),
        Content::Copied => copy_data(from, to),
        Content::Reflinked => {
            let target = File::create_new(to).unwrap();
            rustix::fs::ioctl_ficlone(target, File::open(from).unwrap())
                .unwrap_or_else(|error| panic!("{}: not reflinked: {error}", to.display()));
        }
    }
    let executable = meta.mode() & 0o100 != 0;
    let mode = match (manner.disguised, executable) {
        (false, true) => 0o755,
        (false, false) => 0o644,
        // The other way round where the bit may not matter: the strongest disguise.
        (true, bit) if bit == manner.keep_executable_bit => 0o711,
        (true, _) => 0o600,
    };
    if manner.content != Content::HardLinked {
        fs::set_permissions(to, Permissions::from_mode(mode)).unwrap();
    }
    if manner.disguised {
        disguise(to, mode);
    }
}

/// Copies bytes; holes stay holes, so that a sparse file of gigabytes costs nothing.
fn copy_data(from: &Path, to: &Path) {
    let mut source = File::open(from).unwrap();
    let target = File::create_new(to).unwrap();
    let meta = source.metadata().unwrap();
    target.set_len(meta.len()).unwrap();
    let mut at = 0;
    let mut buffer = vec![0; 1 << 16];
    while at < meta.len() && meta.blocks() > 0 {
        let Ok(data) = rustix::fs::seek(&source, rustix::fs::SeekFrom::Data(at)) else {
            break;
        };
        let hole = rustix::fs::seek(&source, rustix::fs::SeekFrom::Hole(data)).unwrap();
        source.seek(SeekFrom::Start(data)).unwrap();
        at = data;
        while at < hole {
            let want = buffer.len().min(usize::try_from(hole - at).expect("fits"));
            source.read_exact(&mut buffer[..want]).unwrap();
            target.write_all_at(&buffer[..want], at).unwrap();
            at += want as u64;
        }
    }
}

/// Gives a file other times, and as root another owner. The mode comes last: an owner resets it.
fn disguise(path: &Path, mode: u32) {
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(path, Some(12345), Some(54321)).unwrap();
    }
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let seed = path
        .as_os_str()
        .as_bytes()
        .iter()
        .map(|byte| u64::from(*byte))
        .sum::<u64>();
    let time =
        SystemTime::UNIX_EPOCH + Duration::new(seed * 7_654_321 % 4_000_000_000, 123_456_789);
    File::open(path)
        .unwrap()
        .set_times(FileTimes::new().set_accessed(time).set_modified(time))
        .unwrap();
}

/// Makes a fifo.
pub fn fifo(path: &Path) {
    rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
}

/// Writes a file whose size is `size`: a hole, but for the given pieces.
pub fn sparse(path: &Path, size: u64, pieces: &[(u64, Vec<u8>)]) {
    let mut file = File::create_new(path).unwrap();
    file.set_len(size).unwrap();
    for (at, bytes) in pieces {
        file.seek(SeekFrom::Start(*at)).unwrap();
        file.write_all(bytes).unwrap();
    }
}
