//! What the tests share: impatient settings, and names for what is asked often.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test takes what it needs, and a test fails by a panic"
)]

use std::time::Duration;

use oci::{Descriptor, Digest, MediaType};
use registry::{Credentials, Patience, Registries, Repository, Settings};
use scripted::Server;

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Three tries, no time lost.
pub fn settings() -> Settings {
    Settings {
        patience: Patience {
            tries: 3,
            pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(5),
            longest_wait: Duration::from_secs(2),
            connect: Duration::from_secs(5),
            silence: Duration::from_secs(20),
            window: Duration::from_secs(20),
            slowest: 1000,
        },
        ..Settings::default()
    }
}

/// Settings that bear neither silence nor drips.
pub fn hasty() -> Settings {
    let mut settings = settings();
    settings.patience.silence = Duration::from_millis(400);
    settings.patience.window = Duration::from_millis(200);
    settings
}

/// A repository of a server, in haste.
pub fn in_haste(server: &Server, path: &str) -> Repository {
    let registries = Registries::new(hasty(), Credentials::anonymous());
    registries.repository(&server.host(), path).unwrap()
}

/// A repository of a server, for nobody in particular.
pub fn anonymous(server: &Server, path: &str) -> Repository {
    with(server, path, Credentials::anonymous())
}

/// A repository of a server, with credentials.
pub fn with(server: &Server, path: &str, credentials: Credentials) -> Repository {
    Registries::new(settings(), credentials)
        .repository(&server.host(), path)
        .unwrap()
}

/// Credentials of a file with one entry.
pub fn login(server: &Server, name: &str, password: &str) -> Credentials {
    let pair = data_encoding::BASE64.encode(format!("{name}:{password}").as_bytes());
    file(&format!(
        r#"{{"auths":{{"{}":{{"auth":"{pair}"}}}}}}"#,
        server.host()
    ))
}

/// Credentials of a file.
pub fn file(json: &str) -> Credentials {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.json");
    files::write(&path, json.as_bytes()).unwrap();
    Credentials::file(&path).unwrap()
}

/// A manifest of an image with the config `{}`.
pub fn manifest() -> Vec<u8> {
    let config = Descriptor::of(
        MediaType::known("application/vnd.oci.image.config.v1+json"),
        b"{}",
    );
    oci::Manifest::new(config, vec![]).to_bytes().unwrap()
}

/// The digest of bytes.
pub fn digest(bytes: &[u8]) -> Digest {
    Digest::of(bytes)
}

/// An error with its details, as one text.
pub fn text(error: &registry::Error) -> String {
    let mut text = error.to_string();
    for (word, value) in error.details() {
        text.push_str(&format!("\n  {word}: {value}"));
    }
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!("\n  caused by: {error}"));
        source = error.source();
    }
    text
}
