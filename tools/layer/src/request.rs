//! The request: what goes into the layer, in the user's words.
//!
//! These types are the documentation of the format: `docs/schemas/layer.schema.json` is generated from
//! them. They hold what was asked and check nothing but its shape; `plan` decides what it means.

mod layers;
mod store;

pub(crate) use layers::{Graph, Layers, Make, NixGraph, Node};
pub(crate) use store::{Link, StorePath};

use oci::RawPath;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The input manifest of one run of `layer`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Always `layer`.
    #[schemars(extend("const" = "layer"))]
    pub(crate) kind: String,
    /// Always 1.
    #[schemars(range(min = 1, max = 1))]
    pub(crate) version: u32,
    /// The user's own name for this layer, as `//app:rootfs`; errors begin with it.
    pub(crate) origin: String,
    /// How the tar is compressed.
    #[serde(default)]
    pub(crate) codec: Codec,
    /// Attributes of every entry that does not give its own.
    #[serde(default)]
    pub(crate) defaults: Defaults,
    /// What happens to directories that entries lie in and that no entry makes.
    #[serde(default)]
    pub(crate) parents: Parents,
    /// What happens when two entries that differ want the same path. Equal ones merge always.
    #[serde(default)]
    pub(crate) duplicates: Duplicates,
    /// Which files become hard links.
    #[serde(default)]
    pub(crate) hardlinks: Hardlinks,
    /// Bounds on what archives may unpack to.
    #[serde(default)]
    pub(crate) limits: Limits,
    /// Annotations of the layer's descriptor; carried by the receipt.
    #[serde(default, deserialize_with = "action::unique")]
    pub(crate) annotations: BTreeMap<String, String>,
    /// What the image's history says of the layer; carried by the receipt.
    #[serde(default)]
    pub(crate) history: Option<oci::receipt::LayerHistory>,
    /// What goes in. Their order has no meaning, but with `duplicates: last_wins`.
    pub(crate) entries: Vec<Entry>,
    /// Files at hand of which nothing goes in: they are not read, and written to `--unused` one a line.
    #[serde(default)]
    pub(crate) unused: Vec<RawPath>,
}

impl action::Request for Request {
    const KIND: &'static str = "layer";
    const VERSION: u32 = 1;
    fn head(&self) -> (&str, u32) {
        (&self.kind, self.version)
    }
}

/// A codec id: it names the algorithm, the library with its version, and the block partition. The
/// bytes it writes never change; better ones get a new id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub(crate) enum Codec {
    /// No compression.
    #[serde(rename = "none")]
    None,
    /// Members of 1 MiB, each compressed by libdeflate 1.26.
    #[serde(rename = "gzip-v1")]
    GzipV1(GzipV1),
    /// Frames of 4 MiB, each compressed by libzstd 1.5.7.
    #[serde(rename = "zstd-v1")]
    ZstdV1(ZstdV1),
}

impl Default for Codec {
    fn default() -> Self {
        Self::GzipV1(GzipV1::default())
    }
}

/// Parameters of `gzip-v1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GzipV1 {
    /// From 1 (fast) to 12 (small).
    #[schemars(range(min = 1, max = 12))]
    pub(crate) level: u8,
}

impl Default for GzipV1 {
    fn default() -> Self {
        Self { level: 6 }
    }
}

/// Parameters of `zstd-v1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ZstdV1 {
    /// From 1 (fast) to 19 (small).
    #[schemars(range(min = 1, max = 19))]
    pub(crate) level: u8,
}

impl Default for ZstdV1 {
    fn default() -> Self {
        Self { level: 3 }
    }
}

/// Attributes that hold where an entry gives none.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Defaults {
    /// Where the mode of a file comes from. By default `by_content`.
    pub(crate) file_mode: Option<FileMode>,
    /// The mode of directories. By default `0755`.
    pub(crate) directory_mode: Option<Mode>,
    /// The owner's number. By default 0.
    pub(crate) uid: Option<u64>,
    /// The group's number. By default 0.
    pub(crate) gid: Option<u64>,
    /// The owner's name. By default none.
    pub(crate) uname: Option<String>,
    /// The group's name. By default none.
    pub(crate) gname: Option<String>,
    /// Seconds since 1970. By default 0.
    pub(crate) mtime: Option<i64>,
    /// Nanoseconds added to `mtime`. By default 0.
    #[schemars(range(max = 999_999_999))]
    pub(crate) mtime_nanoseconds: Option<u32>,
}

/// Where the mode of a file comes from that has none of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileMode {
    /// 0755 if the content begins as an ELF file or with `#!`, or else 0644.
    ByContent,
    /// 0755 if the file has its executable bit, or else 0644. Only for callers that can vouch for
    /// the bit: it is right in a Nix store, and differs between machines under Bazel.
    ByBit,
    /// Always this mode.
    Constant(Mode),
}

/// Permission bits as an octal string, `0` to `7777`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mode(pub(crate) u16);

/// Attributes of one entry; what is absent comes from the defaults.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Attributes {
    /// Permission bits.
    pub(crate) mode: Option<Mode>,
    /// The owner's number.
    pub(crate) uid: Option<u64>,
    /// The group's number.
    pub(crate) gid: Option<u64>,
    /// The owner's name.
    pub(crate) uname: Option<String>,
    /// The group's name.
    pub(crate) gname: Option<String>,
    /// Seconds since 1970; may be negative.
    pub(crate) mtime: Option<i64>,
    /// Nanoseconds added to `mtime`.
    #[schemars(range(max = 999_999_999))]
    pub(crate) mtime_nanoseconds: Option<u32>,
    /// Extended attributes: a string, or `{"base64": …}`.
    #[serde(deserialize_with = "action::unique")]
    pub(crate) xattrs: BTreeMap<String, RawPath>,
    /// File capabilities as setcap(8) takes them, `cap_net_bind_service+ep`; they become the
    /// extended attribute `security.capability`.
    pub(crate) capabilities: Option<String>,
}

/// What happens to directories that no entry makes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Parents {
    /// They are made, once, with these attributes.
    Create(Attributes),
    /// They are not in the layer: the base has them, or the runtime makes them. Keeps a base's
    /// `/bin` a link where the layer adds `bin/tool`.
    Omit,
}

impl Default for Parents {
    fn default() -> Self {
        Self::Create(Attributes::default())
    }
}

/// What happens when two entries that differ want the same path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Duplicates {
    /// An error that names both.
    #[default]
    Error,
    /// The later entry of the request is taken.
    LastWins,
}

/// Which files become hard links. Inodes never count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Hardlinks {
    /// Those that the request, or a tar in it, says.
    #[default]
    AsGiven,
    /// Also files that are not empty and whose content and attributes are equal. Files of equal
    /// size are read twice for it.
    ByContent,
}

/// Bounds on what one archive may unpack to.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Bytes of one archive after decompression. By default 64 GiB.
    pub(crate) unpacked_bytes: u64,
    /// Unpacked over packed bytes of one archive, once more than 64 MiB came out. By default 2000.
    pub(crate) ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked_bytes: 64 << 30,
            ratio: 2000,
        }
    }
}

/// One thing that goes in. Paths in the image are relative and `/`-separated, without `.`, `..`
/// or empty parts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    /// A regular file.
    File(File),
    /// A directory.
    Directory(Directory),
    /// A symbolic link.
    Symlink(Symlink),
    /// A hard link to another entry of this layer.
    Hardlink(Hardlink),
    /// A character device: a header only, never made on disk.
    CharacterDevice(Device),
    /// A block device: a header only, never made on disk.
    BlockDevice(Device),
    /// A fifo: a header only, never made on disk.
    Fifo(Directory),
    /// A directory of files, taken with all that is below it.
    Tree(Tree),
    /// Whatever lies at a path on disk, as it is there: a file, a directory with all that is below it,
    /// or a symbolic link.
    StorePath(StorePath),
    /// A tar archive, merged in and normalised.
    Tar(Tar),
    /// Hides one path of the layers below (image specification, layer.md, "Whiteouts").
    Whiteout(Whiteout),
    /// Hides all that the layers below have in a directory.
    OpaqueWhiteout(Whiteout),
}

/// A regular file. Exactly one of `source`, `text` and `base64` is given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["source"]}, {"required": ["text"]}, {"required": ["base64"]}]))]
pub(crate) struct File {
    /// The path in the image.
    pub(crate) path: RawPath,
    /// The file to read; links are followed.
    pub(crate) source: Option<RawPath>,
    /// Where `source` may be a symbolic link for two reasons. One that is absolute and ends with a slash and this
    /// path is how an input is laid out, and followed; any other is a link in the image, with its target as it is.
    pub(crate) placed_from: Option<RawPath>,
    /// The content itself; `""` makes an empty file.
    pub(crate) text: Option<String>,
    /// The content itself in base64 (RFC 4648, padded).
    pub(crate) base64: Option<String>,
    /// Attributes of its own.
    #[serde(default)]
    pub(crate) attributes: Box<Attributes>,
    /// The user's own name for it.
    pub(crate) origin: Option<Box<str>>,
}

/// A directory or a fifo.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Directory {
    /// The path in the image.
    pub(crate) path: RawPath,
    /// Attributes of its own.
    #[serde(default)]
    pub(crate) attributes: Box<Attributes>,
    /// The user's own name for it.
    pub(crate) origin: Option<Box<str>>,
}

/// A symbolic link.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Symlink {
    /// The path in the image.
    pub(crate) path: RawPath,
    /// Where it leads: taken as it is, absolute or relative, dangling or not.
    pub(crate) target: RawPath,
    /// Attributes of its own.
    #[serde(default)]
    pub(crate) attributes: Box<Attributes>,
    /// The user's own name for it.
    pub(crate) origin: Option<Box<str>>,
}

/// A hard link. It has the attributes of what it links to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hardlink {
    /// The path in the image.
    pub(crate) path: RawPath,
    /// The path in the image of another entry of this layer, not a directory.
    pub(crate) target: RawPath,
    /// The user's own name for it.
    pub(crate) origin: Option<Box<str>>,
}

/// A character or block device.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Device {
    /// The path in the image.
    pub(crate) path: RawPath,
    /// The major number, at most 2097151.
    #[schemars(range(max = 2_097_151))]
    pub(crate) major: u32,
    /// The minor number, at most 2097151.
    #[schemars(range(max = 2_097_151))]
    pub(crate) minor: u32,
    /// Attributes of its own.
    #[serde(default)]
    pub(crate) attributes: Box<Attributes>,
    /// The user's own name for it.
    pub(crate) origin: Option<Box<str>>,
}

/// A directory of files, taken with all that is below it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tree {
    /// Where the directory comes to lie in the image; absent or empty: at its root.
    #[serde(default)]
    pub(crate) path: RawPath,
    /// The directory to read.
    pub(crate) source: RawPath,
    /// Symbolic links inside: kept, or replaced by what they lead to.
    #[serde(default)]
    pub(crate) symlinks: TreeSymlinks,
    /// Files are not copied: links in the image lead to where else they are.
    #[serde(default)]
    pub(crate) link: Option<Box<Link>>,
    /// Paths below it that are left out with all that is below them, where they are there.
    #[serde(default)]
    pub(crate) without: Vec<RawPath>,
    /// Which of it is taken, how, and with which attributes.
    #[serde(default)]
    pub(crate) select: Select,
    /// Attributes of what is taken, before those of the request.
    #[serde(default)]
    pub(crate) defaults: Box<Defaults>,
    /// Attributes of some paths; later ones go before earlier ones.
    #[serde(default)]
    pub(crate) overrides: Vec<Override>,
    /// The user's own name for it.
    pub(crate) origin: Option<Box<str>>,
}

/// What to do with symbolic links in a tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TreeSymlinks {
    /// They are links in the image, with their targets as they are.
    #[default]
    Keep,
    /// They are replaced by what they lead to: inputs in a Bazel sandbox are links.
    Follow,
}

/// Patterns on paths below the root of a tree or tar: `*` and `?` stay within one name, `**` goes
/// across, `[a-z]` and `{a,b}` as in a shell; `?` is one byte. A pattern that matches nothing is an
/// error.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Select {
    /// If there are any: only what one of them matches, what lies below it, and the directories it
    /// lies in.
    pub(crate) include: Vec<String>,
    /// Not what one of them matches, nor what lies below it.
    pub(crate) exclude: Vec<String>,
}

/// Attributes of the paths that a pattern matches.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Override {
    /// The pattern, as in `select`; the root of a tree is matched by `.` and nothing else.
    pub(crate) paths: String,
    /// Only what is of this kind.
    #[serde(default)]
    pub(crate) kind: OverrideKind,
    /// What they get.
    pub(crate) attributes: Attributes,
}

/// Which kinds of matched paths get the attributes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OverrideKind {
    /// All but hard links and whiteouts. Of a symbolic link it sets owner and time only.
    #[default]
    Any,
    /// Regular files.
    File,
    /// Directories.
    Directory,
}

/// A tar archive: plain, or compressed with gzip or zstd, as its first bytes say.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tar {
    /// Where its root comes to lie in the image; absent or empty: at the image's root.
    #[serde(default)]
    pub(crate) path: RawPath,
    /// The archive to read.
    pub(crate) source: RawPath,
    /// How many leading parts of each name are dropped, and entries with no more parts left out.
    #[serde(default)]
    pub(crate) strip_components: u32,
    /// Which of it is taken; patterns are matched after `strip_components`.
    #[serde(default)]
    pub(crate) select: Select,
    /// What is taken from the archive's headers; the rest comes from the defaults.
    #[serde(default)]
    pub(crate) keep: Keep,
    /// Attributes of what is taken, before those of the request.
    #[serde(default)]
    pub(crate) defaults: Box<Defaults>,
    /// Attributes of some paths; later ones go before earlier ones.
    #[serde(default)]
    pub(crate) overrides: Vec<Override>,
    /// The user's own name for it.
    pub(crate) origin: Option<Box<str>>,
}

/// What is taken from the headers of an archive.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "five switches that have nothing to do with each other"
)]
pub(crate) struct Keep {
    /// Permission bits. By default yes.
    pub(crate) mode: bool,
    /// The numbers of owner and group. By default yes.
    pub(crate) owner: bool,
    /// The names of owner and group. By default no.
    pub(crate) names: bool,
    /// The time. By default no.
    pub(crate) mtime: bool,
    /// Extended attributes. By default yes.
    pub(crate) xattrs: bool,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            mode: true,
            owner: true,
            names: false,
            mtime: false,
            xattrs: true,
        }
    }
}

/// Something of the layers below that is hidden.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whiteout {
    /// The path to hide; for an opaque whiteout the directory whose content is hidden.
    pub(crate) path: RawPath,
    /// The user's own name for it.
    pub(crate) origin: Option<Box<str>>,
}
