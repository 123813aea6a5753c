//! Content digests (image specification, descriptor.md, "Digests"): `sha256:<hex>` and
//! `sha512:<hex>`, the two algorithms that the specification registers.
//!
//! It does not accept other algorithms, upper-case hexadecimal, or any other length, so that a
//! digest can be used in a path or a URL without further checks (CVE-2024-3727).
//!
//! Invariant: two digests are equal exactly when their texts are, and sort as their texts do.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

use crate::Error;

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256: 32 bytes.
    Sha256,
    /// SHA-512: 64 bytes.
    Sha512,
}

impl Algorithm {
    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// The length of a digest in bytes.
    pub fn size(self) -> usize {
        match self {
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
        }
    }
}

/// A digest of some content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    /// The hash, then zeros.
    bytes: [u8; 64],
}

impl Digest {
    /// The SHA-256 of `content`.
    pub fn of(content: &[u8]) -> Self {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(content);
        hasher.finish()
    }

    /// A SHA-256 digest from its 32 bytes.
    pub fn sha256(hash: [u8; 32]) -> Self {
        Digest::from_slice(Algorithm::Sha256, &hash)
    }

    /// A SHA-512 digest from its 64 bytes.
    pub fn sha512(hash: [u8; 64]) -> Self {
        Digest::from_slice(Algorithm::Sha512, &hash)
    }

    /// The hash function.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hash: 32 or 64 bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.size()]
    }

    /// The part after the colon: lower-case hexadecimal.
    pub fn hex(&self) -> String {
        HEXLOWER.encode(self.bytes())
    }

    fn from_slice(algorithm: Algorithm, hash: &[u8]) -> Self {
        let mut bytes = [0; 64];
        bytes[..hash.len()].copy_from_slice(hash);
        Digest { algorithm, bytes }
    }
}

impl FromStr for Digest {
    type Err = Error;

    /// By the grammar `algorithm ":" encoded`, where algorithm is components of `[a-z0-9]+` joined
    /// by one of `+._-`, and encoded is `[a-zA-Z0-9=_-]+`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = |reason| Error::DigestMalformed {
            text: text.into(),
            reason,
        };
        let (name, encoded) = text.split_once(':').ok_or(malformed("it has no colon"))?;
        let component = |c: &str| {
            !c.is_empty()
                && c.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        if !name.split(['+', '.', '_', '-']).all(component) {
            return Err(malformed(
                "the part before the colon is not the name of an algorithm",
            ));
        }
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'=' | b'_' | b'-');
        if encoded.is_empty() || !encoded.bytes().all(legal) {
            return Err(malformed(
                "the part after the colon is empty or has an illegal character",
            ));
        }
        let algorithm = match name {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            _ => {
                return Err(Error::DigestUnsupported {
                    text: text.into(),
                    algorithm: name.into(),
                });
            }
        };
        if encoded.len() != 2 * algorithm.size() {
            return Err(malformed("the part after the colon has the wrong length"));
        }
        let hash = HEXLOWER
            .decode(encoded.as_bytes())
            .map_err(|_| malformed("the part after the colon is not lower-case hexadecimal"))?;
        Ok(Digest::from_slice(algorithm, &hash))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Digest {
    fn schema_name() -> Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A content digest: an algorithm, a colon, lower-case hexadecimal.",
            "pattern": "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$",
        })
    }
}

/// A hash being computed, piece by piece.
#[derive(Clone, Debug)]
pub struct Hasher(State);

#[derive(Clone, Debug)]
enum State {
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// A hash of nothing yet.
    pub fn new(algorithm: Algorithm) -> Self {
        Hasher(match algorithm {
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        })
    }

    /// Takes the next piece. How the content is cut into pieces does not matter.
    pub fn update(&mut self, piece: &[u8]) {
        match &mut self.0 {
            State::Sha256(hash) => hash.update(piece),
            State::Sha512(hash) => hash.update(piece),
        }
    }

    /// The digest of all pieces.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(hash) => Digest::sha256(hash.finalize().into()),
            State::Sha512(hash) => Digest::sha512(hash.finalize().into()),
        }
    }
}

impl Default for Hasher {
    /// SHA-256, the algorithm of everything we write.
    fn default() -> Self {
        Hasher::new(Algorithm::Sha256)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const HEX384: &str = "d3fc7881460b7e22e3d172954463dddd7866d17597e7248453c48b3e9d26d959\
                          6bf9c4a9cf8072c9d5bad76e19af801d";

    fn malformed(text: &str) -> bool {
        matches!(text.parse::<Digest>(), Err(Error::DigestMalformed { .. }))
    }

    fn unsupported(text: &str) -> bool {
        matches!(text.parse::<Digest>(), Err(Error::DigestUnsupported { .. }))
    }

    /// The published table of digest strings.
    #[test]
    fn the_seventeen_vectors() {
        let good = format!("sha256:{HEX}");
        assert_eq!(good.parse::<Digest>().unwrap().to_string(), good);
        assert!(unsupported(&format!("sha384:{HEX384}")));
        assert!(malformed(""));
        assert!(malformed("  "));
        assert!(malformed("sha256:"));
        assert!(malformed(":"));
        assert!(malformed(HEX));
        assert!(malformed(&format!("sha256:{}g", &HEX[..63])));
        assert!(malformed("sha256:abcdef0123456789"));
        assert!(malformed(&format!("sha512:{HEX}")));
        assert!(unsupported(&format!("foo:{HEX}")));
        assert!(malformed("sha384__foo+bar:abcdef"));
        assert!(malformed(&format!("sha256:{}", HEX.to_uppercase())));
        assert!(unsupported("sha384.foo+bar:abcdef"));
        assert!(unsupported("sha384.foo_bar:abcdef"));
        assert!(unsupported(
            "sha256+b64:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564="
        ));
        assert!(malformed(&format!("sha256:{HEX}\n")));
    }

    #[test]
    fn messages_name_the_text() {
        let error = "sha256:ab".parse::<Digest>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sha256:ab` is not a digest: the part after the colon has the wrong length"
        );
        assert!(error.hint().unwrap().contains("64 lower-case"));
        let error = "md5:ab".parse::<Digest>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "digest `md5:ab` uses the algorithm `md5`, which is not supported"
        );
        assert_eq!(error.hint(), Some("use sha256 or sha512"));
    }

    #[test]
    fn known_hashes() {
        assert_eq!(Digest::of(b"").hex(), HEX);
        assert_eq!(
            Digest::of(b"{}").to_string(),
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
        assert_eq!(
            Digest::of(&[0; 1024]).to_string(),
            "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
        );
        let mut hasher = Hasher::new(Algorithm::Sha512);
        hasher.update(b"ab");
        hasher.update(b"c");
        let digest = hasher.finish();
        assert!(
            digest
                .to_string()
                .starts_with("sha512:ddaf35a193617abacc417349ae204131")
        );
        assert_eq!(digest.bytes().len(), 64);
    }

    proptest! {
        #[test]
        fn prints_and_parses_back(hash: [u8; 32], wide: [u8; 32]) {
            let small = Digest::sha256(hash);
            prop_assert_eq!(small.to_string().parse::<Digest>().unwrap(), small);
            let mut both = [0; 64];
            both[..32].copy_from_slice(&hash);
            both[32..].copy_from_slice(&wide);
            let large = Digest::sha512(both);
            prop_assert_eq!(large.to_string().parse::<Digest>().unwrap(), large);
            prop_assert!(small < large);
        }

        #[test]
        fn sorts_as_text(a: [u8; 32], b: [u8; 32]) {
            let (a, b) = (Digest::sha256(a), Digest::sha256(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn never_panics(text in ".{0,80}") {
            let _ = text.parse::<Digest>();
        }
    }
}
