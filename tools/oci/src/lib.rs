//! The values of the OCI image specification: digests, media types, descriptors, platforms,
//! references, manifests, indexes, configs, and our own receipts, with one canonical JSON for all.
//!
//! What it refuses to do: no I/O of any kind. Everything here is a pure function of its arguments.
//!
//! Invariant: a value of a type of this crate is valid. Parsing is the only way in from text, and
//! what is printed parses back to the same value.

pub mod chain_id;
pub mod config;
pub mod descriptor;
pub mod digest;
pub mod error;
pub mod index;
pub mod json;
pub mod manifest;
pub mod media_type;
pub mod path;
pub mod platform;
pub mod receipt;
pub mod reference;
pub mod sparse;

pub use config::Config;
pub use descriptor::Descriptor;
pub use digest::{Algorithm, Digest, Hasher};
pub use error::Error;
pub use index::Index;
pub use manifest::Manifest;
pub use media_type::MediaType;
pub use path::RawPath;
pub use platform::Platform;
pub use reference::Reference;

/// What the functions of this crate return.
pub type Result<T> = std::result::Result<T, Error>;
