//! What a plan is made of: one item for each path in the layer.

use crate::elf;
use crate::error::PathRule;
use std::path::{Path, PathBuf};
use ustar::Type;

/// An entry of the layer, as it is known before any content is read.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// The path in the image, without a trailing slash. For a whiteout, that of the marker.
    pub(crate) path: Box<[u8]>,
    pub(crate) node: Node,
    pub(crate) mode: ModeRule,
    /// Which of the plan's metadata it has.
    pub(crate) metadata: u32,
    /// Which entry of the request it comes from; [`PARENT`] for a directory that none makes.
    pub(crate) entry: u32,
}

/// Stands for «no entry of the request».
pub(crate) const PARENT: u32 = u32::MAX;

/// What an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    File(Content),
    Directory,
    Symlink(Box<[u8]>),
    /// A hard link to a path.
    HardlinkPath(Box<[u8]>),
    /// A hard link to the item of this index, which comes before it. Only in a finished plan.
    Hardlink(u32),
    CharacterDevice(u32, u32),
    BlockDevice(u32, u32),
    Fifo,
    /// A whiteout or opaque marker: an empty file.
    Marker,
}

/// Where the content of a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// In a file on disk.
    Path(PathBuf),
    /// In the request.
    Inline(Box<[u8]>),
    /// In an archive: its index, the first byte, the size, and whether its header says that the
    /// owner may execute it.
    Slice {
        archive: u32,
        offset: u64,
        size: u64,
        executable: bool,
    },
}

/// Where an item's mode comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ModeRule {
    Given(u16),
    ByContent,
    ByBit,
}

impl Node {
    /// The kind, with its article.
    pub(crate) fn described(&self) -> &'static str {
        match self {
            Self::File(_) => "a file",
            Self::Directory => "a directory",
            Self::Symlink(_) => "a symbolic link",
            Self::HardlinkPath(_) | Self::Hardlink(_) => "a hard link",
            Self::CharacterDevice(..) => "a character device",
            Self::BlockDevice(..) => "a block device",
            Self::Fifo => "a fifo",
            Self::Marker => "a whiteout",
        }
    }

    pub(crate) fn header_type(&self) -> Type {
        match self {
            Self::File(_) | Self::Marker => Type::File,
            Self::Directory => Type::Directory,
            Self::Symlink(_) => Type::Symlink,
            Self::HardlinkPath(_) | Self::Hardlink(_) => Type::Hardlink,
            Self::CharacterDevice(..) => Type::CharacterDevice,
            Self::BlockDevice(..) => Type::BlockDevice,
            Self::Fifo => Type::Fifo,
        }
    }
}

impl ModeRule {
    /// The mode of a file whose content begins with `head`; `by_bit` is what its bit says.
    pub(crate) fn resolve(self, head: &[u8], by_bit: u16) -> u16 {
        match self {
            Self::Given(mode) => mode,
            Self::ByBit => by_bit,
            Self::ByContent if elf::is_executable(head) => 0o755,
            Self::ByContent => 0o644,
        }
    }
}

impl Item {
    /// The order of a layer: by the bytes of the paths, and so parents first; but a whiteout comes
    /// before its siblings (image specification, layer.md, "Whiteouts").
    pub(crate) fn order(&self, other: &Self) -> std::cmp::Ordering {
        let marker = |item: &Self| matches!(item.node, Node::Marker);
        if !marker(self) && !marker(other) {
            return self.path.cmp(&other.path);
        }
        self.key().cmp(other.key())
    }

    /// The path with a zero byte, which no path has, before the name of a marker.
    fn key(&self) -> impl Iterator<Item = u8> + '_ {
        let cut = match self.node {
            Node::Marker => parent(&self.path).map_or(0, |parent| parent.len() + 1),
            _ => self.path.len(),
        };
        let zero = (self.node == Node::Marker).then_some(0);
        self.path[..cut]
            .iter()
            .copied()
            .chain(zero)
            .chain(self.path[cut..].iter().copied())
    }
}

/// The directory that a path lies in; none for one at the root.
pub(crate) fn parent(path: &[u8]) -> Option<&[u8]> {
    path.iter()
        .rposition(|&b| b == b'/')
        .map(|slash| &path[..slash])
}

/// Joins two paths in the image, either of which may be empty.
pub(crate) fn join(above: &[u8], below: &[u8]) -> Vec<u8> {
    match (above.is_empty(), below.is_empty()) {
        (true, _) => below.to_vec(),
        (_, true) => above.to_vec(),
        _ => [above, b"/", below].concat(),
    }
}

/// A path on disk from the request's bytes.
pub(crate) fn disk_path(raw: &oci::RawPath) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(raw.as_bytes()))
}

/// Checks a path in the image.
///
/// # Errors
/// The rule that it breaks.
pub(crate) fn check_path(path: &[u8]) -> Result<(), PathRule> {
    if path.is_empty() {
        return Err(PathRule::Empty);
    }
    if path.contains(&0) {
        return Err(PathRule::Nul);
    }
    if path[0] == b'/' {
        return Err(PathRule::Absolute);
    }
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" => return Err(PathRule::EmptyPart),
            b"." => return Err(PathRule::Dot),
            b".." => return Err(PathRule::DotDot),
            _ if part.starts_with(b".wh.") => return Err(PathRule::Whiteout),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(path: &str, node: Node) -> Item {
        Item {
            path: path.as_bytes().into(),
            node,
            mode: ModeRule::Given(0),
            metadata: 0,
            entry: 0,
        }
    }

    #[test]
    fn markers_come_before_their_siblings_and_after_their_parent() {
        let mut items = [
            item("a/b", Node::Directory),
            item("a/!", Node::Directory),
            item("a", Node::Directory),
            item("a/.wh.z", Node::Marker),
            item("a.b", Node::Directory),
            item(".wh.q", Node::Marker),
            item("+", Node::Directory),
        ];
        items.sort_by(Item::order);
        let paths: Vec<_> = items
            .iter()
            .map(|item| String::from_utf8_lossy(&item.path).into_owned())
            .collect();
        assert_eq!(paths, [".wh.q", "+", "a", "a.b", "a/.wh.z", "a/!", "a/b"]);
    }

    #[test]
    fn paths_are_checked() {
        for (path, rule) in [
            ("", PathRule::Empty),
            ("/a", PathRule::Absolute),
            ("a\0b", PathRule::Nul),
            ("a//b", PathRule::EmptyPart),
            ("a/", PathRule::EmptyPart),
            ("./a", PathRule::Dot),
            ("a/..", PathRule::DotDot),
            (".wh.a", PathRule::Whiteout),
            ("a/.wh..wh..opq", PathRule::Whiteout),
            ("a/.wh.d/f", PathRule::Whiteout),
        ] {
            assert_eq!(check_path(path.as_bytes()), Err(rule), "{path:?}");
        }
        for path in ["a", "a/b", "...", "a/.wh", "caf\u{e9}", "a b\n"] {
            assert_eq!(check_path(path.as_bytes()), Ok(()), "{path:?}");
        }
    }
}
