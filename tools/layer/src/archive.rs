//! Tar archives as inputs: plain, gzip or zstd, indexed once, their content read later by position.
//!
//! A compressed archive is unpacked into a scratch file that has no name, so that its entries can
//! be taken in the layer's order; how much may come out is bounded by the request. The reader is
//! the crate `tar`; what it hands over is checked here: names are made relative and clean, types
//! that a layer cannot have are refused, and an archive without its end marker is taken as cut off.

use crate::attributes::{Own, Resolved, check_xattr};
use crate::error::{Error, PathRule, Result};
use crate::item::{Content, Node, check_path, disk_path};
use crate::request::{Keep, Limits, Tar};
use flate2::read::MultiGzDecoder;
use oci::RawPath;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use tar::EntryType;
use ustar::{BLOCK, Metadata};

/// Below this many unpacked bytes the ratio is not looked at: small archives of zeros are common.
const RATIO_FROM: u64 = 64 << 20;
/// Windows of zstd frames up to 128 MiB, as `zstd --long` makes and most readers take.
const ZSTD_WINDOW_LOG: u32 = 27;

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

/// Opens an archive and lists what is in it. `number` is its index in the plan.
///
/// # Errors
/// Those of [`Error`] that begin with `Archive`, [`Error::Bomb`], [`Error::Input`].
pub(crate) fn index(
    tar: &Tar,
    entry: &str,
    number: u32,
    limits: Limits,
    output: &Path,
) -> Result<(Archive, Vec<Member>)> {
    let reader = Reader {
        archive: &tar.source,
        entry,
        number,
        strip: tar.strip_components as usize,
    };
    let file = reader.open(disk_path(&tar.source), limits, output)?;
    let members = reader.members(&file)?;
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
}

impl Reader<'_> {
    /// A file that holds the plain tar: the archive itself, or a scratch file.
    fn open(&self, path: &Path, limits: Limits, output: &Path) -> Result<File> {
        let input = |source| Error::Input {
            path: self.archive.clone(),
            entry: self.entry.to_owned(),
            source,
        };
        let files::Source { mut file, size, .. } = files::open(path).map_err(input)?;
        let mut magic = [0; 6];
        let known = file.read(&mut magic).map_err(|e| self.io(e))?;
        file.seek(SeekFrom::Start(0)).map_err(|e| self.io(e))?;
        let format = |format| Error::ArchiveFormat {
            archive: self.archive.clone(),
            entry: self.entry.to_owned(),
            format,
        };
        match &magic[..known] {
            [0x1f, 0x8b, ..] => self.unpack(
                MultiGzDecoder::new(io::BufReader::new(file)),
                size,
                limits,
                output,
            ),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                let mut decoder = zstd::stream::read::Decoder::new(file).map_err(|e| self.io(e))?;
                decoder
                    .window_log_max(ZSTD_WINDOW_LOG)
                    .map_err(|e| self.io(e))?;
                self.unpack(decoder, size, limits, output)
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0] => Err(format("xz")),
            [b'B', b'Z', b'h', ..] => Err(format("bzip2")),
            [0x04, 0x22, 0x4d, 0x18, ..] => Err(format("lz4")),
            _ => Ok(file),
        }
    }

    /// Unpacks into a scratch file beside the output, within the limits.
    fn unpack(
        &self,
        mut from: impl Read,
        packed: u64,
        limits: Limits,
        output: &Path,
    ) -> Result<File> {
        let mut scratch = files::scratch(output)?;
        let mut buffer = vec![0; 256 << 10];
        let mut unpacked = 0u64;
        loop {
            let count = match from.read(&mut buffer) {
                Ok(0) => return Ok(scratch),
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(self.io(e)),
            };
            unpacked += count as u64;
            let over_size = unpacked > limits.unpacked_bytes;
            let over_ratio =
                unpacked > RATIO_FROM && unpacked / limits.ratio.max(1) > packed.max(1);
            if over_size || over_ratio {
                let limit = if over_size {
                    format!("limits.unpacked_bytes: {}", limits.unpacked_bytes)
                } else {
                    format!("limits.ratio: {}", limits.ratio)
                };
                return Err(Error::Bomb {
                    archive: self.archive.clone(),
                    entry: self.entry.to_owned(),
                    packed,
                    unpacked,
                    limit,
                });
            }
            scratch
                .write_all(&buffer[..count])
                .map_err(|source| files::Error::writing(output, source))?;
        }
    }

    /// The entries of a plain tar, in its order.
    fn members(&self, file: &File) -> Result<Vec<Member>> {
        let size = file.metadata().map_err(|e| self.io(e))?.len();
        let mut reader = file;
        reader.seek(SeekFrom::Start(0)).map_err(|e| self.io(e))?;
        let mut archive = tar::Archive::new(reader);
        let mut members = Vec::new();
        let mut end = 0;
        for entry in archive.entries_with_seek().map_err(|e| self.io(e))? {
            let mut entry = entry.map_err(|e| self.malformed(e, end, size))?;
            let content = entry.raw_file_position();
            end = content.saturating_add(entry.size().next_multiple_of(BLOCK as u64));
            if end > size {
                return Err(self.truncated(end, size));
            }
            if let Some(member) = self.member(&mut entry, content)? {
                members.push(member);
            }
        }
        // Two blocks of zeros; some writers leave out the second.
        let mut marker = [1; BLOCK];
        if end + BLOCK as u64 > size {
            return Err(self.truncated(end + 2 * BLOCK as u64, size));
        }
        file.read_exact_at(&mut marker, end)
            .map_err(|e| self.io(e))?;
        if marker != [0; BLOCK] {
            return Err(self.truncated(end + 2 * BLOCK as u64, size));
        }
        Ok(members)
    }

    fn member(&self, entry: &mut tar::Entry<'_, &File>, offset: u64) -> Result<Option<Member>> {
        let raw = entry.path_bytes().into_owned();
        let pax = self.pax(entry, &raw)?;
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            // git-archive writes its commit there, as a comment.
            return Ok(None);
        }
        let Some(path) = self.clean(&raw, &raw)? else {
            return Ok(None);
        };
        let unsupported = |what: &str| self.refused(&raw, what);
        let size = entry.size();
        let header = entry.header();
        let device = || -> Result<(u32, u32)> {
            let number = |value: io::Result<Option<u32>>| {
                value
                    .ok()
                    .flatten()
                    .ok_or_else(|| unsupported("a device without numbers"))
            };
            Ok((
                number(header.device_major())?,
                number(header.device_minor())?,
            ))
        };
        let link = || {
            entry
                .link_name_bytes()
                .map(std::borrow::Cow::into_owned)
                .unwrap_or_default()
        };
        let marker = path
            .rsplit(|&b| b == b'/')
            .next()
            .is_some_and(|name| name.starts_with(b".wh."));
        let node = match kind {
            // A name that ends with a slash was a directory before POSIX had a type for it.
            EntryType::Regular if raw.ends_with(b"/") => Node::Directory,
            EntryType::Regular | EntryType::Continuous if pax.sparse => {
                return Err(unsupported("a sparse file, which layers can't have"));
            }
            EntryType::Regular | EntryType::Continuous if marker => {
                self.check_marker(&raw, &path, size)?;
                return Ok(Some(self.finished(path, Node::Marker, entry, pax)?));
            }
            EntryType::Regular | EntryType::Continuous => Node::File(Content::Slice {
                archive: self.number,
                offset,
                size,
            }),
            EntryType::Directory => Node::Directory,
            EntryType::Symlink => {
                let target = link();
                if target.is_empty() {
                    return Err(unsupported("a symbolic link that leads nowhere"));
                }
                Node::Symlink(target.into())
            }
            EntryType::Link => match self.clean(&raw, &link())? {
                Some(target) => Node::HardlinkPath(target.into()),
                None => return Err(unsupported("a hard link that leads to the root")),
            },
            EntryType::Char => {
                let (major, minor) = device()?;
                Node::CharacterDevice(major, minor)
            }
            EntryType::Block => {
                let (major, minor) = device()?;
                Node::BlockDevice(major, minor)
            }
            EntryType::Fifo => Node::Fifo,
            EntryType::GNUSparse => {
                return Err(unsupported("a sparse file, which layers can't have"));
            }
            other => {
                let what = format!("an entry of type `{}`", other.as_byte().escape_ascii());
                return Err(unsupported(&what));
            }
        };
        check_path(&path).map_err(|rule| self.bad_path(&raw, rule))?;
        Ok(Some(self.finished(path, node, entry, pax)?))
    }

    fn finished(
        &self,
        path: Vec<u8>,
        node: Node,
        entry: &tar::Entry<'_, &File>,
        pax: Pax,
    ) -> Result<Member> {
        let header = entry.header();
        let bad = |field: &str| self.refused(&path, &format!("an unreadable {field}"));
        let name = |bytes: Option<&[u8]>| -> Option<String> {
            bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let mtime = match pax.mtime {
            Some(mtime) => mtime,
            None => (
                i64::try_from(header.mtime().map_err(|_| bad("time"))?).map_err(|_| bad("time"))?,
                0,
            ),
        };
        let metadata = Metadata {
            uid: pax
                .uid
                .map_or_else(|| header.uid(), Ok)
                .map_err(|_| bad("uid"))?,
            gid: pax
                .gid
                .map_or_else(|| header.gid(), Ok)
                .map_err(|_| bad("gid"))?,
            uname: pax
                .uname
                .or_else(|| name(header.username_bytes()))
                .unwrap_or_default(),
            gname: pax
                .gname
                .or_else(|| name(header.groupname_bytes()))
                .unwrap_or_default(),
            mtime: mtime.0,
            mtime_nanoseconds: mtime.1,
            xattrs: pax.xattrs,
        };
        let mode = header.mode().map_err(|_| bad("mode"))?;
        Ok(Member {
            path: path.into(),
            node,
            mode: (mode & 0o7777) as u16,
            metadata,
        })
    }

    fn pax(&self, entry: &mut tar::Entry<'_, &File>, raw: &[u8]) -> Result<Pax> {
        let mut pax = Pax::default();
        let Some(records) = entry.pax_extensions().map_err(|e| self.io(e))? else {
            return Ok(pax);
        };
        for record in records {
            let record = record.map_err(|e| self.io(e))?;
            let (Ok(key), value) = (record.key(), record.value_bytes()) else {
                continue;
            };
            let text = || String::from_utf8_lossy(value).into_owned();
            let bad = || {
                self.refused(
                    raw,
                    &format!("the unreadable pax record `{key}={}`", value.escape_ascii()),
                )
            };
            match key {
                "uid" => pax.uid = Some(text().parse().map_err(|_| bad())?),
                "gid" => pax.gid = Some(text().parse().map_err(|_| bad())?),
                "uname" => pax.uname = Some(text()),
                "gname" => pax.gname = Some(text()),
                "mtime" => pax.mtime = Some(parse_time(&text()).ok_or_else(bad)?),
                _ if key.starts_with("GNU.sparse.") => pax.sparse = true,
                _ => {
                    if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
                        check_xattr(name).map_err(|what| self.refused(raw, &what))?;
                        pax.xattrs.insert(name.to_owned(), value.to_vec());
                    }
                }
            }
        }
        Ok(pax)
    }

    /// A name without leading slashes, `.` and empty parts, and without the parts to be dropped;
    /// none if nothing is left.
    fn clean(&self, raw: &[u8], name: &[u8]) -> Result<Option<Vec<u8>>> {
        let parts = name
            .split(|&b| b == b'/')
            .filter(|part| !matches!(part, [] | [b'.']));
        let kept: Vec<&[u8]> = parts.skip(self.strip).collect();
        if name.split(|&b| b == b'/').any(|part| part == b"..") {
            return Err(self.bad_path(raw, PathRule::DotDot));
        }
        if name.contains(&0) {
            return Err(self.bad_path(raw, PathRule::Nul));
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
            return Err(self.bad_path(raw, PathRule::Whiteout));
        }
        check_path(&hidden).map_err(|rule| self.bad_path(raw, rule))
    }

    fn bad_path(&self, raw: &[u8], rule: PathRule) -> Error {
        self.refused(raw, &format!("a path that a layer can't have ({rule})"))
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

    fn malformed(&self, error: io::Error, at: u64, size: u64) -> Error {
        if error.kind() == io::ErrorKind::UnexpectedEof || at >= size && at > 0 {
            return self.truncated(at + BLOCK as u64, size);
        }
        Error::ArchiveMalformed {
            archive: self.archive.clone(),
            entry: self.entry.to_owned(),
            why: format!("{error} (at byte {at})"),
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

/// What pax records say over the header.
#[derive(Default)]
struct Pax {
    uid: Option<u64>,
    gid: Option<u64>,
    uname: Option<String>,
    gname: Option<String>,
    mtime: Option<(i64, u32)>,
    sparse: bool,
    xattrs: BTreeMap<String, Vec<u8>>,
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
    let seconds: i64 = whole.parse().ok()?;
    let nanoseconds: u32 = format!("{:0<9.9}", fraction).parse().ok()?;
    match (negative, nanoseconds) {
        (false, _) => Some((seconds, nanoseconds)),
        (true, 0) => Some((-seconds, 0)),
        (true, _) => Some((-seconds - 1, 1_000_000_000 - nanoseconds)),
    }
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
        for bad in ["", "-", ".5", "1e3", "1.x", "99999999999999999999"] {
            assert_eq!(parse_time(bad), None, "{bad}");
        }
    }
}
