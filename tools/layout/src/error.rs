//! What can be wrong with a layout. Messages say what; [`Error::details`] says where, and what was
//! expected.

use std::path::PathBuf;

use oci::Digest;
use oci::error::Shown;

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// A document is not what it has to be.
    #[error("`{}`: {error}", path.display())]
    Document {
        /// The document.
        path: PathBuf,
        /// What is wrong with it.
        error: oci::Error,
    },
    /// What is to be written is not a document.
    #[error("cannot write the document: {error}")]
    Unwritable {
        /// Why.
        error: oci::Error,
    },
    /// A directory that is no layout.
    #[error("`{}` is not an OCI layout: it has no `{file}`", path.display())]
    NotALayout {
        /// The directory.
        path: PathBuf,
        /// The file that it lacks.
        file: &'static str,
    },
    /// A layout of another version.
    #[error("`{}` is a layout of version `{found}`, only 1.0.0 is known", path.display())]
    LayoutVersion {
        /// The layout.
        path: PathBuf,
        /// Its version.
        found: Shown,
    },
    /// A blob whose content is not what its name says.
    #[error("the blob `{}` does not have its digest", path.display())]
    WrongDigest {
        /// The blob.
        path: PathBuf,
        /// The digest that is wanted.
        expected: Box<Digest>,
        /// The digest that it has.
        found: Box<Digest>,
    },
    /// A blob of another size than its descriptor says.
    #[error("the blob `{}` does not have its size", path.display())]
    WrongSize {
        /// The blob.
        path: PathBuf,
        /// Its digest.
        digest: Digest,
        /// The size that is wanted.
        expected: u64,
        /// The size that it has, or the least that it has.
        found: u64,
    },
    /// A manifest or config larger than is read.
    #[error("the document {digest} is {size} bytes long, more than the limit of {limit}")]
    TooLarge {
        /// Its digest.
        digest: Digest,
        /// Its size, as the descriptor says.
        size: u64,
        /// The most bytes that are read.
        limit: u64,
    },
    /// A blob that is neither there nor said to be absent.
    #[error("`{}` lacks the blob {digest}", layout.display())]
    MissingBlob {
        /// The layout.
        layout: PathBuf,
        /// The blob.
        digest: Digest,
    },
    /// A link that leads out of the layout.
    #[error("`{}` is a link that leads out of the layout", path.display())]
    LinkLeadsOut {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// Links that lead to each other.
    #[error("too many links lead to `{}`", path.display())]
    TooManyLinks {
        /// Where they begin.
        path: PathBuf,
    },
    /// Indexes in indexes.
    #[error("`{}` has indexes nested deeper than {limit} levels", layout.display())]
    TooDeep {
        /// The layout.
        layout: PathBuf,
        /// The most levels.
        limit: usize,
    },
    /// No image has the tag.
    #[error("no image in `{}` has the tag `{tag}`", layout.display())]
    NoSuchTag {
        /// The layout.
        layout: PathBuf,
        /// The tag that was asked for.
        tag: Shown,
        /// The tags that there are.
        tags: Vec<Shown>,
    },
    /// Nothing has the digest.
    #[error("no image in `{}` has the digest {digest}", layout.display())]
    NoSuchDigest {
        /// The layout.
        layout: PathBuf,
        /// The digest that was asked for.
        digest: Digest,
    },
    /// No image is for the platform.
    #[error("no image in `{}` is for the platform {platform}", layout.display())]
    NoSuchPlatform {
        /// The layout.
        layout: PathBuf,
        /// The platform that was asked for.
        platform: Shown,
        /// The platforms that there are.
        platforms: Vec<Shown>,
    },
    /// The layout has no image at all.
    #[error("`{}` has no image", layout.display())]
    NoImage {
        /// The layout.
        layout: PathBuf,
        /// The media types of what it has.
        media_types: Vec<Shown>,
    },
    /// More than one image could be meant.
    #[error("`{}` has more than one image that could be meant", layout.display())]
    Ambiguous {
        /// The layout.
        layout: PathBuf,
        /// What they are: platforms, digests and tags.
        images: Vec<String>,
        /// Whether a tag tells them apart.
        tagged: bool,
        /// Whether a platform was asked for.
        platform_given: bool,
    },
    /// A descriptor of something else where an image is wanted.
    #[error("{digest} is not an image: its media type is {media_type}")]
    NotAnImage {
        /// The digest.
        digest: Digest,
        /// The media type of the manifest, or of its config.
        media_type: Shown,
    },
    /// One digest described in two ways.
    #[error("the blob {digest} is described with the sizes {first} and {second}")]
    TwoSizes {
        /// The digest.
        digest: Digest,
        /// One size.
        first: u64,
        /// The other.
        second: u64,
    },
    /// An archive has to be whole.
    #[error("an archive must hold every blob, and {digest} is absent")]
    Absent {
        /// The digest.
        digest: Digest,
    },
    /// An archive for `docker load` of an index.
    #[error("an archive for `docker load` holds one image, not an index")]
    DockerIndex,
    /// An archive for `docker load` with a name that Docker cannot give.
    #[error("`{name}` cannot name an image in an archive for `docker load`")]
    DockerName {
        /// The name.
        name: Shown,
    },
    /// Bytes that were to come from somewhere else.
    #[error("cannot get the bytes of the blob {digest}")]
    Supply {
        /// The blob.
        digest: Digest,
        /// What went wrong.
        source: std::io::Error,
    },
    /// Bytes from somewhere else that are not those of the blob.
    #[error("what was to be the blob {expected} is something else")]
    WrongSupply {
        /// The blob.
        expected: Box<Digest>,
        /// What it is; nothing where it is longer or shorter.
        found: Option<Box<Digest>>,
    },
    /// Whoever was to read the archive does not.
    #[error("cannot write the archive to who is to read it")]
    Stream {
        /// What the system said.
        source: std::io::Error,
    },
    /// A link that would not lead anywhere.
    #[error("cannot link to `{}` from the output `{}` by a relative path", blob.display(), out.display())]
    Unlinkable {
        /// The blob.
        blob: PathBuf,
        /// The output.
        out: PathBuf,
    },
}

impl Error {
    /// Where it is, what was expected, what was found: words and values.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        let join = |list: &[Shown]| {
            let words: Vec<String> = list.iter().map(Shown::to_string).collect();
            if words.is_empty() {
                "none".to_owned()
            } else {
                words.join(", ")
            }
        };
        match self {
            Error::WrongDigest {
                expected, found, ..
            } => {
                vec![
                    ("expected", expected.to_string()),
                    ("found", found.to_string()),
                ]
            }
            Error::WrongSupply {
                found: Some(found), ..
            } => vec![("found", found.to_string())],
            Error::WrongSize {
                digest,
                expected,
                found,
                ..
            } => vec![
                ("digest", digest.to_string()),
                ("expected", format!("{expected} bytes")),
                ("found", format!("{found} bytes")),
            ],
            Error::LinkLeadsOut { target, .. } => vec![("leads to", target.display().to_string())],
            Error::NoSuchTag { tags, .. } => vec![("tags", join(tags))],
            Error::NoSuchPlatform { platforms, .. } => vec![("platforms", join(platforms))],
            Error::NoImage { media_types, .. } if !media_types.is_empty() => {
                vec![("found", join(media_types))]
            }
            Error::Ambiguous { images, .. } => images
                .iter()
                .map(|image| ("image", image.clone()))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// What the user can do about it, in the imperative, or nothing.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Error::Files(error) => return error.hint(),
            Error::Document { error, .. } | Error::Unwritable { error } => {
                return error.hint().map(str::to_owned);
            }
            Error::NotALayout { .. } => {
                "give the directory that holds `oci-layout` and `index.json`"
            }
            Error::WrongDigest { .. } | Error::WrongSize { .. } => {
                "make or pull it again; the file has changed since it was described"
            }
            Error::MissingBlob { .. } => {
                "pull it again; a layout that is meant to lack blobs lists them in `sparse.json`"
            }
            Error::LinkLeadsOut { .. } => {
                "set `links` to `follow` if you trust who made the layout"
            }
            Error::NoSuchTag { .. } => "give one of the tags, or a digest",
            Error::NoSuchPlatform { .. } => "give one of the platforms, or another base",
            Error::Ambiguous {
                platform_given,
                tagged,
                ..
            } => match (platform_given, tagged) {
                (false, false) => "give a `platform` or a `digest`",
                (false, true) => "give a `tag`, a `platform` or a `digest`",
                (true, false) => "give a `digest`",
                (true, true) => "give a `tag` or a `digest`",
            },
            Error::Absent { .. } => "give the path of the blob, or write a layout directory",
            Error::DockerIndex => "write an OCI archive, or one archive for each image",
            Error::DockerName { .. } => "write it as `example.com/app:1.0`",
            Error::Unlinkable { .. } => {
                "give the blob by its absolute path, or set `transfer` to `copy`"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// Whether the machine is to blame, and trying again may help.
    pub fn is_environment(&self) -> bool {
        match self {
            Error::Files(error) => error.is_environment(),
            Error::Supply { .. } | Error::Stream { .. } => true,
            _ => false,
        }
    }
}
