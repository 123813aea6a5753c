//! Blobs that are files: over plain connections they are sent from where they are.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by a panic"
)]

mod common;

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{anonymous, digest, settings, text};
use registry::{Arrival, Content, Credentials, Error, Mount, Registries};
use scripted::{Answer, Server, Store};

/// A file, and how much of it is said to be on its way.
struct Kept {
    path: PathBuf,
    sent: AtomicU64,
}

impl Content for Kept {
    fn open(&self, _: u64) -> io::Result<Box<dyn Read + '_>> {
        panic!("it is a file")
    }

    fn file(&self) -> io::Result<Option<File>> {
        File::open(&self.path).map(Some)
    }

    fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }
}

fn kept(folder: &tempfile::TempDir, bytes: &[u8]) -> Kept {
    let path = folder.path().join("blob");
    std::fs::write(&path, bytes).unwrap();
    Kept {
        path,
        sent: AtomicU64::new(0),
    }
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n / 251 + n) as u8).collect()
}

#[test]
fn files_arrive_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new();
    let server = store.serve();
    let repository = anonymous(&server, "a");
    // Over one connection, with requests between them that are no files.
    for size in [1, 4096, (256 << 10) - 1, 256 << 10, 3_000_000] {
        let bytes = content(size);
        let (wanted, kept) = (digest(&bytes), kept(&folder, &bytes));
        let length = size as u64;
        assert!(!repository.has_blob(&wanted, length).unwrap());
        let arrival = repository.upload(&wanted, length, &Mount::No, &kept);
        assert_eq!(arrival.unwrap(), Arrival::Sent);
        assert!(store.blob("a", &wanted).unwrap() == bytes, "{size}");
        assert_eq!(kept.sent.into_inner(), length);
    }
}

#[test]
fn chunks_of_a_file_begin_where_they_must() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new();
    // Too large for one request.
    store.set_largest(Some(5 << 20));
    let server = store.serve();
    let bytes = content(12 << 20);
    let (wanted, kept) = (digest(&bytes), kept(&folder, &bytes));
    let repository = anonymous(&server, "a");
    repository
        .upload(&wanted, bytes.len() as u64, &Mount::No, &kept)
        .unwrap();
    assert!(store.blob("a", &wanted).unwrap() == bytes);
}

/// A file that has become shorter is no trouble of the network, and is not tried again.
#[test]
fn a_file_that_ends_early() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new();
    let server = store.serve();
    let bytes = content(600_000);
    let kept = kept(&folder, &bytes[..500_000]);
    let error = anonymous(&server, "a")
        .upload(&digest(&bytes), 600_000, &Mount::No, &kept)
        .unwrap_err();
    assert!(matches!(error, Error::Content { .. }), "{}", text(&error));
    assert!(
        text(&error).contains("what is to be sent can't be read"),
        "{}",
        text(&error)
    );
    let gone = Kept {
        path: folder.path().join("gone"),
        sent: AtomicU64::new(0),
    };
    let error = anonymous(&server, "a")
        .upload(&digest(&bytes), 600_000, &Mount::No, &gone)
        .unwrap_err();
    assert!(matches!(error, Error::Content { .. }), "{}", text(&error));
}

/// A file that has become longer, or another: as much is sent as was announced, and the digest tells.
#[test]
fn a_file_that_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new();
    let server = store.serve();
    let bytes = content(1000);
    let longer = kept(&folder, &content(2000));
    anonymous(&server, "a")
        .upload(&digest(&bytes), 1000, &Mount::No, &longer)
        .unwrap();
    let other = kept(&folder, &[7; 1000]);
    let wanted = digest(&content(999));
    anonymous(&server, "a")
        .upload(&wanted, 1000, &Mount::No, &other)
        .unwrap_err();
    assert!(store.blob("a", &wanted).is_none());
}

/// Who does not read is not waited for longer than silence is borne.
#[test]
fn a_registry_that_reads_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let deaf = listener.local_addr().unwrap();
    let to = format!("http://{deaf}/upload");
    let server = Server::start(move |request| match request.method.as_str() {
        "POST" => Answer::new(202).with("Location", to.clone()),
        _ => Answer::new(404),
    });
    let bytes = content(32 << 20);
    let kept = kept(&folder, &bytes);
    let mut settings = settings();
    settings.patience.silence = std::time::Duration::from_millis(300);
    settings.patience.tries = 2;
    let registries = Registries::new(settings, Credentials::anonymous());
    let repository = registries.repository(&server.host(), "a").unwrap();
    let error = repository
        .upload(&digest(&bytes), bytes.len() as u64, &Mount::No, &kept)
        .unwrap_err();
    assert!(matches!(error, Error::Network { .. }), "{}", text(&error));
    drop(listener);
}
