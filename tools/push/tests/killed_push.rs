//! Pushes that are killed: the next one goes on where they were.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by a panic"
)]

mod common;

use std::time::Duration;

use common::{World, to};
use oci::Digest;
use scripted::Store;

/// kill -9 at twenty points, then once more: what is there is not sent again.
#[test]
fn a_push_that_is_killed_goes_on() {
    let (store, world) = (Store::new(), World::new());
    let layers: Vec<Vec<u8>> = (0..12u8).map(|n| vec![n; 50_000]).collect();
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    let digest = world.layout("image", &layers);
    store.set_fault(|request| {
        if request.method == "PUT" {
            std::thread::sleep(Duration::from_millis(25));
        }
        None
    });
    let server = store.serve();
    world.request(&[("image", to(&server, "a", "1"))], r#""parallel":2"#);
    for round in 0..20u64 {
        let mut child = world.command(&["request.json"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(5 + 13 * round % 60));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let stored = layers
        .iter()
        .filter(|layer| store.blob("a", &Digest::of(layer)).is_some())
        .count();
    let before = server.requests().len();
    world.push();
    assert_eq!(Digest::of(&store.manifest("a", "1").unwrap().1), digest);
    let requests = server.requests().split_off(before);
    let sent = requests
        .iter()
        .filter(|one| one.method == "PUT" && one.body.len() == 50_000)
        .count();
    assert!(
        sent <= 12 - stored,
        "{sent} were sent though {stored} were there"
    );
    for layer in layers {
        assert_eq!(store.blob("a", &Digest::of(layer)).unwrap(), layer);
    }
}

/// With a journal a large blob goes on within itself: of what the registry has nothing is sent again.
#[test]
fn a_large_blob_goes_on_after_kill() {
    const SIZE: usize = 96 << 20;
    let (store, world) = (Store::new(), World::new());
    let layer: Vec<u8> = (0..SIZE).map(|n| (n / 509 + n) as u8).collect();
    let digest = world.layout("image", &[&layer]);
    let has = |store: &Store| store.blob("a", &Digest::of(&layer)).is_some();
    store.set_fault(|request| {
        if request.method == "PATCH" {
            std::thread::sleep(Duration::from_millis(60));
        }
        None
    });
    let server = store.serve();
    world.request(
        &[("image", to(&server, "a", "1"))],
        r#""journal":"journal""#,
    );
    let received = |from: usize| -> usize {
        let requests = server.requests().split_off(from);
        requests.iter().map(|one| one.body.len()).sum()
    };
    let mut rounds = 0;
    while !has(&store) && rounds < 20 {
        let mut child = world.command(&["request.json"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(150 + 37 * rounds % 200));
        child.kill().unwrap();
        child.wait().unwrap();
        rounds += 1;
    }
    world.push();
    assert_eq!(Digest::of(&store.manifest("a", "1").unwrap().1), digest);
    assert!(has(&store) && rounds > 1, "{rounds} rounds");
    // The server takes note of whole requests: a chunk that was cut off is none. One answer may have
    // been lost in each round, and then the session with it.
    let begun = server
        .requests()
        .iter()
        .filter(|one| one.method == "POST")
        .count();
    assert!(begun <= 1 + rounds as usize);
    assert!(received(0) < SIZE * begun + (1 << 20), "{begun} begun");
    // A run may have been killed when all was sent, before it forgot.
    assert!(std::fs::read_dir(world.path("journal")).unwrap().count() <= 1);
}
