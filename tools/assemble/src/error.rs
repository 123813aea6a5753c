//! What can be wrong with a request to assemble, and with what it names.

use std::path::PathBuf;

use action::{Blame, Detail, Failure};
use oci::Digest;
use oci::error::Shown;

/// The result of everything in this program.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// A layout is not as it should be.
    #[error(transparent)]
    Layout(#[from] layout::Error),
    /// A receipt is not one.
    #[error("`{}`: {error}", path.display())]
    Receipt { path: PathBuf, error: oci::Error },
    /// An item of `layers` that is none.
    #[error("`layers[{at}]` has to have either a `receipt`, or `planned` and nothing else")]
    Layer { at: usize },
    /// A document cannot be written.
    #[error("cannot write the {what}: {error}")]
    Unwritable {
        what: &'static str,
        error: oci::Error,
    },
    /// A value of the request is not what it should be.
    #[error("`{field}`: {error}")]
    Value { field: String, error: oci::Error },
    /// A variable in a text is misspelt.
    #[error("`{field}` cannot be expanded: {reason}")]
    Expand {
        field: String,
        text: Shown,
        reason: String,
    },
    /// A key that a file does not have.
    #[error("`{}` has no line that begins with `{key}`", file.display())]
    StampKey { file: PathBuf, key: String },
    /// A key that has no value.
    #[error("`{field}` asks for `{key}`, which no status file has")]
    StampValue {
        field: String,
        key: Shown,
        text: Shown,
        files: Vec<PathBuf>,
    },
    /// A line that has no key.
    #[error("`{}`, line {number}, is `{text}`, and not KEY=VALUE", file.display())]
    Line {
        file: PathBuf,
        number: usize,
        text: Shown,
    },
    /// A key that comes twice.
    #[error("`{}` has `{key}` twice, in lines {first} and {second}", file.display())]
    LineTwice {
        file: PathBuf,
        key: Shown,
        first: usize,
        second: usize,
    },
    /// A file that is no text.
    #[error("`{}` is not UTF-8", file.display())]
    StampText { file: PathBuf },
    /// A text that is no time.
    #[error("`created`: `{text}` is not a time")]
    Time { text: Shown },
    /// No platform.
    #[error("there is no base, and so there must be a `platform`")]
    NoPlatform,
    /// A base for another platform.
    #[error("the base is for {found}, and the image for {wanted}")]
    OtherPlatform {
        found: Shown,
        wanted: Shown,
        layout: PathBuf,
    },
    /// A base that is not an image.
    #[error("the base is not an image: its config is of type {media_type}")]
    NotAnImage { media_type: Shown, layout: PathBuf },
    /// A base whose config is not as it should be.
    #[error("the base cannot be built on: {error}")]
    Base { layout: PathBuf, error: oci::Error },
    /// A base that lists other layers in its config than in its manifest.
    #[error("the base's manifest has {layers} layers, its config {diff_ids} diff_ids")]
    DiffIdCount {
        layers: usize,
        diff_ids: usize,
        layout: PathBuf,
    },
    /// An uncompressed layer whose digest is not its diff_id.
    #[error("{whose} is not compressed, and so its digest must be its diff_id")]
    DiffIdValue {
        whose: String,
        digest: Box<Digest>,
        diff_id: Box<Digest>,
    },
    /// One blob with two diff_ids.
    #[error("the blob {digest} has two diff_ids")]
    TwoDiffIds {
        digest: Box<Digest>,
        first: (String, Box<Digest>),
        second: (String, Box<Digest>),
    },
    /// A base whose history does not agree with its layers.
    #[error("the base's history tells of {steps} layers, and it has {layers}")]
    History {
        steps: usize,
        layers: usize,
        layout: PathBuf,
    },
    /// A base in Docker's format.
    #[error("the base has Docker's media type {media_type}")]
    Docker { media_type: Shown, layout: PathBuf },
    /// A base with triggers.
    #[error("the base has {count} `ONBUILD` triggers, which cannot be run here")]
    OnBuild {
        count: usize,
        first: Shown,
        layout: PathBuf,
    },
    /// Too many layers.
    #[error("the image would have {count} layers, and runtimes take at most {limit}")]
    TooManyLayers {
        count: usize,
        base: usize,
        limit: usize,
    },
    /// A receipt of something that is not a layer.
    #[error("`{origin}` is not a layer: its media type is {media_type}")]
    NotALayer { origin: Shown, media_type: Shown },
    /// An environment variable that cannot be one.
    #[error("`config.env[{at}]` has a bad name: `{name}`")]
    VariableName { at: usize, name: Shown },
    /// An environment variable that is given twice.
    #[error("`config.env` has `{name}` twice")]
    VariableTwice { name: Shown },
    /// An empty value.
    #[error("`{field}` is empty")]
    Empty { field: String },
    /// A port that is none.
    #[error("`config.exposed_ports`: `{text}` is not a port: {reason}")]
    Port { text: Shown, reason: &'static str },
    /// A fragment that sets what has a field of its own.
    #[error("`fragment` cannot set `{field}`")]
    Fragment { field: String },
    /// A tag that is none.
    #[error("`tags[{at}]`: `{text}` is neither a tag nor a reference with a tag")]
    Tag {
        at: usize,
        text: Shown,
        reason: Option<oci::Error>,
    },
    /// An index of nothing.
    #[error("`make.index.entries` is empty")]
    NoEntries,
    /// Two images of an index are for one platform.
    #[error("two images are for the platform {platform}")]
    DuplicatePlatform {
        platform: Shown,
        first: String,
        second: String,
    },
    /// Listings of some of a base's layers.
    #[error("the base has {layers} layers, and {listings} listings are given")]
    ListingCount { layers: usize, listings: usize },
    /// A listing that is none.
    #[error("`{}`, line {line}, is not a line of a listing: {reason}", path.display())]
    Listing {
        path: PathBuf,
        line: usize,
        reason: String,
    },
    /// The command is not in the image.
    #[error("the image has no `{command}`, which it is to start")]
    NoCommand { command: Shown, looked: Vec<String> },
    /// The command cannot be executed.
    #[error("`{command}`, which the image is to start, is {reason}")]
    BadCommand {
        command: Shown,
        path: String,
        reason: String,
    },
    /// Files for another machine.
    #[error("`{origin}` has files for {machine}, and the image is for {platform}")]
    Machine {
        origin: Shown,
        machine: Shown,
        platform: Shown,
        count: u64,
        first: String,
    },
}

impl Failure for Error {
    fn details(&self) -> Vec<Detail> {
        let path = |label, path: &std::path::Path| Detail::new(label, path.display().to_string());
        match self {
            Error::Layout(error) => error
                .details()
                .into_iter()
                .map(|(label, value)| Detail::new(label, value))
                .collect(),
            Error::Expand { text, .. } => vec![Detail::new("text", text.to_string())],
            Error::StampValue { text, files, .. } => {
                let text = Detail::new("text", text.to_string());
                let files = files.iter().map(|file| path("status file", file));
                [text].into_iter().chain(files).collect()
            }
            Error::OtherPlatform { layout, .. }
            | Error::NotAnImage { layout, .. }
            | Error::Base { layout, .. }
            | Error::DiffIdCount { layout, .. }
            | Error::History { layout, .. }
            | Error::Docker { layout, .. } => vec![path("base", layout)],
            Error::OnBuild { first, layout, .. } => {
                vec![
                    path("base", layout),
                    Detail::new("first", first.to_string()),
                ]
            }
            Error::DiffIdValue {
                digest, diff_id, ..
            } => vec![
                Detail::new("digest", digest.to_string()),
                Detail::new("diff_id", diff_id.to_string()),
            ],
            Error::TwoDiffIds { first, second, .. } => vec![
                Detail::new("first", format!("{} ({})", first.1, first.0)),
                Detail::new("second", format!("{} ({})", second.1, second.0)),
            ],
            Error::TooManyLayers { base, .. } if *base > 0 => {
                vec![Detail::new("of the base", base.to_string())]
            }
            Error::Tag {
                reason: Some(reason),
                ..
            } => {
                vec![Detail::new("reason", reason.to_string())]
            }
            Error::DuplicatePlatform { first, second, .. } => {
                vec![
                    Detail::new("first", first.clone()),
                    Detail::new("second", second.clone()),
                ]
            }
            Error::NoCommand { looked, .. } => looked
                .iter()
                .map(|place| Detail::new("looked for", place.clone()))
                .collect(),
            Error::BadCommand { path, .. } => vec![Detail::new("path", path.clone())],
            Error::Machine { count, first, .. } => {
                vec![
                    Detail::new("files", count.to_string()),
                    Detail::new("first", first.clone()),
                ]
            }
            _ => Vec::new(),
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            // What `files` has to say of these is for those who pack files.
            Error::Files(files::Error::NotAFile { .. })
            | Error::Layout(layout::Error::Files(files::Error::NotAFile { .. })) => {
                "give the path of the file itself"
            }
            Error::Files(error) => return Failure::hint(error),
            Error::Layout(error) => return error.hint(),
            Error::Unwritable {
                error: oci::Error::JsonNotInteger { .. },
                ..
            } => {
                "take the field out with `fragment`, where `null` removes, or give an integer there"
            }
            Error::Receipt { error, .. } | Error::Value { error, .. } => {
                return error.hint().map(str::to_owned);
            }
            Error::Expand { .. } => {
                "write a dollar sign as `\\$`, or give the text as a plain string to keep it as it is"
            }
            Error::StampValue { .. } => {
                "let the program of `--workspace_status_command` print the key, or give it a value in `stamp_defaults`"
            }
            Error::Line { .. } => "write one `KEY=VALUE` a line; a value has no newline",
            Error::LineTwice { .. } => "give each key once",
            Error::StampKey { .. } => "add the line to the file, or give another `key`",
            Error::Time { .. } => "write it as `2024-01-31T12:00:00Z`, or as seconds since 1970",
            Error::NoPlatform => "set `platform`, for example to `linux/amd64`",
            Error::OtherPlatform { .. } => "give a base for the platform, or leave `platform` out",
            Error::NotAnImage { .. } => "give the layout of an image as the base",
            Error::DiffIdCount { .. } => "the base is broken; pull or build it again",
            Error::DiffIdValue { .. } | Error::TwoDiffIds { .. } => {
                "make or pull it again; it was changed after it was described"
            }
            Error::History { .. } => "set `base.history` to `drop`",
            Error::Docker { .. } => "set `base.docker` to `convert`",
            Error::OnBuild { .. } => {
                "do what they do in a layer, then set `base.on_build` to `drop`"
            }
            Error::TooManyLayers { .. } => "put several layers into one",
            Error::NotALayer { .. } => "give the receipt of a layer",
            Error::VariableTwice { .. } => "give each variable once",
            Error::Empty { .. } => "use `unset` to have no value",
            Error::Port { .. } => "write it as `8080`, `8080/udp` or `8000-8010/tcp`",
            Error::Fragment { field } => match field.as_str() {
                "rootfs" => "give layers in `layers`",
                "history" => "give steps in `history`, or in the receipts of the layers",
                _ => "set `platform`",
            },
            Error::Tag { .. } => "write it as `1.0` or as `example.com/app:1.0`",
            Error::NoEntries => "give at least one image",
            Error::DuplicatePlatform { .. } => "leave one of them out, or give it another variant",
            Error::ListingCount { .. } => "give a listing for each layer of the base, or none",
            Error::NoCommand { .. } => {
                "add the file, mend `entrypoint`, or set `checks.entrypoint` (in Bazel `check_entrypoint`) to `warn` or `ignore`"
            }
            Error::BadCommand { .. } => {
                "mend the file or `entrypoint`, or set `checks.entrypoint` (in Bazel `check_entrypoint`) to `warn` or `ignore`"
            }
            Error::Machine { .. } => {
                "build the layer for the platform, or set `checks.elf_machine` (in Bazel `check_machine`) to `warn` or `ignore`"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }

    fn blame(&self) -> Blame {
        match self {
            Error::Files(error) => error.blame(),
            Error::Layout(error) if error.is_environment() => Blame::Environment,
            _ => Blame::Input,
        }
    }
}
