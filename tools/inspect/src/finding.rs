//! What can be wrong with an image: a rule, where it is broken, and how.

use std::fmt;

use oci::Digest;
use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Allowed, and readers differ on it.
    Warning,
    /// Against the specification, or not what it says it is.
    Error,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The layout or archive as a whole.
    Whole,
    /// An index.
    Index(Digest),
    /// A manifest.
    Manifest(Digest),
    /// A config.
    Config(Digest),
    /// A layer.
    Layer(Digest),
    /// A blob of an artifact that is no image.
    Blob(Digest),
}

impl Place {
    /// The digest of the document or blob.
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Place::Whole => None,
            Place::Index(digest)
            | Place::Manifest(digest)
            | Place::Config(digest)
            | Place::Layer(digest)
            | Place::Blob(digest) => Some(digest),
        }
    }

    /// What it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Place::Whole => "image",
            Place::Index(_) => "index",
            Place::Manifest(_) => "manifest",
            Place::Config(_) => "config",
            Place::Layer(_) => "layer",
            Place::Blob(_) => "blob",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.digest() {
            Some(digest) => write!(f, "the {} {digest}", self.kind()),
            None => f.write_str("the image"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is broken.
    pub rule: Rule,
    /// Where.
    pub place: Place,
    /// The path of an entry in a layer, or the field of a document.
    pub at: Option<String>,
    /// How: lower case, no trailing stop, foreign text escaped.
    pub message: String,
}

impl Finding {
    /// A finding about the whole of its place.
    pub fn new(rule: Rule, place: Place, message: impl Into<String>) -> Self {
        Finding {
            rule,
            place,
            at: None,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Whole => f.write_str(&self.message),
            _ => write!(f, "{}: {}", self.place, self.message),
        }
    }
}

macro_rules! rules {
    ($($name:ident $id:literal $level:ident $source:literal $text:literal)*) => {
        /// What the specifications ask for, and what readers need.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule {
            $(#[doc = $text] $name,)*
        }

        impl Rule {
            /// All rules, in the order in which documentation lists them.
            pub const ALL: &'static [Rule] = &[$(Rule::$name,)*];

            /// Its name, which never changes.
            pub fn id(self) -> &'static str {
                match self { $(Rule::$name => $id,)* }
            }

            /// How bad it is to break it.
            pub fn level(self) -> Level {
                match self { $(Rule::$name => Level::$level,)* }
            }

            /// What it asks for.
            pub fn text(self) -> &'static str {
                match self { $(Rule::$name => $text,)* }
            }

            /// Where that is written down.
            pub fn source(self) -> &'static str {
                match self { $(Rule::$name => $source,)* }
            }
        }
    };
}

rules! {
    Layout "layout" Error "image-layout.md" "It is an OCI image layout: `oci-layout`, `index.json`, `blobs`."
    Archive "archive" Error "image-layout.md" "An archive is a plain tar in which each file is there once."
    DockerArchive "docker_archive" Error "moby: image/spec/v1.2.md" "`manifest.json` of an archive for `docker load` names what is there."
    MissingBlob "missing_blob" Error "image-layout.md" "Every blob that is referred to is there, or said to be absent."
    Digest "digest" Error "descriptor.md" "A blob's bytes have its digest."
    Size "size" Error "descriptor.md" "A blob's bytes are as many as its descriptor says."
    Data "data" Error "descriptor.md" "Embedded data is the blob itself, in base64."
    Document "document" Error "manifest.md, image-index.md, config.md, RFC 7493" "A document is strict JSON with the fields that it must have."
    TwoMeanings "two_meanings" Error "CVE-2021-41190" "A document can be read in one way only."
    MediaType "media_type" Error "media-types.md" "Media types are known, and those of one format stay together."
    TooLarge "too_large" Error "distribution-spec: manifests of 4 MiB" "A document is no larger than what registries take."
    Nesting "nesting" Error "image-index.md" "Indexes are nested at most 8 deep."
    Platform "platform" Error "image-index.md, config.md" "Index and config agree on the platform."
    PlatformForm "platform_form" Warning "config.md: Go's names" "A platform is written in its normal form."
    SamePlatform "same_platform" Warning "image-index.md" "Each platform of an index comes once."
    RefName "ref_name" Warning "annotations.md" "A tag of a layout is one, and comes once."
    Config "config" Error "config.md" "The fields of a config have the types that they must have."
    Created "created" Warning "config.md, RFC 3339" "Times are written as RFC 3339 says."
    History "history" Warning "config.md" "The history has one step for each layer."
    DiffIds "diff_ids" Error "config.md" "There are as many diff_ids as layers."
    DiffId "diff_id" Error "config.md" "A layer unpacks to its diff_id."
    ManyLayers "many_layers" Warning "containerd, overlayfs" "An image has at most 127 layers."
    Unpack "unpack" Error "layer.md, RFC 1952, RFC 8878" "A layer unpacks, with nothing after its end."
    Bomb "bomb" Error "umoci: decompression bombs" "A layer unpacks to at most a thousand times its size and 1 GiB."
    Tar "tar" Error "layer.md, POSIX pax" "A layer is a whole tar."
    TarEnd "tar_end" Warning "POSIX pax" "A tar ends with two blocks of zeros, and nothing follows."
    EntryType "entry_type" Error "layer.md" "An entry is a file, a link, a directory, a device or a fifo."
    PathEscape "path_escape" Error "layer.md" "Paths are relative and stay below the root."
    DuplicatePath "duplicate_path" Error "layer.md" "A path comes once in a layer."
    PathBelowFile "path_below_file" Error "layer.md" "What lies above a path is a directory."
    PathThroughLink "path_through_link" Warning "layer.md" "What lies above a path is no symbolic link of the same layer."
    Hardlink "hardlink" Error "layer.md" "A hard link leads to a file that comes before it in its layer."
    Whiteout "whiteout" Error "layer.md" "Names that begin with `.wh.` are whiteouts: empty files that hide something below."
    WhiteoutOfNothing "whiteout_of_nothing" Warning "layer.md" "The lowest layer has nothing to hide."
    Unreferenced "unreferenced" Warning "image-layout.md" "Every blob of a layout is referred to."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_names_and_each_is_one() {
        let mut ids: Vec<_> = Rule::ALL.iter().map(|rule| rule.id()).collect();
        let word = |id: &&str| id.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        assert!(ids.iter().all(word));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), Rule::ALL.len());
    }

    #[test]
    #[allow(
        clippy::disallowed_methods,
        reason = "the document is beside the sources"
    )]
    fn the_document_lists_each() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/requests/verify.md");
        let text = std::fs::read_to_string(path).unwrap();
        for rule in Rule::ALL {
            let level = match rule.level() {
                Level::Error => "error",
                Level::Warning => "warning",
            };
            let row = format!(
                "| `{}` | {level} | {} | {} |",
                rule.id(),
                rule.text(),
                rule.source()
            );
            assert!(text.contains(&row), "docs/requests/verify.md lacks: {row}");
        }
    }

    #[test]
    fn shown_with_its_place() {
        let digest = Digest::of(b"x");
        let finding = Finding::new(Rule::Tar, Place::Layer(digest), "it is no tar");
        assert_eq!(
            finding.to_string(),
            format!("the layer {digest}: it is no tar")
        );
        let finding = Finding::new(Rule::Layout, Place::Whole, "no layout");
        assert_eq!(finding.to_string(), "no layout");
    }
}
