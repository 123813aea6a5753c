//! Tar archives as inputs: indexed once, their content read later by position, so that their entries
//! can be taken in the layer's order.
//!
//! What `untar` finds is checked here: names are made relative and clean, types that a layer cannot
//! have are refused, and an archive without its end marker is taken as cut off. What the request
//! leaves out is not checked but for its name.

use crate::attributes::{LARGEST_ID, Own, Resolved, check_xattr};
use crate::error::{Error, PathRule, Result};
use crate::item::{Content, Node, check_path};
use crate::request::{Keep, Limits, Tar};
use crate::select::{Known, Pick, Select};
use crate::unpack;
use crate::untar::{Entries, Entry, Fault};
use oci::RawPath;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use ustar::parse::XATTR;
use ustar::{Metadata, OCTAL_7, Type};

/// An archive whose content can be read by position.
#[derive(Debug)]
pub(crate) struct Archive {
    file: File,
    name: RawPath,
}

/// One entry of an archive.
#[derive(Debug)]
pub(crate) struct Member {
    /// Below the archive's root, clean. For a whiteout, the path of the marker.
    pub(crate) path: Box<[u8]>,
    pub(crate) node: Node,
    mode: u16,
    metadata: Metadata,
}

impl Archive {
    /// Reads content at its position.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    /// What the request calls it.
    pub(crate) fn name(&self) -> &RawPath {
        &self.name
    }
}

impl Member {
    /// Its mode and metadata: what is kept of the header's, and the defaults for the rest.
    pub(crate) fn own(&self, defaults: &Resolved, keep: Keep) -> Own {
        let mut own = defaults.own();
        // A whiteout is a sign to the runtime, not a file: nobody owns it.
        if self.node == Node::Marker {
            return own;
        }
        let (from, to) = (&self.metadata, &mut own.metadata);
        if keep.owner {
            (to.uid, to.gid) = (from.uid, from.gid);
        }
        if keep.names {
            to.uname.clone_from(&from.uname);
            to.gname.clone_from(&from.gname);
        }
        if keep.mtime {
            (to.mtime, to.mtime_nanoseconds) = (from.mtime, from.mtime_nanoseconds);
        }
        if keep.xattrs {
            to.xattrs.clone_from(&from.xattrs);
        }
        // Links have the mode of their kind, whatever the machine that made the archive gave them.
        let linked = matches!(self.node, Node::Symlink(_) | Node::HardlinkPath(_));
        if keep.mode && !linked {
            own.mode = Some(self.mode);
        }
        own
    }
}

/// Opens an archive and lists what of it is selected. `number` is its index in the plan.
///
/// # Errors
/// Those of [`Error`] that begin with `Archive`, [`Error::Bomb`], [`Error::Input`].
pub(crate) fn index(
    tar: &Tar,
    entry: &str,
    number: u32,
    limits: Limits,
    select: &mut Select<'_>,
    output: &Path,
) -> Result<(Archive, Vec<(Pick, Member)>)> {
    let reader = Reader {
        archive: &tar.source,
        entry,
        number,
        strip: tar.strip_components as usize,
        keep: tar.keep,
    };
    let file = unpack::open(&tar.source, entry, limits, output)?;
    let members = reader.members(&file, select)?;
    Ok((
        Archive {
            file,
            name: tar.source.clone(),
        },
        members,
    ))
}

/// What errors need to know while one archive is read.
struct Reader<'a> {
    archive: &'a RawPath,
    entry: &'a str,
    number: u32,
    strip: usize,
    keep: Keep,
}

impl Reader<'_> {
    /// The entries of a plain tar that are selected, in its order.
    fn members(&self, file: &File, select: &mut Select<'_>) -> Result<Vec<(Pick, Member)>> {
        let mut members = Vec::new();
        let mut entries = Entries::new(file).map_err(|e| self.io(e))?;
        while let Some(entry) = entries.next().map_err(|fault| match fault {
            Fault::Io(source) => self.io(source),
            Fault::Truncated { expected } => self.truncated(expected, entries.archive_size()),
            Fault::Malformed { why } => Error::ArchiveMalformed {
                archive: self.archive.clone(),
                entry: self.entry.to_owned(),
                why,
            },
        })? {
            members.extend(self.member(&entry, select)?);
        }
        Ok(members)
    }

    /// What an entry is in a layer; none for the root of the archive and for what is not selected.
    fn member(&self, entry: &Entry, select: &mut Select<'_>) -> Result<Option<(Pick, Member)>> {
        let raw = &entry.name;
        let unsupported = |what: &str| self.refused(raw, what);
        // Their real names and sizes are elsewhere, in one of four forms.
        let sparse = |key: &Vec<u8>| key.starts_with(b"GNU.sparse.");
        if entry.flag == b'S' || entry.records.keys().any(sparse) {
            return Err(self.sparse(raw));
        }
        let Some(path) = self.clean(raw)? else {
            return Ok(None);
        };
        let pick = select.pick(&path, Known::Nothing);
        if pick == Pick::No {
            return Ok(None);
        }
        let kind = entry.kind().ok_or_else(|| {
            let flag = entry.flag.escape_ascii();
            unsupported(&format!("an entry of type `{flag}`"))
        })?;
        let marker = path
            .rsplit(|&b| b == b'/')
            .next()
            .is_some_and(|name| name.starts_with(b".wh."));
        let node = match kind {
            // A name that ends with a slash was a directory before POSIX had a type for it.
            Type::File if raw.ends_with(b"/") => Node::Directory,
            Type::File if marker => {
                self.check_marker(raw, &path, entry.size)?;
                Node::Marker
            }
            Type::File => Node::File(Content::Slice {
                archive: self.number,
                offset: entry.offset,
                size: entry.size,
                executable: entry.mode().is_some_and(|mode| mode & 0o100 != 0),
            }),
            Type::Directory => Node::Directory,
            Type::Symlink => {
                if entry.link.is_empty() || entry.link.contains(&0) {
                    return Err(unsupported("a symbolic link that leads nowhere"));
                }
                Node::Symlink(entry.link.clone().into())
            }
            Type::Hardlink => match self.clean(&entry.link)? {
                Some(target) => Node::HardlinkPath(target.into()),
                None => return Err(unsupported("a hard link that leads to the root")),
            },
            Type::CharacterDevice => {
                let (major, minor) = self.device(entry)?;
                Node::CharacterDevice(major, minor)
            }
            Type::BlockDevice => {
                let (major, minor) = self.device(entry)?;
                Node::BlockDevice(major, minor)
            }
            Type::Fifo => Node::Fifo,
        };
        if node != Node::Marker {
            check_path(&path).map_err(|rule| self.bad_path(raw, rule))?;
        }
        let mode = entry
            .mode()
            .ok_or_else(|| unsupported("an unreadable mode"))?;
        let member = Member {
            path: path.into(),
            node,
            mode: (mode & 0o7777) as u16,
            metadata: self.metadata(entry)?,
        };
        Ok(Some((pick, member)))
    }

    fn device(&self, entry: &Entry) -> Result<(u32, u32)> {
        let fits = |number| {
            let number = u32::try_from(number).ok()?;
            (u64::from(number) <= OCTAL_7).then_some(number)
        };
        entry
            .device()
            .and_then(|(major, minor)| Some((fits(major)?, fits(minor)?)))
            .ok_or_else(|| {
                self.refused(
                    &entry.name,
                    "a device without numbers that a layer can have",
                )
            })
    }

    /// What is kept of owner, time and extended attributes; what is not kept is not looked at.
    fn metadata(&self, entry: &Entry) -> Result<Metadata> {
        let Keep {
            mode: _,
            owner,
            names,
            mtime,
            xattrs,
        } = self.keep;
        let record = |key: &str| entry.records.get(key.as_bytes()).map(Vec::as_slice);
        let bad = |field: &str, keep| Error::ArchiveField {
            archive: self.archive.clone(),
            entry: self.entry.to_owned(),
            path: RawPath::new(&*entry.name),
            field: field.to_owned(),
            keep,
        };
        let id = |key: &str, field: Option<i64>| -> Result<u64> {
            let number = match record(key) {
                None => field.and_then(|id| u64::try_from(id).ok()),
                Some(text) => std::str::from_utf8(text)
                    .ok()
                    .and_then(|id| id.parse().ok()),
            };
            number
                .filter(|id| *id <= LARGEST_ID)
                .ok_or_else(|| bad(&format!("a {key}"), "owner"))
        };
        let name = |key: &str, field: &[u8]| -> Result<String> {
            let bytes = record(key).unwrap_or(field);
            String::from_utf8(bytes.to_vec())
                .ok()
                .filter(|name| !name.contains('\0'))
                .ok_or_else(|| bad(&format!("a {key}"), "names"))
        };
        let mut metadata = Metadata::default();
        if owner {
            metadata.uid = id("uid", entry.uid())?;
            metadata.gid = id("gid", entry.gid())?;
        }
        if names {
            metadata.uname = name("uname", entry.uname())?;
            metadata.gname = name("gname", entry.gname())?;
        }
        if mtime {
            (metadata.mtime, metadata.mtime_nanoseconds) = match record("mtime") {
                None => entry.mtime().map(|seconds| (seconds, 0)),
                Some(text) => std::str::from_utf8(text).ok().and_then(parse_time),
            }
            .ok_or_else(|| bad("a time", "mtime"))?;
        }
        if xattrs {
            for (key, value) in &entry.records {
                let Some(name) = key.strip_prefix(XATTR) else {
                    continue;
                };
                let name = std::str::from_utf8(name)
                    .ok()
                    .filter(|name| check_xattr(name).is_ok())
                    .ok_or_else(|| {
                        let name = RawPath::new(name);
                        bad(&format!("an extended attribute `{name}`"), "xattrs")
                    })?;
                metadata.xattrs.insert(name.to_owned(), value.clone());
            }
        }
        Ok(metadata)
    }

    /// A name without leading slashes, `.` and empty parts, and without the parts to be dropped;
    /// none if nothing is left.
    fn clean(&self, name: &[u8]) -> Result<Option<Vec<u8>>> {
        let parts = name
            .split(|&b| b == b'/')
            .filter(|part| !matches!(part, [] | [b'.']));
        let kept: Vec<&[u8]> = parts.skip(self.strip).collect();
        let rule = if name.split(|&b| b == b'/').any(|part| part == b"..") {
            Some(PathRule::DotDot)
        } else {
            name.contains(&0).then_some(PathRule::Nul)
        };
        if let Some(rule) = rule {
            return Err(Error::ArchivePath {
                archive: self.archive.clone(),
                entry: self.entry.to_owned(),
                path: RawPath::new(name),
                rule,
            });
        }
        Ok((!kept.is_empty()).then(|| kept.join(&b'/')))
    }

    /// A whiteout is an empty file that hides a path which could be there.
    fn check_marker(&self, raw: &[u8], path: &[u8], size: u64) -> Result<()> {
        let cut = path
            .iter()
            .rposition(|&b| b == b'/')
            .map_or(0, |slash| slash + 1);
        let hidden = match &path[cut..] {
            b".wh..wh..opq" if cut == 0 => return Ok(()),
            b".wh..wh..opq" => path[..cut - 1].to_vec(),
            name => [&path[..cut], &name[b".wh.".len()..]].concat(),
        };
        if size != 0 {
            return Err(self.refused(raw, "a whiteout with content"));
        }
        check_path(&hidden).map_err(|_| self.refused(raw, "a whiteout of no path"))
    }

    fn bad_path(&self, raw: &[u8], rule: PathRule) -> Error {
        self.refused(raw, &format!("a path that a layer can't have ({rule})"))
    }

    fn sparse(&self, path: &[u8]) -> Error {
        Error::ArchiveSparse {
            archive: self.archive.clone(),
            entry: self.entry.to_owned(),
            path: RawPath::new(path),
        }
    }

    fn refused(&self, path: &[u8], what: &str) -> Error {
        Error::ArchiveEntry {
            archive: self.archive.clone(),
            entry: self.entry.to_owned(),
            path: RawPath::new(path),
            what: what.to_owned(),
        }
    }

    fn truncated(&self, expected: u64, actual: u64) -> Error {
        Error::ArchiveTruncated {
            archive: self.archive.clone(),
            entry: self.entry.to_owned(),
            expected,
            actual,
        }
    }

    fn io(&self, source: io::Error) -> Error {
        Error::Archive {
            archive: self.archive.clone(),
            entry: self.entry.to_owned(),
            source,
        }
    }
}

/// Decimal seconds as (seconds rounded down, nanoseconds); digits past the ninth are dropped.
fn parse_time(text: &str) -> Option<(i64, u32)> {
    let (negative, digits) = text
        .strip_prefix('-')
        .map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty()
        || !whole
            .bytes()
            .chain(fraction.bytes())
            .all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let seconds: i128 = whole.parse().ok()?;
    let nanoseconds: u32 = format!("{:0<9.9}", fraction).parse().ok()?;
    let (seconds, nanoseconds) = match (negative, nanoseconds) {
        (false, _) => (seconds, nanoseconds),
        (true, 0) => (-seconds, 0),
        (true, _) => (-seconds - 1, 1_000_000_000 - nanoseconds),
    };
    Some((seconds.try_into().ok()?, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(parse_time("12"), Some((12, 0)));
        assert_eq!(parse_time("12.5"), Some((12, 500_000_000)));
        assert_eq!(parse_time("-0.5"), Some((-1, 500_000_000)));
        assert_eq!(parse_time("-3"), Some((-3, 0)));
        assert_eq!(parse_time("1.0000000019"), Some((1, 1)));
        assert_eq!(parse_time("-9223372036854775808"), Some((i64::MIN, 0)));
        for bad in ["", "-", ".5", "1e3", "1.x", "9223372036854775808"] {
            assert_eq!(parse_time(bad), None, "{bad}");
        }
    }
}
