//! What can go wrong while a layer is made, in the words of who reads it at two in the morning.

use action::{Blame, Detail, Failure};
use oci::RawPath;
use ustar::parse::LARGEST_RECORDS;

/// The result of everything in this program.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Errors of `layer`. Paths are paths in the image unless they are said to be on disk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file on disk, of no entry in particular: an output.
    #[error(transparent)]
    Files(#[from] files::Error),
    #[error("the input of `{path}` can't be read")]
    Input {
        path: RawPath,
        entry: String,
        source: files::Error,
    },
    #[error("the tree `{source_path}` can't be read")]
    Tree {
        source_path: RawPath,
        entry: String,
        source: files::Error,
    },
    #[error("the archive `{archive}` can't be opened")]
    ArchiveOpen {
        archive: RawPath,
        entry: String,
        source: files::Error,
    },
    #[error("`{path}` is not a path that a layer can have: {rule}")]
    Path {
        path: RawPath,
        entry: String,
        rule: PathRule,
    },
    #[error("the header of `{path}` is too large for readers of layers")]
    Header {
        path: RawPath,
        entry: String,
        /// Bytes of pax records.
        records: u64,
    },
    #[error("two inputs want the path `{path}`")]
    Conflict {
        path: RawPath,
        first: String,
        second: String,
        differ: &'static str,
    },
    #[error("`{path}` lies below `{above}`, which is {kind}")]
    BelowNonDirectory {
        path: RawPath,
        entry: String,
        above: RawPath,
        above_entry: String,
        kind: &'static str,
    },
    #[error("the hard link `{path}` leads to `{target}`, which is not in this layer")]
    LinkTargetMissing {
        path: RawPath,
        entry: String,
        target: RawPath,
    },
    #[error("the hard link `{path}` leads to `{target}`, which is {kind}")]
    LinkTargetKind {
        path: RawPath,
        entry: String,
        target: RawPath,
        kind: &'static str,
    },
    #[error("the hard link `{path}` leads to no file: it comes back to where it was")]
    LinkCycle { path: RawPath, entry: String },
    #[error("the file `{path}` needs exactly one of `source`, `text` and `base64`; it has {count}")]
    Content {
        path: RawPath,
        entry: String,
        count: usize,
    },
    #[error("the content of `{path}` is not base64")]
    Base64 {
        path: RawPath,
        entry: String,
        source: data_encoding::DecodeError,
    },
    #[error("`{path}` gives {what}")]
    Attribute {
        path: RawPath,
        entry: String,
        what: String,
    },
    #[error("the pattern `{pattern}` is malformed")]
    Pattern {
        pattern: String,
        entry: String,
        source: globset::Error,
    },
    #[error("the pattern `{pattern}` of `{field}` matches nothing")]
    PatternUnused {
        pattern: String,
        field: &'static str,
        entry: String,
    },
    #[error("{codec} has no level {level}")]
    Level {
        codec: &'static str,
        level: u8,
        largest: u8,
    },
    #[error("the file of `{path}` {how} while it was read")]
    Changed {
        path: RawPath,
        entry: String,
        how: &'static str,
        opened: u64,
        read: u64,
    },
    #[error("the archive `{archive}` can't be read")]
    Archive {
        archive: RawPath,
        entry: String,
        source: std::io::Error,
    },
    #[error("the archive `{archive}` is {format}-compressed")]
    ArchiveFormat {
        archive: RawPath,
        entry: String,
        format: &'static str,
    },
    #[error("the archive `{archive}` is not a tar, or is damaged: {why}")]
    ArchiveMalformed {
        archive: RawPath,
        entry: String,
        why: String,
    },
    #[error("the archive `{archive}` ends too early")]
    ArchiveTruncated {
        archive: RawPath,
        entry: String,
        expected: u64,
        actual: u64,
    },
    #[error("the archive `{archive}` has the path `{path}`, which a layer can't have: {rule}")]
    ArchivePath {
        archive: RawPath,
        entry: String,
        path: RawPath,
        rule: PathRule,
    },
    #[error("the archive `{archive}` has a sparse file at `{path}`")]
    ArchiveSparse {
        archive: RawPath,
        entry: String,
        path: RawPath,
    },
    #[error("the archive `{archive}` has {what} at `{path}`")]
    ArchiveEntry {
        archive: RawPath,
        entry: String,
        path: RawPath,
        what: String,
    },
    #[error("the archive `{archive}` has {field} at `{path}` that a layer can't have")]
    ArchiveField {
        archive: RawPath,
        entry: String,
        path: RawPath,
        field: String,
        keep: &'static str,
    },
    #[error("the archive `{archive}` unpacks to more than the request allows")]
    Bomb {
        archive: RawPath,
        entry: String,
        packed: u64,
        unpacked: u64,
        limit: String,
    },
    #[error("`{path}` is not in the graph, and `{field}` names it")]
    NotInGraph { field: &'static str, path: String },
    #[error("the graph `{path}` is not one of Nix's", path = path.display())]
    NixGraph {
        path: std::path::PathBuf,
        source: serde_json::Error,
    },
    #[error("the plan `{path}` is none", path = path.display())]
    Plan {
        path: std::path::PathBuf,
        source: serde_json::Error,
    },
    #[error("`{path}` tells of no layers: {source}", path = path.display())]
    Below {
        path: std::path::PathBuf,
        source: oci::Error,
    },
    #[error(transparent)]
    Request(#[from] action::Error),
    #[error(transparent)]
    Planner { source: planner::Error },
    #[error("the receipt can't be put into words")]
    Receipt { source: oci::Error },
    #[error("a line of the listing can't be put into words")]
    Listing { source: serde_json::Error },
}

/// What a path in an image may not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathRule {
    #[error("it is empty")]
    Empty,
    #[error("it is absolute")]
    Absolute,
    #[error("it has a NUL byte")]
    Nul,
    #[error("it has an empty part")]
    EmptyPart,
    #[error("it has the part `.`")]
    Dot,
    #[error("it has the part `..`")]
    DotDot,
    #[error("a part begins with `.wh.`, which marks whiteouts")]
    Whiteout,
}

impl Failure for Error {
    fn details(&self) -> Vec<Detail> {
        let entry = |entry: &String| vec![Detail::new("entry", entry)];
        match self {
            Self::Files(_)
            | Self::Receipt { .. }
            | Self::Listing { .. }
            | Self::NotInGraph { .. }
            | Self::NixGraph { .. }
            | Self::Plan { .. }
            | Self::Below { .. } => vec![],
            Self::Request(error) => error.details(),
            Self::Planner { source } => (source.details().into_iter())
                .map(|(label, value)| Detail::new(label, value))
                .collect(),
            Self::Input { entry: e, .. }
            | Self::Tree { entry: e, .. }
            | Self::ArchiveOpen { entry: e, .. }
            | Self::Path { entry: e, .. }
            | Self::LinkTargetMissing { entry: e, .. }
            | Self::LinkTargetKind { entry: e, .. }
            | Self::LinkCycle { entry: e, .. }
            | Self::Content { entry: e, .. }
            | Self::Base64 { entry: e, .. }
            | Self::Attribute { entry: e, .. }
            | Self::Pattern { entry: e, .. }
            | Self::PatternUnused { entry: e, .. }
            | Self::Archive { entry: e, .. }
            | Self::ArchiveFormat { entry: e, .. }
            | Self::ArchiveMalformed { entry: e, .. }
            | Self::ArchivePath { entry: e, .. }
            | Self::ArchiveSparse { entry: e, .. }
            | Self::ArchiveField { entry: e, .. }
            | Self::ArchiveEntry { entry: e, .. } => entry(e),
            Self::Conflict {
                first,
                second,
                differ,
                ..
            } => vec![
                Detail::new("first", first),
                Detail::new("second", second),
                Detail::new("they differ in", *differ),
            ],
            Self::BelowNonDirectory {
                entry: e,
                above_entry,
                ..
            } => {
                vec![
                    Detail::new("entry", e),
                    Detail::new("above it", above_entry),
                ]
            }
            Self::Header {
                entry: e, records, ..
            } => vec![
                Detail::new("entry", e),
                Detail::new("pax records", bytes(*records)),
                Detail::new("at most", bytes(LARGEST_RECORDS)),
            ],
            Self::Level { largest, .. } => vec![Detail::new("levels", format!("1 to {largest}"))],
            Self::Changed {
                entry: e,
                opened,
                read,
                ..
            } => vec![
                Detail::new("entry", e),
                Detail::new("size when opened", bytes(*opened)),
                Detail::new("bytes read", bytes(*read)),
            ],
            Self::ArchiveTruncated {
                entry: e,
                expected,
                actual,
                ..
            } => vec![
                Detail::new("entry", e),
                Detail::new("expected", format!("at least {}", bytes(*expected))),
                Detail::new("actual", bytes(*actual)),
            ],
            Self::Bomb {
                entry: e,
                packed,
                unpacked,
                limit,
                ..
            } => vec![
                Detail::new("entry", e),
                Detail::new("packed", bytes(*packed)),
                Detail::new("unpacked so far", bytes(*unpacked)),
                Detail::new("limit", limit),
            ],
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Files(error) => return error.hint(),
            Self::Request(error) => return error.hint(),
            Self::Planner { source } => return source.hint(),
            Self::NotInGraph {
                field: "packed", ..
            } => {
                "the plan that those layers were made by is not of this graph: make the plan again, with this one as its `previous`"
            }
            Self::NotInGraph { .. } => "name a path of the graph",
            Self::NixGraph { .. } => {
                "it is the JSON that `exportReferencesGraph` gives a derivation with structured attributes"
            }
            Self::Below { .. } => {
                "name a receipt of `assemble`, or `layers.json` of planned layers"
            }
            Self::Plan { .. } => {
                "take what `layer --plan` printed, or the file `plan.json` that it wrote"
            }
            // Below the root of a tree only a link that is followed can lead to nothing.
            Self::Tree {
                source_path,
                source: files::Error::Io { path, source, .. },
                ..
            } if source.kind() == std::io::ErrorKind::NotFound
                && path != crate::item::disk_path(source_path) =>
            {
                "it is a link that leads nowhere: set `symlinks` to `keep`, or exclude it"
            }
            Self::Input { source, .. }
            | Self::Tree { source, .. }
            | Self::ArchiveOpen { source, .. } => match source {
                files::Error::Io { source, .. }
                    if source.kind() == std::io::ErrorKind::NotFound =>
                {
                    "paths of sources are relative to the folder that `layer` runs in"
                }
                source => return source.hint(),
            },
            Self::Path { rule, .. } => match rule {
                PathRule::Whiteout => "to hide a path of the layers below use a `whiteout` entry",
                PathRule::Empty => "only a `tree` or a `tar` can lie at the root of the image",
                PathRule::Nul => return None,
                PathRule::EmptyPart => {
                    "write it without doubled slashes and without one at the end"
                }
                _ => "write it relative to the root of the image, as `usr/bin/app`",
            },
            Self::Header { .. } => {
                "names, link targets and extended attributes count; take some of them out"
            }
            Self::Conflict { first, second, .. } if first == second => {
                "set `duplicates` to `last_wins` to take the later one, as tar does"
            }
            Self::Conflict {
                differ: "mode" | "owner" | "time" | "extended attributes",
                ..
            } => "give both the same attributes, or set `duplicates` to `last_wins`",
            Self::Conflict { .. } => {
                "give one of them another destination, or set `duplicates` to `last_wins`"
            }
            Self::BelowNonDirectory { kind, .. } if kind.ends_with("symbolic link") => {
                "put it where the link leads, or take one of the two out"
            }
            Self::BelowNonDirectory { .. } => "give one of them another destination",
            Self::LinkTargetMissing { .. } => {
                "hard links stay within a layer: add the target, or make it a `symlink`"
            }
            Self::LinkTargetKind { .. } => "make it a `symlink`",
            Self::LinkCycle { .. } => "let one of the links be a `file`",
            Self::Content { .. } => "give one; `\"text\": \"\"` makes an empty file",
            Self::Base64 { .. } => "use the standard alphabet with padding (RFC 4648 section 4)",
            Self::Pattern { .. } => {
                "`*` and `?` stay within one name, `**` goes across, `[a-z]` and `{a,b}` as in a shell"
            }
            Self::PatternUnused { .. } => {
                "patterns are matched against whole paths below the root of the tree or tar, as `lib/**/*.so`; mend it or take it out"
            }
            Self::Changed { .. } => "let whatever writes it finish first",
            Self::ArchiveFormat { .. } => "unpack it, or compress it with gzip or zstd",
            Self::ArchiveTruncated { .. } => {
                "make or fetch the archive again; what is no archive is packed as a file"
            }
            Self::Bomb { .. } => "if it is to be so large, raise `limits` in the request",
            Self::ArchivePath { .. } => "make the archive without it",
            Self::ArchiveField { keep, .. } => {
                return Some(format!(
                    "set `keep.{keep}` to false, or leave the entry out with `select.exclude`"
                ));
            }
            Self::ArchiveSparse { .. } => {
                "layers can't have these: make the archive without `--sparse`"
            }
            Self::ArchiveEntry { .. } => {
                "leave it out with `select.exclude`, or make the archive without it"
            }
            Self::Archive { .. } | Self::ArchiveMalformed { .. } => {
                "see what `tar -tf` says of it; make or fetch it again"
            }
            Self::Receipt { .. }
            | Self::Listing { .. }
            | Self::Level { .. }
            | Self::Attribute { .. } => return None,
        };
        Some(hint.to_owned())
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Files(error) => error.blame(),
            Self::Request(error) => error.blame(),
            Self::Input { source, .. }
            | Self::Tree { source, .. }
            | Self::ArchiveOpen { source, .. } => source.blame(),
            Self::Receipt { .. } | Self::Listing { .. } => Blame::Bug,
            _ => Blame::Input,
        }
    }
}

fn bytes(count: u64) -> String {
    format!("{count} bytes")
}
