//! Listings: one line for each tar entry, as `layer` writes them, or made of a layer that somebody else made.

use std::collections::BTreeMap;
use std::io::Read;

use data_encoding::BASE64;
use oci::media_type::{Compression, Kind};
use oci::{Algorithm, Descriptor, Hasher, RawPath};
use serde::{Deserialize, Serialize};
use ustar::Type;

use crate::tape::{Entry, Fault, Input, Stream, Tape};
use crate::{Rule, Trouble, pass};

/// One line. What does not apply is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Major and minor number of a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The machine that an ELF file is for; nobody has looked where a listing is made of a layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elf: Option<String>,
    /// The group's number.
    pub gid: u64,
    /// The group's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub gname: String,
    /// The target of a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<RawPath>,
    /// Permission bits in octal.
    pub mode: String,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Nanoseconds more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mtime_nanoseconds: u32,
    /// The path, without a trailing slash.
    pub path: RawPath,
    /// The SHA-256 of a file's content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Bytes of a file's content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// `file`, `directory`, `symlink`, `hardlink`, `character_device`, `block_device` or `fifo`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The owner's number.
    pub uid: u64,
    /// The owner's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uname: String,
    /// Extended attributes, their values in base64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub xattrs: BTreeMap<String, String>,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over references"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Line {
    /// The line of an entry; `sha256` is there for files.
    pub fn of(entry: &Entry, sha256: Option<String>) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
        let kind = entry.kind();
        let (mtime, mtime_nanoseconds) = time(&entry.mtime());
        let (major, minor) = entry.device();
        let device = matches!(kind, Some(Type::CharacterDevice | Type::BlockDevice));
        let linked = matches!(kind, Some(Type::Symlink | Type::Hardlink));
        Line {
            device: device.then(|| format!("{major}:{minor}")),
            elf: None,
            gid: unsigned(entry.gid()),
            gname: text(entry.gname()),
            link: linked.then(|| RawPath::new(entry.link.clone())),
            mode: format!("{:04o}", entry.mode() & 0o7777),
            mtime,
            mtime_nanoseconds,
            path: RawPath::new(clean(&entry.path)),
            size: sha256.is_some().then_some(entry.size),
            sha256,
            kind: kind.map_or("other", Type::name).to_owned(),
            uid: unsigned(entry.uid()),
            uname: text(entry.uname()),
            xattrs: entry
                .xattrs()
                .into_iter()
                .map(|(name, value)| (text(name), BASE64.encode(&value)))
                .collect(),
        }
    }
}

/// Without `./`, and slashes that mean nothing; the root is `.`.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = path
        .split(|b| *b == b'/')
        .filter(|part| !matches!(*part, b"" | b"."))
        .collect();
    match parts.is_empty() {
        true => b".".to_vec(),
        false => parts.join(&b'/'),
    }
}

/// Seconds, rounded down, and nanoseconds.
pub fn time(text: &str) -> (i64, u32) {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = seconds.parse().unwrap_or_default();
    let digits: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    let nanoseconds: u32 = digits.parse().unwrap_or_default();
    match seconds.starts_with('-') && nanoseconds > 0 {
        true => (whole - 1, 1_000_000_000 - nanoseconds),
        false => (whole, nanoseconds),
    }
}

/// The listing of a layer, whose bytes must be those of its descriptor.
///
/// # Errors
/// It is another blob, or no layer; it does not unpack or unpacks too far, or is no tar.
pub fn of_layer(reader: impl Read, descriptor: &Descriptor) -> Result<Vec<Line>, Trouble> {
    let compression = match descriptor.media_type.kind() {
        // An empty blob is an empty tar, whatever it is called.
        _ if descriptor.size == 0 => Compression::None,
        Some(Kind::Layer { compression, .. }) => compression,
        _ => {
            let (digest, media_type) = (descriptor.digest, &descriptor.media_type);
            let message = format!("the layer {digest}: {media_type} is no layer's");
            return Err(Trouble::wrong(Rule::MediaType, message));
        }
    };
    pass::unpacked(reader, descriptor, Some(compression), |unpacked| {
        let mut tape = Tape::new(Stream(unpacked));
        let mut lines = Vec::new();
        while let Some(entry) = tape.entry()? {
            let sha256 = hash(&mut tape, &entry)?;
            lines.push(Line::of(&entry, sha256));
        }
        Ok(lines)
    })
}

/// The SHA-256 of the content of a file that the tape stands at; nothing for what is no file.
///
/// # Errors
/// It is cut off; the reader's.
pub fn hash<I: Input>(tape: &mut Tape<I>, entry: &Entry) -> Result<Option<String>, Fault> {
    if entry.kind() != Some(Type::File) {
        return Ok(None);
    }
    let mut buffer = vec![0; 64 << 10];
    let mut hasher = Hasher::new(Algorithm::Sha256);
    loop {
        match tape.read(&mut buffer)? {
            0 => return Ok(Some(hasher.finish().hex())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_paths() {
        assert_eq!(time("12"), (12, 0));
        assert_eq!(time("12.5"), (12, 500_000_000));
        assert_eq!(time("-1.25"), (-2, 750_000_000));
        assert_eq!(time("0.0000000019"), (0, 1));
        assert_eq!(clean(b"./a//b/"), b"a/b");
        assert_eq!(clean(b"./"), b".");
    }
}
