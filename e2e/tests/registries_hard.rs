//! What goes wrong around `pull` and `push` against a real registry: they are killed, disks are full or
//! can't be written, a terminal looks on.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use e2e::registries::{
    blobs, layout, ours, outsider, pull, push, registry, succeeded, well, write,
};
use e2e::{blob, outsiders, programs};
use serde_json::{Value, json};

/// A wire with a counter, in both directions.
struct Wire {
    host: String,
    up: Arc<AtomicU64>,
    down: Arc<AtomicU64>,
}

impl Wire {
    fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (up, down) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (target, counts) = (target.to_owned(), (up.clone(), down.clone()));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&target) else {
                    continue;
                };
                let pair = || (client.try_clone().unwrap(), server.try_clone().unwrap());
                let ((a, b), (c, d)) = (pair(), pair());
                let (up, down) = counts.clone();
                std::thread::spawn(move || carry(a, b, &up));
                std::thread::spawn(move || carry(d, c, &down));
            }
        });
        Wire { host, up, down }
    }

    /// Bytes that have gone up and down since the last time.
    fn take(&self) -> (u64, u64) {
        (
            self.up.swap(0, Ordering::SeqCst),
            self.down.swap(0, Ordering::SeqCst),
        )
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, count: &AtomicU64) {
    let mut buffer = [0; 65536];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        count.fetch_add(read as u64, Ordering::SeqCst);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Numbers that look like chance, the same each time.
fn chance(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

/// Runs one of our programs and kills it after so many milliseconds. Returns whether it had ended.
fn kill(folder: &Path, tool: &str, words: &[&str], after: u64) -> bool {
    let mut child = Command::new(programs::path(tool))
        .args(words)
        .current_dir(folder)
        .env_clear()
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(after));
    let ended = child
        .try_wait()
        .unwrap()
        .is_some_and(|status| status.success());
    let _ = child.kill();
    child.wait().unwrap();
    ended
}

/// The sizes of all files below a folder.
fn weight(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let weigh = |entry: fs::DirEntry| match entry.metadata().unwrap() {
        about if about.is_dir() => weight(&entry.path()),
        about => about.len(),
    };
    entries.map(|entry| weigh(entry.unwrap())).sum()
}

const SIZE: usize = 24 << 20;

#[test]
fn a_pull_that_is_killed_at_twenty_points() {
    if !outsiders::can(
        "a pull from docker-registry that is killed",
        &["docker-registry"],
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_running, host) = registry(folder, "", "");
    let wire = Wire::to(&host);
    layout(folder, "image", SIZE);
    succeeded(&push(folder, &host, &json!({})));
    write(&folder.join("settings.json"), "{}");
    let name = format!("app={}/team/app:1", wire.host);
    well(
        folder,
        "pull",
        &["lock", &name, "--settings", "settings.json"],
    );
    let request = json!({"kind": "pull", "version": 1, "origin": "//e2e:pull", "from": {"store": "store"},
        "image": {"locked": {"lock": "images.lock.json", "name": "app"}}});
    write(&folder.join("pull.json"), &request.to_string());
    wire.take();
    let (mut state, mut whole) = (0x5EED_u64, 0);
    for round in 0..20 {
        let out = format!("out-{round}");
        if kill(
            folder,
            "pull",
            &["pull.json", "--out", &out],
            chance(&mut state, 120),
        ) {
            whole += 1;
        }
        // An output is there whole or not at all.
        if folder.join(&out).exists() {
            well(folder, "pull", &["verify", &out]);
        }
        if whole == 2 {
            // All is in the store: begin again.
            fs::remove_dir_all(folder.join("store")).unwrap();
            whole = 0;
        }
    }
    // What was on its way to one that was killed is not this one's.
    std::thread::sleep(Duration::from_millis(500));
    wire.take();
    let had = weight(&folder.join("store"));
    well(folder, "pull", &["pull.json", "--out", "out"]);
    let (_, down) = wire.take();
    let all = weight(&folder.join("image/blobs"));
    assert!(
        down <= all - had.min(all) + 100_000,
        "{down} of {all} came, {had} were there"
    );
    well(folder, "pull", &["verify", "out"]);
    assert_eq!(blobs(folder, "out"), blobs(folder, "image"));
}

/// The blobs that `docker-registry` has of a repository.
fn stored(folder: &Path, host: &str, repository: &str) -> Vec<PathBuf> {
    let port = host.rsplit_once(':').unwrap().1;
    let layers =
        format!("store-{port}/docker/registry/v2/repositories/{repository}/_layers/sha256");
    let Ok(entries) = fs::read_dir(folder.join(layers)) else {
        return Vec::new();
    };
    let whole = entries
        .flatten()
        .filter(|entry| entry.path().join("link").exists());
    whole.map(|entry| entry.file_name().into()).collect()
}

#[test]
fn a_push_that_is_killed_at_twenty_points() {
    if !outsiders::can(
        "a push to docker-registry that is killed",
        &["docker-registry"],
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_running, host) = registry(folder, "", "");
    let wire = Wire::to(&host);
    let digest = layout(folder, "image", SIZE);
    let mut state = 0xF00D_u64;
    for journal in [false, true] {
        let repository = format!("killed/app-{journal}");
        let mut request = json!({"kind": "push", "version": 1, "origin": "//e2e:push",
            "images": [{"layout": "image",
                "to": [{"repository": format!("{}/{repository}", wire.host), "tags": ["1"]}]}]});
        if journal {
            request["journal"] = "journal".into();
        }
        write(&folder.join("killed.json"), &request.to_string());
        for _ in 0..20 {
            kill(folder, "push", &["killed.json"], chance(&mut state, 60));
        }
        // What is under way in the registry ends.
        std::thread::sleep(Duration::from_millis(300));
        let there = stored(folder, &host, &repository);
        let size = |name: &PathBuf| {
            fs::metadata(folder.join("image/blobs/sha256").join(name))
                .unwrap()
                .len()
        };
        let missing: u64 = blobs(folder, "image")
            .iter()
            .filter(|name| !there.contains(name) && !digest.ends_with(name.to_str().unwrap()))
            .map(size)
            .sum();
        wire.take();
        well(folder, "push", &["killed.json"]);
        let (up, _) = wire.take();
        assert!(
            up <= missing + 100_000,
            "{up} were sent where {missing} were missing"
        );
        pull(folder, &format!("{host}/{repository}:1"), &json!({}));
        assert_eq!(blobs(folder, "out"), blobs(folder, "image"));
    }
}

/// Mounts a file system in memory, of so many bytes; it goes with the test's mount namespace.
fn mounted(folder: &Path, name: &str, options: &str) -> Option<PathBuf> {
    let at = folder.join(name);
    fs::create_dir(&at).unwrap();
    let words = ["-t", "tmpfs", "-o", options, "tmpfs", at.to_str().unwrap()];
    let done = Command::new("mount")
        .args(words)
        .stderr(Stdio::null())
        .status();
    done.is_ok_and(|status| status.success()).then_some(at)
}

#[test]
fn full_disks_and_folders_that_cannot_be_written() {
    let check = "a pull onto a full disk and one that can't be written";
    if !outsiders::can(check, &["docker-registry", "mount", "umount"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (Some(small), Some(fixed)) = (
        mounted(folder, "small", "size=8m"),
        mounted(folder, "fixed", "ro,size=1m"),
    ) else {
        outsiders::without(check, "a mount namespace of our own");
        return;
    };
    let (_running, host) = registry(folder, "", "");
    layout(folder, "image", SIZE);
    succeeded(&push(folder, &host, &json!({})));
    write(&folder.join("settings.json"), "{}");
    let name = format!("app={host}/team/app:1");
    well(
        folder,
        "pull",
        &["lock", &name, "--settings", "settings.json"],
    );
    let request = |from: Value| {
        let request = json!({"kind": "pull", "version": 1, "origin": "//e2e:pull", "from": from,
            "image": {"locked": {"lock": "images.lock.json", "name": "app"}}});
        write(&folder.join("pull.json"), &request.to_string());
    };
    let fails = |out: &str, word: &str| {
        let output = ours(folder, "pull", &["pull.json", "--out", out]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(word), "{said}");
        assert!(!folder.join(out).exists());
    };
    request(json!({}));
    fails("small/out", "No space left on device");
    assert_eq!(fs::read_dir(&small).unwrap().count(), 0, "nothing stays");
    fails("fixed/out", "Read-only file system");
    // A store that is full keeps what it has, and is of use again when there is space.
    request(json!({"store": "small/store"}));
    fails("out", "No space left on device");
    request(json!({"store": "fixed/store"}));
    fails("out", "Read-only file system");
    outsider(
        folder,
        "mount",
        &["-o", "remount,size=64m", small.to_str().unwrap()],
    );
    request(json!({"store": "small/store"}));
    well(folder, "pull", &["pull.json", "--out", "out"]);
    well(folder, "pull", &["verify", "out"]);
    // The same of what `push` writes.
    outsider(
        folder,
        "mount",
        &["-o", "remount,size=40m", small.to_str().unwrap()],
    );
    for (into, word) in [
        ("small/a.tar", "No space left"),
        ("fixed/a.tar", "Read-only"),
    ] {
        let request = json!({"kind": "push", "version": 1, "origin": "//e2e:push",
            "images": [{"layout": "image", "into": [{"oci_archive": {"path": into}}]}]});
        write(&folder.join("push.json"), &request.to_string());
        let output = ours(folder, "push", &["push.json"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(3) && said.contains(word),
            "{said}"
        );
        assert!(!folder.join(into).exists());
    }
    for at in [small, fixed] {
        outsider(folder, "umount", &["-l", at.to_str().unwrap()]);
    }
}

#[test]
fn a_bar_on_a_terminal_and_silence_elsewhere() {
    if !outsiders::can("a terminal looks on", &["docker-registry", "script"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_running, host) = registry(folder, "", "");
    let digest = layout(folder, "image", SIZE);
    // The helpers check that there is silence where there is no terminal.
    succeeded(&push(folder, &host, &json!({})));
    pull(folder, &format!("{host}/team/app:1"), &json!({}));
    let command = format!("{} pull.json --out seen", programs::path("pull").display());
    let seen = Command::new("script")
        .args(["-qefc", &command, "/dev/null"])
        .current_dir(folder)
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&seen.stdout);
    assert!(seen.status.success(), "{text}");
    assert!(
        text.contains("/team/app:1  ") && text.contains(" B of 2") && text.contains(" MiB"),
        "{text}"
    );
    let bytes = fs::read(folder.join("seen/blobs").join(digest.replace(':', "/"))).unwrap();
    assert_eq!(blob::digest(&bytes), digest);
}
