//! Signatures by key, in the forms of cosign: of an image, by a payload that names its digest ("simple
//! signing"); of a statement, by an envelope (DSSE).
//!
//! Keys are ECDSA over P-256 with SHA-256. What is signed here is a function of key and message (RFC 6979):
//! the same release signed twice has the same bytes. Nobody is asked who a key belongs to, no log is read or
//! written, and no certificate is looked at.
//!
//! Invariant: nothing of a payload is believed before its signature is good, but for the caller who has no key
//! and says so.

mod envelope;
mod error;
mod key;
mod payload;

pub use envelope::{Envelope, pae};
pub use error::{Error, Result};
pub use key::{PrivateKey, PublicKey};
pub use payload::Payload;

/// The media type of a payload that names an image.
pub const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// The artifact type of a manifest of such payloads.
pub const SIGNATURES: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

/// The annotation of a layer that holds the signature of its bytes, in base64.
pub const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// The media type of an envelope, and the artifact type of a manifest with one.
pub const DSSE: &str = "application/vnd.dsse.envelope.v1+json";

/// The media type of a statement, which is what envelopes hold.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// The annotation of a layer that says which predicate its statement has.
pub const PREDICATE_TYPE: &str = "predicateType";

/// The tag by which signatures of an image are found where there is no list of referrers.
pub fn signature_tag(subject: &oci::Digest) -> String {
    format!("{}.sig", oci::reference::referrers_tag(subject))
}

/// The same for statements.
pub fn statement_tag(subject: &oci::Digest) -> String {
    format!("{}.att", oci::reference::referrers_tag(subject))
}
