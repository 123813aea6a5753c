//! Pulls that are killed, several at once, bad lines: what is there is made use of, and nothing wrong is.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by a panic"
)]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{World, image, two_platforms};
use oci::Digest;
use scripted::{Answer, Store};

/// A large image whose blobs come slowly.
fn large(store: &Store) -> Vec<Vec<u8>> {
    let layers: Vec<Vec<u8>> = (0..4u32)
        .map(|n| {
            let mut state = n + 1;
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            };
            (0..2_000_000).map(|_| next()).collect()
        })
        .collect();
    image(store, "team/app", Some("1"), "linux/amd64", &layers);
    layers
}

/// kill -9 at twenty points, then once more: it goes on where it was, and ends with the right bytes.
#[test]
fn a_pull_that_is_killed_goes_on() {
    let store = Store::new();
    let layers = large(&store);
    let server = store.serve();
    let world = World::new();
    world.well(&["lock", &format!("app={}/team/app:1", server.host())]);
    world.request("");
    world.pull("whole");
    // Blobs come in pieces, and slowly.
    let inner = store.clone();
    let again = store.clone();
    store.set_fault(move |request| {
        let digest = request
            .path
            .split("/blobs/")
            .nth(1)?
            .parse::<Digest>()
            .ok()?;
        let bytes = inner.blob("team/app", &digest)?;
        if bytes.len() < 1_000_000 || request.method != "GET" {
            return None;
        }
        let first = request.header("range").and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .split_once('-')?
                .0
                .parse::<usize>()
                .ok()
        });
        let first = first.unwrap_or(0);
        std::thread::sleep(Duration::from_millis(20));
        let end = bytes.len().min(first + 60_000);
        let answer = match first {
            0 => Answer::new(200),
            first => Answer::new(206).with(
                "Content-Range",
                format!("bytes {first}-{}/{}", bytes.len() - 1, bytes.len()),
            ),
        };
        // A part of what is announced, and then a long silence.
        Some(answer.stall(
            &bytes[first..end],
            (bytes.len() - first) as u64,
            Duration::from_secs(30),
        ))
    });
    world.request(r#""from":{"store":"store"}"#);
    for round in 0..20u64 {
        let mut child = world
            .command(&["request.json", "--out", "out"])
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(15 + 11 * round % 200));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!world.path("out").exists());
    }
    // Now it is well.
    let before = server.requests().len();
    again.set_fault(|_| None);
    world.pull("out");
    assert_eq!(world.tree("out"), world.tree("whole"));
    let resumed = server.requests().split_off(before);
    let resumed = resumed
        .iter()
        .filter(|request| request.header("range").is_some());
    assert!(resumed.count() > 0, "nothing was taken up");
    assert_eq!(layers.len(), 4);
}

#[test]
fn processes_share_a_store() {
    let store = Store::new();
    large(&store);
    let server = store.serve();
    let world = World::new();
    world.well(&["lock", &format!("app={}/team/app:1", server.host())]);
    world.request(r#""from":{"store":"store"}"#);
    let before = server.requests().len();
    let children: Vec<_> = (0..4)
        .map(|n| {
            world
                .command(&["request.json", "--out", &format!("out{n}")])
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let first = world.tree("out0");
    for n in 1..4 {
        assert_eq!(world.tree(&format!("out{n}")), first);
    }
    // Each layer went over the wire once.
    let lines = server.lines().split_off(before);
    let layers = lines.iter().filter(|line| line.contains("/blobs/")).count();
    assert_eq!(layers, 5, "{lines:#?}");
    // What was put into the store and is not what its name says is fetched again.
    let blobs = world.tree("store");
    let (name, bytes) = blobs
        .iter()
        .find(|(_, bytes)| bytes.len() == 2_000_000)
        .unwrap();
    std::fs::write(world.path("store").join(name), vec![0; bytes.len()]).unwrap();
    world.pull("again");
    assert_eq!(world.tree("again"), first);
}

/// A part that is of another blob, as after a crash of the machine, is found out and fetched anew.
#[test]
fn a_part_that_is_wrong_is_forgotten() {
    let store = Store::new();
    let layers = large(&store);
    let server = store.serve();
    let world = World::new();
    world.well(&["lock", &format!("app={}/team/app:1", server.host())]);
    for (layer, part) in [
        (0, vec![7; 1_000_000]),
        (1, vec![7; 2_000_000]),
        (2, vec![7; 3_000_000]),
    ] {
        let name = format!("store/parts/sha256-{}", Digest::of(&layers[layer]).hex());
        world.write(&name, "");
        std::fs::write(world.path(&name), part).unwrap();
    }
    world.request("");
    world.pull("whole");
    world.request(r#""from":{"store":"store"}"#);
    world.pull("out");
    assert_eq!(world.tree("out"), world.tree("whole"));
}

/// A proxy that drops, delays and cuts by a seed: 200 pulls, none wrong, none hung.
#[test]
fn a_bad_line() {
    let store = Store::new();
    two_platforms(&store, "team/app", "1");
    let server = store.serve();
    let world = World::new();
    world.well(&["lock", &format!("app={}/team/app:1", server.host())]);
    world.request("");
    world.pull("good");
    let good = world.tree("good");
    let line = store.clone();
    let seed = AtomicU32::new(12345);
    let count = AtomicU32::new(0);
    let inner = store.clone();
    line.set_fault(move |request| {
        let next = || {
            seed.fetch_add(2_654_435_761, Ordering::Relaxed)
                .wrapping_mul(1_103_515_245)
                >> 16
        };
        count.fetch_add(1, Ordering::Relaxed);
        match next() % 12 {
            0 => Some(Answer::nothing()),
            1 => {
                std::thread::sleep(Duration::from_millis(u64::from(next() % 20)));
                None
            }
            2 => {
                let digest = request
                    .path
                    .split("/blobs/")
                    .nth(1)?
                    .parse::<Digest>()
                    .ok()?;
                let bytes = inner.blob("team/app", &digest)?;
                let cut = next() as usize % bytes.len();
                let whole = request.header("range").is_none();
                whole.then(|| Answer::new(200).cut(&bytes[..cut], bytes.len() as u64))
            }
            _ => None,
        }
    });
    let threads = 8;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (world, good) = (&world, &good);
            scope.spawn(move || {
                for round in 0..200 / threads {
                    let out = format!("out-{thread}-{round}");
                    let output = world.run(&["request.json", "--out", &out]);
                    if output.status.success() {
                        assert_eq!(&world.tree(&out), good);
                    } else {
                        let error = String::from_utf8_lossy(&output.stderr);
                        assert_eq!(output.status.code(), Some(3), "{error}");
                        assert!(!world.path(&out).exists());
                    }
                }
            });
        }
    });
}
