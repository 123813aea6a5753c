//! Sizes and disasters: what does not fit a case in git.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests"
)]

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use e2e::{outsiders, programs, tree};
use serde_json::{Value, json};

/// Writes a request for a layer of the files in `inputs`.
fn request(folder: &Path, codec: &Value) {
    let request = json!({
        "kind": "layer", "version": 1, "origin": "//e2e:limits", "codec": codec,
        "entries": [{ "tree": { "path": "data", "source": "inputs" } }],
    });
    fs::write(folder.join("request.json"), request.to_string()).unwrap();
}

/// Bytes of a generator (xorshift), the same on every machine: a third of it hardly compresses, a
/// third is text of few words, a third is nearly all zeros, in turns of 64 KiB.
fn mixed(file: &Path, size: usize, seed: u64) {
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let words = [
        "layer ",
        "image ",
        "digest ",
        "config ",
        "manifest ",
        "index ",
        "blob ",
        "\n",
    ];
    let mut out = std::io::BufWriter::with_capacity(1 << 20, File::create(file).unwrap());
    let mut block = Vec::with_capacity(1 << 16);
    for turn in 0..size.div_ceil(1 << 16) {
        block.clear();
        while block.len() < 1 << 16 {
            match turn % 3 {
                0 => block.extend(next().to_le_bytes()),
                1 => block.extend(words[(next() >> 61) as usize].as_bytes()),
                _ => block.extend([[0; 56], [u8::from(next() & 63 == 0); 56]].concat()),
            }
        }
        block.truncate(1 << 16);
        out.write_all(&block).unwrap();
    }
    out.flush().unwrap();
}

/// Memory stays bounded whatever the layer's size: 2 GiB in eight files, each codec, and with more
/// threads than CPUs.
#[test]
fn two_gibibytes_in_little_memory() {
    let time = "/usr/bin/time";
    if !outsiders::can("peak memory of a 2 GiB layer", &[time]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("inputs");
    fs::create_dir(&inputs).unwrap();
    for number in 0..8 {
        mixed(
            &inputs.join(format!("file-{number}")),
            256 << 20,
            0x9e37_79b9_7f4a_7c15 + number,
        );
    }
    let layer = programs::path("layer");
    for codec in [
        json!("none"),
        json!({ "gzip-v1": {} }),
        json!({ "zstd-v1": {} }),
    ] {
        request(folder.path(), &codec);
        let output = Command::new(time)
            .arg("--verbose")
            .arg(&layer)
            .args(["request.json", "--out", "out"])
            .current_dir(folder.path())
            .env_clear()
            .env("RAYON_NUM_THREADS", "8")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{codec}: {said}");
        let peak = said.lines().find_map(|line| {
            line.trim()
                .strip_prefix("Maximum resident set size (kbytes): ")?
                .parse::<u64>()
                .ok()
        });
        let peak = peak.expect("time tells the peak");
        assert!(peak < 256 * 1024, "{codec}: a peak of {peak} KiB");
        fs::remove_file(folder.path().join("out")).unwrap();
    }
}

/// A file over 8 GiB needs a pax record for its size: GNU tar reads it, and what follows it.
#[test]
fn a_file_over_eight_gibibytes() {
    if !outsiders::can("GNU tar reads a file over 8 GiB", &["tar", "zstd"]) {
        return;
    }
    let size = (8 << 30) + 4321;
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("inputs");
    fs::create_dir(&inputs).unwrap();
    tree::sparse(&inputs.join("big"), size, &[(size - 4, b"tail".to_vec())]);
    fs::write(inputs.join("next"), "next").unwrap();
    request(folder.path(), &json!({ "zstd-v1": { "level": 1 } }));
    let layer = programs::path("layer");
    outsiders::run(
        folder.path(),
        layer.to_str().unwrap(),
        &["request.json", "--out", "out"],
    );
    let said = outsiders::run(
        folder.path(),
        "tar",
        &["--list", "--verbose", "--file", "out"],
    );
    let said = String::from_utf8(said).unwrap();
    let sizes: Vec<_> = said
        .lines()
        .map(|line| line.split_whitespace().nth(2).unwrap())
        .collect();
    assert_eq!(sizes, ["0", "8589938913", "4"], "{said}");
    let words = ["--extract", "--to-stdout", "--file", "out", "data/next"];
    assert_eq!(outsiders::run(folder.path(), "tar", &words), b"next");
}

/// Starts `layer` on one huge file and waits until it has read some of it.
fn start_reading(folder: &Path, size: u64) -> Child {
    fs::create_dir(folder.join("inputs")).unwrap();
    tree::sparse(&folder.join("inputs/big"), size, &[]);
    request(folder, &json!({ "zstd-v1": { "level": 1 } }));
    let mut child = Command::new(programs::path("layer"))
        .args(["request.json", "--out", "out", "--receipt", "receipt.json"])
        .current_dir(folder)
        .env_clear()
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(60) {
        let io = fs::read_to_string(format!("/proc/{}/io", child.id())).unwrap_or_default();
        let read = io
            .lines()
            .find_map(|line| line.strip_prefix("rchar: ")?.parse::<u64>().ok());
        if read.is_some_and(|read| read > 8 << 20) {
            return child;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    panic!("nothing was read: {:?}", child.wait_with_output());
}

/// The child fails with the given exit code, says these words, and leaves nothing.
fn fails_cleanly(child: Child, folder: &Path, code: i32, words: &[&str]) {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
    let mut left: Vec<_> = tree::as_the_system_says(folder);
    left.sort();
    assert_eq!(
        left,
        ["inputs", "request.json"].map(std::path::PathBuf::from),
        "{said}"
    );
}

#[test]
fn a_file_that_shrinks_while_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let child = start_reading(folder.path(), 4 << 30);
    let big = OpenOptions::new()
        .write(true)
        .open(folder.path().join("inputs/big"))
        .unwrap();
    big.set_len(1 << 20).unwrap();
    fails_cleanly(
        child,
        folder.path(),
        1,
        &["`data/big`", "shrank while it was read"],
    );
}

#[test]
fn a_file_that_grows_while_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let child = start_reading(folder.path(), 2 << 30);
    let mut big = OpenOptions::new()
        .append(true)
        .open(folder.path().join("inputs/big"))
        .unwrap();
    big.write_all(b"more").unwrap();
    fails_cleanly(
        child,
        folder.path(),
        1,
        &["`data/big`", "grew while it was read"],
    );
}

/// Killed at any time, a run leaves no output under its final name.
#[test]
fn a_killed_run_leaves_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start_reading(folder.path(), 4 << 30);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.path().join("out").exists() && !folder.path().join("receipt.json").exists());
}

#[test]
fn a_full_disk() {
    let check = "a full disk";
    if !outsiders::can(check, &["mount", "umount"]) {
        return;
    }
    if std::env::var_os("OUTSIDERS_ROOT").is_none() {
        outsiders::without(check, "a private mount namespace for a small file system");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    fs::create_dir(&small).unwrap();
    outsiders::run(
        folder.path(),
        "mount",
        &["-t", "tmpfs", "-o", "size=1m", "tmpfs", "small"],
    );
    fs::create_dir(folder.path().join("inputs")).unwrap();
    mixed(&folder.path().join("inputs/file"), 8 << 20, 1);
    let mut seen = Vec::new();
    for codec in [
        json!("none"),
        json!({ "gzip-v1": {} }),
        json!({ "zstd-v1": {} }),
    ] {
        request(folder.path(), &codec);
        let output = Command::new(programs::path("layer"))
            .args([
                "request.json",
                "--out",
                "small/out",
                "--receipt",
                "small/receipt.json",
            ])
            .current_dir(folder.path())
            .env_clear()
            .output()
            .unwrap();
        seen.push((
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        ));
        seen.push((Some(3), format!("{:?}", tree::as_the_system_says(&small))));
    }
    outsiders::run(folder.path(), "umount", &["small"]);
    for run in seen.chunks(2) {
        let [(code, said), (want, left)] = run else {
            panic!("pairs")
        };
        assert_eq!((code, left.as_str()), (want, "[]"), "{said}");
        assert!(
            said.contains("small/out") && said.contains("No space left"),
            "{said}"
        );
    }
}

#[test]
fn a_full_disk_under_a_layout() {
    let check = "a full disk under a layout";
    if !outsiders::can(check, &["mount", "umount"]) {
        return;
    }
    if std::env::var_os("OUTSIDERS_ROOT").is_none() {
        outsiders::without(check, "a private mount namespace for a small file system");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |tool: &str, words: &[&str]| {
        Command::new(programs::path(tool))
            .args(words)
            .current_dir(folder.path())
            .env_clear()
            .output()
            .unwrap()
    };
    fs::create_dir(folder.path().join("inputs")).unwrap();
    mixed(&folder.path().join("inputs/file"), 8 << 20, 1);
    request(folder.path(), &json!("none"));
    let words = ["request.json", "--out", "blob", "--receipt", "receipt.json"];
    assert!(run("layer", &words).status.success());

    let small = folder.path().join("small");
    fs::create_dir(&small).unwrap();
    outsiders::run(
        folder.path(),
        "mount",
        &["-t", "tmpfs", "-o", "size=1m", "tmpfs", "small"],
    );
    let mut seen = Vec::new();
    for (form, transfer, reason) in [
        ("layout", "copy", "No space left"),
        ("layout", "hard_link", "Invalid cross-device link"),
        ("oci_archive", "copy", "No space left"),
        ("docker_archive", "copy", "No space left"),
    ] {
        let request = json!({
            "kind": "assemble", "version": 1, "origin": "//e2e:full",
            "make": { "image": {
                "platform": "linux/amd64",
                "layers": [{ "receipt": "receipt.json", "blob": "blob" }],
            } },
            "output": { "form": form, "transfer": transfer },
        });
        fs::write(folder.path().join("image.json"), request.to_string()).unwrap();
        let outputs = ["--receipt", "small/receipt", "--digest", "small/digest"];
        let words = [&["image.json", "--out", "small/out"], &outputs[..]].concat();
        let output = run("assemble", &words);
        let said = String::from_utf8(output.stderr).unwrap();
        let left = format!("{:?}", tree::as_the_system_says(&small));
        seen.push((output.status.code(), said, reason, left));
    }
    outsiders::run(folder.path(), "umount", &["small"]);
    for (code, said, reason, left) in seen {
        assert_eq!((code, left.as_str()), (Some(3), "[]"), "{said}");
        assert!(said.contains(reason) && said.contains("small/"), "{said}");
    }
}
