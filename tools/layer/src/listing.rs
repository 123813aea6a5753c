//! The listing: one JSON line for each tar entry, in the tar's order, with every field of its
//! header and the SHA-256 of its content. Keys are sorted; what does not apply is absent.

use data_encoding::BASE64;
use oci::{Digest, RawPath};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use ustar::Header;

/// One line of a listing.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Line {
    /// Major and minor number of a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// The machine that an ELF file is for, as `uname -m` calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    elf: Option<&'static str>,
    /// The group's number.
    gid: u64,
    /// The group's name.
    #[serde(skip_serializing_if = "str::is_empty")]
    gname: String,
    /// The target of a symbolic or hard link.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<RawPath>,
    /// Permission bits in octal.
    mode: String,
    /// Seconds since 1970, rounded down.
    mtime: i64,
    /// Nanoseconds added to `mtime`.
    #[serde(skip_serializing_if = "is_zero")]
    mtime_nanoseconds: u32,
    /// The path, without a trailing slash.
    path: RawPath,
    /// The SHA-256 of a file's content, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// The size of a file's content in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// `file`, `directory`, `symlink`, `hardlink`, `character_device`, `block_device` or `fifo`.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["file", "directory", "symlink", "hardlink", "character_device", "block_device", "fifo"]))]
    kind: &'static str,
    /// The owner's number.
    uid: u64,
    /// The owner's name.
    #[serde(skip_serializing_if = "str::is_empty")]
    uname: String,
    /// Extended attributes, their values in base64.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    xattrs: BTreeMap<String, String>,
}

impl Line {
    /// The line of an entry; `content` is there for files.
    pub(crate) fn new(
        header: &Header<'_>,
        content: Option<Digest>,
        elf: Option<&'static str>,
    ) -> Self {
        use ustar::Type;
        let metadata = header.metadata;
        let (major, minor) = header.device;
        let device = matches!(header.kind, Type::CharacterDevice | Type::BlockDevice);
        Self {
            device: device.then(|| format!("{major}:{minor}")),
            elf,
            gid: metadata.gid,
            gname: metadata.gname.clone(),
            link: (!header.link.is_empty()).then(|| RawPath::new(header.link)),
            mode: format!("{:04o}", header.mode),
            mtime: metadata.mtime,
            mtime_nanoseconds: metadata.mtime_nanoseconds,
            path: RawPath::new(header.path),
            sha256: content.map(|digest| digest.hex()),
            size: (header.kind == Type::File).then_some(header.size),
            kind: header.kind.name(),
            uid: metadata.uid,
            uname: metadata.uname.clone(),
            xattrs: metadata
                .xattrs
                .iter()
                .map(|(k, v)| (k.clone(), BASE64.encode(v)))
                .collect(),
        }
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over references"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
