//! Media types: those of the OCI image specification, those of Docker's image format 2.2, and how
//! they correspond (image specification, media-types.md).
//!
//! A type that is not known is a value like any other: it is passed on, never guessed at.
//!
//! Invariant: the text follows the grammar `type "/" subtype` of RFC 6838, section 4.2.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// An OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// An OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI image config.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A layer as a plain tar.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// A layer as a tar, compressed with gzip.
pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// A layer as a tar, compressed with zstd.
pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// The two bytes `{}`, where a config or a layer is formally wanted.
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// Docker's manifest list: an index.
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker's image manifest, version 2, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's image config.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// Docker's layer, a tar compressed with gzip.
pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

const OCI_FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";
const OCI_FOREIGN_GZIP: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
const OCI_FOREIGN_ZSTD: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
const DOCKER_LAYER_ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";
const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar";
const DOCKER_FOREIGN_GZIP: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
const DOCKER_SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// How a layer's tar is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all: digest and diff_id are the same.
    None,
    /// With gzip.
    Gzip,
    /// With zstd.
    Zstd,
}

/// Whose names are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `application/vnd.oci.…`.
    Oci,
    /// `application/vnd.docker.…`.
    Docker,
}

/// What content a media type names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A list of manifests.
    Index,
    /// An image manifest.
    Manifest,
    /// Docker's schema 1, which has no config and no diff_ids.
    Schema1,
    /// An image config.
    Config,
    /// A file system layer; `foreign` where its bytes must come from its URLs.
    Layer {
        /// How it is compressed.
        compression: Compression,
        /// Whether its bytes are kept out of registries.
        foreign: bool,
    },
}

/// (text, content, family, the same content in OCI's names)
type Row = (&'static str, Kind, Family, &'static str);

const fn layer(compression: Compression, foreign: bool) -> Kind {
    Kind::Layer {
        compression,
        foreign,
    }
}

/// All that is known of media types.
const TABLE: [Row; 18] = [
    (OCI_INDEX, Kind::Index, Family::Oci, OCI_INDEX),
    (OCI_MANIFEST, Kind::Manifest, Family::Oci, OCI_MANIFEST),
    (OCI_CONFIG, Kind::Config, Family::Oci, OCI_CONFIG),
    (
        OCI_LAYER,
        layer(Compression::None, false),
        Family::Oci,
        OCI_LAYER,
    ),
    (
        OCI_LAYER_GZIP,
        layer(Compression::Gzip, false),
        Family::Oci,
        OCI_LAYER_GZIP,
    ),
    (
        OCI_LAYER_ZSTD,
        layer(Compression::Zstd, false),
        Family::Oci,
        OCI_LAYER_ZSTD,
    ),
    (
        OCI_FOREIGN,
        layer(Compression::None, true),
        Family::Oci,
        OCI_FOREIGN,
    ),
    (
        OCI_FOREIGN_GZIP,
        layer(Compression::Gzip, true),
        Family::Oci,
        OCI_FOREIGN_GZIP,
    ),
    (
        OCI_FOREIGN_ZSTD,
        layer(Compression::Zstd, true),
        Family::Oci,
        OCI_FOREIGN_ZSTD,
    ),
    (DOCKER_INDEX, Kind::Index, Family::Docker, OCI_INDEX),
    (
        DOCKER_MANIFEST,
        Kind::Manifest,
        Family::Docker,
        OCI_MANIFEST,
    ),
    (DOCKER_CONFIG, Kind::Config, Family::Docker, OCI_CONFIG),
    (
        DOCKER_LAYER,
        layer(Compression::None, false),
        Family::Docker,
        OCI_LAYER,
    ),
    (
        DOCKER_LAYER_GZIP,
        layer(Compression::Gzip, false),
        Family::Docker,
        OCI_LAYER_GZIP,
    ),
    (
        DOCKER_LAYER_ZSTD,
        layer(Compression::Zstd, false),
        Family::Docker,
        OCI_LAYER_ZSTD,
    ),
    (
        DOCKER_FOREIGN,
        layer(Compression::None, true),
        Family::Docker,
        OCI_FOREIGN,
    ),
    (
        DOCKER_FOREIGN_GZIP,
        layer(Compression::Gzip, true),
        Family::Docker,
        OCI_FOREIGN_GZIP,
    ),
    (
        DOCKER_SCHEMA1,
        Kind::Schema1,
        Family::Docker,
        DOCKER_SCHEMA1,
    ),
];

/// A media type.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MediaType(Cow<'static, str>);

impl MediaType {
    /// One of the constants of this module.
    pub const fn known(text: &'static str) -> Self {
        MediaType(Cow::Borrowed(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it names, where that is known.
    pub fn kind(&self) -> Option<Kind> {
        if self.as_str() == DOCKER_SCHEMA1_SIGNED {
            return Some(Kind::Schema1);
        }
        self.row().map(|row| row.1)
    }

    /// Whose name it is, where that is known.
    pub fn family(&self) -> Option<Family> {
        self.row().map(|row| row.2)
    }

    /// The same content in OCI's names; a type that is not Docker's stays as it is.
    pub fn to_oci(&self) -> MediaType {
        match self.row() {
            Some(row) => MediaType::known(row.3),
            None => self.clone(),
        }
    }

    /// Whether it is an index, of either family.
    pub fn is_index(&self) -> bool {
        self.kind() == Some(Kind::Index)
    }

    /// Whether it is an image manifest, of either family.
    pub fn is_manifest(&self) -> bool {
        self.kind() == Some(Kind::Manifest)
    }

    fn row(&self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.0 == self.as_str())
    }
}

impl FromStr for MediaType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let name = |part: &str| {
            (1..=127).contains(&part.len())
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
        };
        match text.split_once('/') {
            Some((kind, subtype)) if name(kind) && name(subtype) => {
                Ok(MediaType(match TABLE.iter().find(|row| row.0 == text) {
                    Some(row) => Cow::Borrowed(row.0),
                    None => Cow::Owned(text.to_owned()),
                }))
            }
            _ => Err(Error::MediaType { text: text.into() }),
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for MediaType {
    fn schema_name() -> Cow<'static, str> {
        "MediaType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A media type (RFC 6838).",
            "pattern": "^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> MediaType {
        text.parse().unwrap()
    }

    #[test]
    fn the_table_is_closed() {
        for row in TABLE {
            let media_type = parse(row.0);
            assert_eq!(media_type.as_str(), row.0);
            assert_eq!(media_type.kind(), Some(row.1));
            let oci = media_type.to_oci();
            assert_eq!(
                oci.kind(),
                Some(row.1),
                "{oci} names other content than {}",
                row.0
            );
            assert_eq!(oci.to_oci(), oci);
            if row.1 != Kind::Schema1 {
                assert_eq!(oci.family(), Some(Family::Oci));
            }
        }
    }

    #[test]
    fn docker_to_oci() {
        assert_eq!(parse(DOCKER_LAYER_GZIP).to_oci().as_str(), OCI_LAYER_GZIP);
        assert_eq!(
            parse(DOCKER_FOREIGN_GZIP).to_oci().as_str(),
            OCI_FOREIGN_GZIP
        );
        assert!(parse(DOCKER_INDEX).is_index());
        assert!(parse(DOCKER_MANIFEST).is_manifest());
        assert_eq!(parse(DOCKER_SCHEMA1_SIGNED).kind(), Some(Kind::Schema1));
        let other = parse("application/vnd.example.thing+json");
        assert_eq!((other.kind(), other.to_oci()), (None, other.clone()));
    }

    #[test]
    fn grammar() {
        for bad in [
            "", "text", "/x", "x/", "a/b/c", "a b/c", "a/b;c=d", "é/x", "a/\u{7f}",
        ] {
            let error = bad.parse::<MediaType>().unwrap_err();
            assert_eq!(error, Error::MediaType { text: bad.into() });
        }
        assert!(
            format!("a/{}", "x".repeat(127))
                .parse::<MediaType>()
                .is_ok()
        );
        assert!(
            format!("a/{}", "x".repeat(128))
                .parse::<MediaType>()
                .is_err()
        );
        assert_eq!(
            "x".parse::<MediaType>().unwrap_err().to_string(),
            "`x` is not a media type"
        );
    }
}
