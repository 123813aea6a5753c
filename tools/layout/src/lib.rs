//! OCI image layouts (image specification, image-layout.md): directories and archives.
//!
//! Reading: every document is checked against the size and digest of its descriptor *before* it is
//! parsed; no path is built from text that was not checked first; links that lead out of the layout
//! are refused unless the caller vouches for them.
//!
//! Writing: a layout is a value ([`Contents`]) first, and that value alone decides the bytes. The
//! same value becomes a directory, an OCI archive or an archive for `docker load`.
//!
//! A *sparse* layout lacks some of the blobs that it names and lists them in `sparse.json`.

mod archive;
mod contents;
mod directory;
mod error;
mod names;
mod reader;
mod select;
mod supply;
mod within;

pub use archive::{Form, archive, docker_archive, docker_stream, oci_archive};
pub use contents::{Blob, Contents, Place};
pub use directory::{Transfer, Verify, directory, directory_with};
pub use error::{Error, Result};
pub use names::{BadName, named, unnamed};
pub use reader::{Image, Links, Reader};
pub use select::Selection;
pub use supply::{Nothing, Supply};

/// The file that says that a directory is a layout.
const LAYOUT_FILE: &str = "oci-layout";

/// The only version of the layout.
const LAYOUT_VERSION: &str = "1.0.0";

/// The file that names what the layout holds.
const INDEX_FILE: &str = "index.json";

/// The annotation that gives a full name to an image in a layout; `ref.name` is only the tag.
pub const IMAGE_NAME: &str = "io.containerd.image.name";

/// The path of a blob within a layout.
fn blob_path(digest: &oci::Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}
