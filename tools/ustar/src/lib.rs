//! Tar headers: POSIX.1-1988 ustar, with POSIX.1-2001 pax records only where ustar cannot hold a
//! field. Never a GNU type, never a base-256 number.
//!
//! It does no I/O and refuses nothing: what a path or a number may be is its caller's rule.
//!
//! Invariant: the bytes are a pure function of the [`Header`]. `docs/determinism.md` gives each
//! field's value and reason. [`parse`] takes the fields of other people's headers apart.

pub mod parse;

use std::collections::BTreeMap;

/// Tar works in blocks of this many bytes.
pub const BLOCK: usize = 512;

/// What ends an archive: two blocks of zeros, and no padding to a record of 20 blocks.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The largest number that fits a field of 8 bytes: seven octal digits and a NUL.
pub const OCTAL_7: u64 = 0o7_777_777;
/// The largest number that fits a field of 12 bytes: eleven octal digits and a NUL.
const OCTAL_11: u64 = 0o77_777_777_777;

/// The `typeflag` field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `0`: a regular file.
    File,
    /// `1`: a hard link to an entry before it.
    Hardlink,
    /// `2`: a symbolic link.
    Symlink,
    /// `3`: a character device.
    CharacterDevice,
    /// `4`: a block device.
    BlockDevice,
    /// `5`: a directory.
    Directory,
    /// `6`: a fifo.
    Fifo,
}

impl Type {
    fn flag(self) -> u8 {
        match self {
            Self::File => b'0',
            Self::Hardlink => b'1',
            Self::Symlink => b'2',
            Self::CharacterDevice => b'3',
            Self::BlockDevice => b'4',
            Self::Directory => b'5',
            Self::Fifo => b'6',
        }
    }

    /// The name in listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Hardlink => "hardlink",
            Self::Symlink => "symlink",
            Self::CharacterDevice => "character_device",
            Self::BlockDevice => "block_device",
            Self::Directory => "directory",
            Self::Fifo => "fifo",
        }
    }
}

/// Owner, time and extended attributes: what entries of all kinds have besides their mode.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metadata {
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// The owner's name, without NUL.
    pub uname: String,
    /// The group's name, without NUL.
    pub gname: String,
    /// Seconds since 1970, rounded down.
    pub mtime: i64,
    /// 0 to 999,999,999, added to `mtime`.
    pub mtime_nanoseconds: u32,
    /// Extended attributes: pax records `SCHILY.xattr.NAME`; no name has `=`.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

/// One entry's header.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// Without a trailing slash, for directories too.
    pub path: &'a [u8],
    /// What the entry is.
    pub kind: Type,
    /// Permission bits: at most 0o7777.
    pub mode: u16,
    /// Owner, time and extended attributes.
    pub metadata: &'a Metadata,
    /// Bytes of content; 0 for all but files.
    pub size: u64,
    /// The target of a symbolic or hard link; or else empty.
    pub link: &'a [u8],
    /// Major and minor number of a device, each at most [`OCTAL_7`]; or else zeros.
    pub device: (u32, u32),
}

impl Header<'_> {
    /// Appends the header's blocks: a pax header where one is needed, then the ustar header. Returns how many
    /// bytes of pax records there are: readers take at most [`parse::LARGEST_RECORDS`].
    pub fn encode(&self, out: &mut Vec<u8>) -> u64 {
        let slashed;
        let name = if self.kind == Type::Directory {
            slashed = [self.path, b"/"].concat();
            &slashed
        } else {
            self.path
        };
        let records = self.pax_records(name);
        if !records.is_empty() {
            let header = Ustar {
                name: b"PaxHeaders/0",
                mode: 0o644,
                size: records.len() as u64,
                flag: b'x',
                ..Ustar::default()
            };
            header.encode(out);
            out.extend_from_slice(&records);
            pad(out, records.len() as u64);
        }
        let metadata = self.metadata;
        let (prefix, short) = split(name).unwrap_or((&[], &name[..name.len().min(100)]));
        let ustar = Ustar {
            prefix,
            name: short,
            mode: self.mode,
            uid: fit(metadata.uid, OCTAL_7),
            gid: fit(metadata.gid, OCTAL_7),
            size: fit(self.size, OCTAL_11),
            mtime: u64::try_from(metadata.mtime).map_or(0, |mtime| fit(mtime, OCTAL_11)),
            flag: self.kind.flag(),
            link: &self.link[..self.link.len().min(100)],
            uname: fit_name(&metadata.uname),
            gname: fit_name(&metadata.gname),
            device: self.device,
        };
        ustar.encode(out);
        records.len() as u64
    }

    /// The records of the pax header: sorted by key, but for `hdrcharset`, which must come before
    /// the values that it is about.
    fn pax_records(&self, name: &[u8]) -> Vec<u8> {
        let metadata = self.metadata;
        let mut records: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let mut put = |key: &str, value: Vec<u8>| records.insert(key.into(), value);
        let mut texts: [&[u8]; 2] = [&[], &[]];
        if split(name).is_none() {
            put("path", name.to_vec());
            texts[0] = name;
        }
        if self.link.len() > 100 {
            put("linkpath", self.link.to_vec());
            texts[1] = self.link;
        }
        if metadata.uid > OCTAL_7 {
            put("uid", metadata.uid.to_string().into());
        }
        if metadata.gid > OCTAL_7 {
            put("gid", metadata.gid.to_string().into());
        }
        if metadata.uname.len() > 31 {
            put("uname", metadata.uname.clone().into());
        }
        if metadata.gname.len() > 31 {
            put("gname", metadata.gname.clone().into());
        }
        if self.size > OCTAL_11 {
            put("size", self.size.to_string().into());
        }
        let whole = u64::try_from(metadata.mtime).is_ok_and(|mtime| mtime <= OCTAL_11);
        if !whole || metadata.mtime_nanoseconds != 0 {
            put(
                "mtime",
                decimal(metadata.mtime, metadata.mtime_nanoseconds).into(),
            );
        }
        for (key, value) in &metadata.xattrs {
            put(&format!("SCHILY.xattr.{key}"), value.clone());
        }
        let mut out = Vec::new();
        if texts.iter().any(|text| std::str::from_utf8(text).is_err()) {
            pax_record(&mut out, b"hdrcharset", b"BINARY");
        }
        for (key, value) in &records {
            pax_record(&mut out, key, value);
        }
        out
    }
}

/// Fills up the last block of `size` bytes of content with zeros.
pub fn pad(out: &mut Vec<u8>, size: u64) {
    out.resize(out.len() + padding(size), 0);
}

/// How many bytes are missing to the end of the last block of `size` bytes.
pub fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

/// `LENGTH KEY=VALUE\n`, where LENGTH counts itself too (POSIX.1-2001, pax, "pax Header Block").
fn pax_record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(length.to_string().as_bytes());
    for part in [b" ", key, b"=", value, b"\n"] {
        out.extend_from_slice(part);
    }
}

/// Seconds with as many decimals as are needed. `seconds` is rounded down, so that -1 s and
/// 500,000,000 ns is -0.5.
fn decimal(seconds: i64, nanoseconds: u32) -> String {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    let sign = if total < 0 { "-" } else { "" };
    let (whole, fraction) = (
        total.unsigned_abs() / 1_000_000_000,
        total.unsigned_abs() % 1_000_000_000,
    );
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let text = format!("{sign}{whole}.{fraction:09}");
    text.trim_end_matches('0').to_owned()
}

/// A name as (prefix, name) if ustar can hold it: whole where it has at most 100 bytes; or else cut
/// at the first slash that leaves at most 100 bytes for the name, if the prefix then has at most 155.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= 100 {
        return Some((&[], name));
    }
    let earliest = name.len() - 101;
    // The trailing slash of a directory is not a place to cut.
    let body = &name[..name.len() - 1];
    let cut = earliest + body[earliest..].iter().position(|&b| b == b'/')?;
    (1..=155)
        .contains(&cut)
        .then(|| (&name[..cut], &name[cut + 1..]))
}

/// A number that the field can hold, or 0 where a pax record holds it.
fn fit(number: u64, largest: u64) -> u64 {
    if number <= largest { number } else { 0 }
}

/// A name that the field can hold with a NUL, or none where a pax record holds it.
fn fit_name(name: &str) -> &[u8] {
    if name.len() <= 31 {
        name.as_bytes()
    } else {
        b""
    }
}

/// The fields of a ustar header, each known to fit.
#[derive(Default)]
struct Ustar<'a> {
    prefix: &'a [u8],
    name: &'a [u8],
    mode: u16,
    uid: u64,
    gid: u64,
    size: u64,
    mtime: u64,
    flag: u8,
    link: &'a [u8],
    uname: &'a [u8],
    gname: &'a [u8],
    device: (u32, u32),
}

impl Ustar<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + BLOCK, 0);
        let block = &mut out[start..];
        put(block, 0, self.name);
        octal(&mut block[100..108], u64::from(self.mode));
        octal(&mut block[108..116], self.uid);
        octal(&mut block[116..124], self.gid);
        octal(&mut block[124..136], self.size);
        octal(&mut block[136..148], self.mtime);
        put(block, 148, b"        ");
        block[156] = self.flag;
        put(block, 157, self.link);
        put(block, 257, b"ustar\x0000");
        put(block, 265, self.uname);
        put(block, 297, self.gname);
        octal(&mut block[329..337], u64::from(self.device.0));
        octal(&mut block[337..345], u64::from(self.device.1));
        put(block, 345, self.prefix);
        let sum: u64 = block.iter().map(|&b| u64::from(b)).sum();
        octal(&mut block[148..155], sum);
    }
}

fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Octal digits with leading zeros, and a NUL in the last byte.
fn octal(field: &mut [u8], mut number: u64) {
    let digits = field.len() - 1;
    for digit in field[..digits].iter_mut().rev() {
        *digit = b'0' + (number & 7) as u8;
        number >>= 3;
    }
    field[digits] = 0;
}

#[cfg(test)]
mod tests;
