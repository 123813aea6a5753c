//! Blobs: transfers that break off, and bytes that are wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod common;

use std::io::Read;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{anonymous, digest, in_haste, text};
use oci::Hasher;
use registry::Error;
use scripted::{Answer, Request, Server, Store};

/// Bytes without a pattern that a shift would keep.
fn bytes(size: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..size).map(|_| next()).collect()
}

/// Reads a blob from a server, all of it.
fn read(server: &Server, content: &[u8]) -> Result<Vec<u8>, Error> {
    let mut stream = anonymous(server, "a").blob(&digest(content), content.len() as u64);
    let mut out = Vec::new();
    let mut buffer = vec![0; 10_000];
    loop {
        match stream.next(&mut buffer)? {
            0 => return Ok(out),
            read => out.extend(&buffer[..read]),
        }
    }
}

#[test]
fn a_blob_is_read() {
    for size in [0, 1, 9_999, 10_000, 300_000] {
        let store = Store::new();
        let content = bytes(size);
        store.add_blob("a", &content);
        let server = store.serve();
        assert_eq!(read(&server, &content).unwrap(), content);
        let mut stream = anonymous(&server, "a").blob(&digest(&content), size as u64);
        let mut out = Vec::new();
        stream.read_to_end(&mut out).unwrap();
        assert_eq!(out, content);
    }
}

#[test]
fn a_blob_is_there_or_not() {
    let store = Store::new();
    let known = store.add_blob("a", b"x");
    let server = store.serve();
    let repository = anonymous(&server, "a");
    assert!(repository.has_blob(&known, 1).unwrap());
    assert!(!repository.has_blob(&known, 2).unwrap());
    assert!(!repository.has_blob(&digest(b"y"), 1).unwrap());
    let error = read(&server, b"y").unwrap_err();
    assert!(error.is_absent(), "{error}");
}

#[test]
fn wrong_bytes_are_an_error() {
    let content = bytes(1000);
    let mut flipped = content.clone();
    flipped[500] ^= 1;
    let server = Server::start(move |_| Answer::new(200).body(flipped.clone()));
    assert!(matches!(
        read(&server, &content).unwrap_err(),
        Error::WrongDigest { .. }
    ));
}

#[test]
fn wrong_sizes_are_an_error() {
    let content = bytes(1000);
    for size in [0, 999, 1001, 5000] {
        let other = bytes(size);
        let server = Server::start(move |_| Answer::new(200).body(other.clone()));
        let error = read(&server, &content).unwrap_err();
        assert!(
            matches!(error, Error::WrongSize { expected: 1000, .. }),
            "{error}"
        );
        assert_eq!(server.requests().len(), 1);
    }
    let server = Server::start(|_| Answer::new(200).endless());
    let error = read(&server, &content).unwrap_err();
    assert!(text(&error).ends_with("found: more"), "{error}");
}

/// Cuts each of the first `cuts` answers after `step` bytes, and honours ranges or not.
fn cutting(content: Vec<u8>, cuts: u32, step: usize, ranges: bool) -> Server {
    let count = AtomicU32::new(0);
    Server::start(move |request: &Request| {
        let cut = count.fetch_add(1, Ordering::Relaxed) < cuts;
        let first = request.header("range").and_then(|range| {
            let (first, _) = range.strip_prefix("bytes=")?.split_once('-')?;
            first.parse::<usize>().ok()
        });
        let (answer, rest) = match first.filter(|_| ranges) {
            Some(first) => {
                let range = format!("bytes {first}-{}/{}", content.len() - 1, content.len());
                (
                    Answer::new(206).with("Content-Range", range),
                    &content[first..],
                )
            }
            None => (Answer::new(200), &content[..]),
        };
        match cut {
            true => answer.cut(&rest[..step.min(rest.len())], rest.len() as u64),
            false => answer.body(rest),
        }
    })
}

#[test]
fn a_transfer_goes_on_where_it_broke_off() {
    let content = bytes(5 << 20);
    let server = cutting(content.clone(), 3, 3 << 19, true);
    assert_eq!(read(&server, &content).unwrap(), content);
    let ranges: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("range").map(str::to_owned))
        .collect();
    let from = |n: usize| Some(format!("bytes={}-{}", n * (3 << 19), (5 << 20) - 1));
    assert_eq!(ranges, [None, from(1), from(2), from(3)]);
}

#[test]
fn a_registry_need_not_know_ranges() {
    let content = bytes(3 << 20);
    let server = cutting(content.clone(), 1, 2 << 20, false);
    assert_eq!(read(&server, &content).unwrap(), content);
    // Nor accept them.
    let whole = content.clone();
    let count = AtomicU32::new(0);
    let server = Server::start(move |request| match request.header("range") {
        Some(_) => Answer::new(416),
        None if count.fetch_add(1, Ordering::Relaxed) == 0 => {
            Answer::new(200).cut(&whole[..1 << 20], whole.len() as u64)
        }
        None => Answer::new(200).body(whole.clone()),
    });
    assert_eq!(read(&server, &content).unwrap(), content);
}

#[test]
fn without_progress_it_ends() {
    let content = bytes(100_000);
    let server = cutting(content.clone(), 100, 10, true);
    let error = read(&server, &content).unwrap_err();
    assert!(error.is_environment(), "{}", text(&error));
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_drip_is_cut_off() {
    let content = bytes(2000);
    let drip = content.clone();
    let server =
        Server::start(move |_| Answer::new(200).drip(drip.clone(), Duration::from_millis(4)));
    let mut stream = in_haste(&server, "a").blob(&digest(&content), 2000);
    let error = loop {
        match stream.next(&mut [0; 100]) {
            Ok(0) => panic!("the drip came to its end"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Slow { .. }), "{error}");
    assert!(text(&error).contains("less than: 1000 bytes"));
}

#[test]
fn another_range_than_the_one_asked_for_is_refused() {
    let content = bytes(3 << 20);
    for range in [
        "bytes 0-3145727/3145728",
        "bytes 2097152-3145726/3145728",
        "bytes 2097152-3145727/9999999",
        "nonsense",
    ] {
        let whole = content.clone();
        let server = Server::start(move |request| match request.header("range") {
            Some(_) => Answer::new(206)
                .with("Content-Range", range)
                .body(&whole[2 << 20..]),
            None => Answer::new(200).cut(&whole[..2 << 20], whole.len() as u64),
        });
        let error = read(&server, &content).unwrap_err();
        assert!(
            matches!(error, Error::Header { .. } | Error::WrongSize { .. }),
            "{range}: {error}"
        );
    }
}

#[test]
fn what_is_there_already_is_not_fetched_again() {
    let content = bytes(100_000);
    let store = Store::new();
    let name = store.add_blob("a", &content);
    let server = store.serve();
    let mut hasher = Hasher::new(name.algorithm());
    hasher.update(&content[..60_000]);
    let mut rest = Vec::new();
    let mut stream = anonymous(&server, "a").blob_from(&name, 100_000, 60_000, hasher);
    stream.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, content[60_000..]);
    assert_eq!(
        server.requests()[0].header("range"),
        Some("bytes=60000-99999")
    );
    // A part that is not of this blob is found out at the end.
    let mut stream =
        anonymous(&server, "a").blob_from(&name, 100_000, 60_000, Hasher::new(name.algorithm()));
    let error = stream.read_to_end(&mut rest).unwrap_err();
    assert!(
        error.to_string().contains("do not have the digest"),
        "{error}"
    );
}
