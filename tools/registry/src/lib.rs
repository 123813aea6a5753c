//! A client of OCI registries (distribution specification 1.1): the only crate with network and TLS.
//!
//! It is synchronous, and made to be used by a few threads at once. It trusts no registry: every URL
//! that one names is an attack surface ([`url`]), every address ([`settings`]), every size, every digest,
//! every media type; and whatever it says is shown cut and escaped. Credentials go where the user's
//! name for a registry leads, and to the token service that it names, and nowhere else.
//!
//! It does not decide what to fetch or to send, knows no mirrors, and writes no file.

pub mod access;
mod answer;
mod auth;
mod blob;
pub mod challenge;
mod content;
pub mod credentials;
pub mod error;
mod guard;
pub mod headers;
mod host;
mod limit;
mod referrers;
mod repository;
mod scope;
pub mod settings;
mod transport;
mod upload;
pub mod url;
mod wire;

pub use access::{Access, Who, read_settings};
pub use blob::BlobStream;
pub use content::{Content, Journal, Progress};
pub use credentials::{Credentials, Environment, Explained, Found, Login};
pub use error::{Error, Result};
pub use repository::{Document, Fetched, Registries, Repository, Target};
pub use settings::{HostSettings, Patience, Proxy, Settings, check_name, parallel};
pub use upload::{Arrival, CHUNK, Mount};
