//! Any layer, written by the real program and read back by others: the same tree, sorted, each path
//! once, parents first; the same bytes whatever the order of the request and the number of threads.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests"
)]

mod model;

use std::cell::Cell;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use data_encoding::BASE64;
use e2e::{blob, outsiders, programs};
use model::{Kind, Layer, raw};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

/// Runs a property on values of a strategy, the same ones each time.
fn check<S: Strategy>(
    cases: u32,
    strategy: S,
    property: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    if let Err(error) = TestRunner::new_with_rng(config, rng).run(&strategy, property) {
        panic!("{error}");
    }
}

/// What a run leaves: the blob and the listing.
fn run(folder: &Path, entries: &[Value], more: &Value, threads: &str) -> (Vec<u8>, Vec<Value>) {
    let mut request = json!({
        "kind": "layer", "version": 1, "origin": "//e2e:properties", "codec": "none", "entries": entries,
    });
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
    fs::write(folder.join("request.json"), request.to_string()).unwrap();
    for name in ["out", "listing"] {
        let _ = fs::remove_file(folder.join(name));
    }
    let output = Command::new(programs::path("layer"))
        .args(["request.json", "--out", "out", "--listing", "listing"])
        .current_dir(folder)
        .env_clear()
        .env("RAYON_NUM_THREADS", threads)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{request}");
    let listing = fs::read_to_string(folder.join("listing")).unwrap();
    let lines = listing
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    (fs::read(folder.join("out")).unwrap(), lines.collect())
}

fn entries(layer: &Layer) -> Vec<Value> {
    let said = layer.iter().filter(|(_, thing)| thing.said);
    said.map(|(path, thing)| thing.entry(path)).collect()
}

/// A layer, and its entries in another order, some of them twice.
fn layer_and_order() -> impl Strategy<Value = (Layer, Vec<Value>)> {
    model::layer().prop_flat_map(|layer| {
        let all = entries(&layer);
        let again = proptest::sample::subsequence(all.clone(), 0..=all.len());
        let shuffled = again
            .prop_map(move |again| [&all[..], &again[..]].concat())
            .prop_shuffle();
        (Just(layer), shuffled)
    })
}

#[test]
fn the_same_tree_comes_back() {
    let python = outsiders::can("Python's tarfile reads back any layer", &["python3"]);
    let by_the_crate = Cell::new(0);
    check(96, model::layer(), |layer| {
        let folder = tempfile::tempdir().unwrap();
        let (tar, listing) = run(folder.path(), &entries(&layer), &json!({}), "2");
        let expected = model::listing(&layer);
        prop_assert_eq!(&listing, &expected);
        if let Some(read) = read_by_the_crate(&tar) {
            by_the_crate.set(by_the_crate.get() + 1);
            prop_assert_eq!(&read, &expected);
        }
        if python {
            prop_assert_eq!(&read_by_python(&tar), &expected);
        }
        // The model is a sorted map: with it come order, uniqueness, and parents before children.
        prop_assert_eq!(tar.len() % 512, 0);
        prop_assert!(tar.ends_with(&[0; 1024]));
        Ok(())
    });
    assert!(
        by_the_crate.get() > 48,
        "the crate has read {by_the_crate:?} layers"
    );
}

#[test]
fn neither_order_nor_threads_nor_saying_it_twice_changes_a_byte() {
    check(96, layer_and_order(), |(layer, shuffled)| {
        let folder = tempfile::tempdir().unwrap();
        for codec in [
            json!("none"),
            json!({"zstd-v1": {}}),
            json!({"gzip-v1": {"level": 1}}),
        ] {
            let codec = json!({ "codec": codec });
            let (plain, _) = run(folder.path(), &entries(&layer), &codec, "1");
            let (other, _) = run(folder.path(), &shuffled, &codec, "5");
            prop_assert!(plain == other, "{}", codec);
        }
        Ok(())
    });
}

#[test]
fn a_layer_taken_as_an_archive_is_the_same_layer() {
    let keep = json!({ "names": true, "mtime": true });
    check(96, model::layer(), |layer| {
        let folder = tempfile::tempdir().unwrap();
        let (first, _) = run(folder.path(), &entries(&layer), &json!({}), "2");
        fs::write(folder.path().join("in"), &first).unwrap();
        let archive = json!({ "tar": { "source": "in", "keep": keep } });
        let (second, _) = run(folder.path(), &[archive], &json!({}), "2");
        prop_assert!(first == second);
        Ok(())
    });
}

#[test]
fn linking_equal_files_keeps_every_content() {
    let by_content = json!({ "hardlinks": "by_content" });
    check(96, layer_and_order(), |(layer, shuffled)| {
        let folder = tempfile::tempdir().unwrap();
        let (tar, listing) = run(folder.path(), &entries(&layer), &by_content, "2");
        let (again, _) = run(folder.path(), &shuffled, &by_content, "3");
        prop_assert!(tar == again);
        // Seen through the links, nothing has changed.
        let through = |lines: &[Value]| -> Vec<Value> {
            let target = |link: &Value| lines.iter().find(|line| line["path"] == *link).cloned();
            let resolve = |line: &Value| match line["type"].as_str() {
                Some("hardlink") => {
                    let mut found = target(&line["link"]).expect("it is in the layer");
                    assert_ne!(found["type"], "hardlink", "a link to a link");
                    found["path"] = line["path"].clone();
                    found
                }
                _ => line.clone(),
            };
            lines.iter().map(resolve).collect()
        };
        prop_assert_eq!(through(&listing), through(&model::listing(&layer)));
        Ok(())
    });
}

#[test]
fn a_tree_on_disk_comes_back() {
    check(64, model::layer(), |layer| {
        let folder = tempfile::tempdir().unwrap();
        let disk = |path: &[u8]| {
            use std::os::unix::ffi::OsStrExt;
            folder
                .path()
                .join("tree")
                .join(std::ffi::OsStr::from_bytes(path))
        };
        fs::create_dir(folder.path().join("tree")).unwrap();
        let mut expected = Layer::new();
        for (path, mut thing) in layer {
            match &thing.kind {
                Kind::File(bytes) => fs::write(disk(&path), bytes).unwrap(),
                Kind::Directory => fs::create_dir(disk(&path)).unwrap(),
                Kind::Symlink(target) => {
                    use std::os::unix::ffi::OsStrExt;
                    let target = std::ffi::OsStr::from_bytes(target);
                    std::os::unix::fs::symlink(target, disk(&path)).unwrap();
                }
                // The others are for who may make them, or are inodes, which never count.
                _ => continue,
            }
            thing.attributes = model::Attributes::default();
            expected.insert(path, thing);
        }
        let tree = json!({ "tree": { "source": "tree" } });
        let (_, listing) = run(folder.path(), &[tree], &json!({}), "2");
        prop_assert_eq!(listing, model::listing(&expected));
        Ok(())
    });
}

/// A tar as the crate `tar` reads it, as lines of a listing; none where a pax record has a newline in
/// its value, at which that crate cuts.
fn read_by_the_crate(tar: &[u8]) -> Option<Vec<Value>> {
    let mut lines = Vec::new();
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut records = Vec::new();
        if let Some(found) = entry.pax_extensions().unwrap() {
            for record in found {
                let record = record.ok()?;
                records.push((record.key().ok()?.to_owned(), record.value_bytes().to_vec()));
            }
        }
        let record = |key: &str| records.iter().find(|(k, _)| k == key).map(|(_, v)| &v[..]);
        let text = |key| record(key).map(|value| String::from_utf8(value.to_vec()).unwrap());
        let header = entry.header().clone();
        let kind = match header.entry_type() {
            tar::EntryType::Regular => "file",
            tar::EntryType::Directory => "directory",
            tar::EntryType::Symlink => "symlink",
            tar::EntryType::Link => "hardlink",
            tar::EntryType::Char => "character_device",
            tar::EntryType::Block => "block_device",
            tar::EntryType::Fifo => "fifo",
            other => panic!("{other:?}"),
        };
        let path = entry.path_bytes().into_owned();
        let path = match kind {
            "directory" => path.strip_suffix(b"/").expect("a slash ends it"),
            _ => &path,
        };
        let id = |key, field| text(key).map_or(field, |id| id.parse::<u64>().unwrap());
        let (seconds, nanoseconds) = match text("mtime") {
            Some(time) => seconds(&time),
            None => (i64::try_from(header.mtime().unwrap()).unwrap(), 0),
        };
        let mut line = json!({
            "path": raw(path), "type": kind, "mode": format!("{:04o}", header.mode().unwrap()),
            "uid": id("uid", header.uid().unwrap()), "gid": id("gid", header.gid().unwrap()), "mtime": seconds,
        });
        if nanoseconds != 0 {
            line["mtime_nanoseconds"] = nanoseconds.into();
        }
        for (key, field) in [
            ("uname", header.username_bytes()),
            ("gname", header.groupname_bytes()),
        ] {
            let name = record(key).or(field).unwrap();
            if !name.is_empty() {
                line[key] = std::str::from_utf8(name).unwrap().into();
            }
        }
        match kind {
            "symlink" | "hardlink" => line["link"] = raw(&entry.link_name_bytes().unwrap()),
            "character_device" | "block_device" => {
                let major = header.device_major().unwrap().unwrap();
                let minor = header.device_minor().unwrap().unwrap();
                line["device"] = format!("{major}:{minor}").into();
            }
            "file" => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                line["size"] = bytes.len().into();
                line["sha256"] = blob::digest(&bytes)[7..].into();
            }
            _ => {}
        }
        for (key, value) in &records {
            if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
                line["xattrs"][name] = BASE64.encode(value).into();
            }
        }
        lines.push(line);
    }
    Some(lines)
}

/// A pax time as seconds rounded down and nanoseconds.
fn seconds(text: &str) -> (i64, u32) {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nanoseconds: u32 = format!("{fraction:0<9}").parse().unwrap();
    let seconds: i64 = whole.parse().unwrap();
    match (text.starts_with('-'), nanoseconds) {
        (true, 1..) => (seconds - 1, 1_000_000_000 - nanoseconds),
        _ => (seconds, nanoseconds),
    }
}

fn read_by_python(tar: &[u8]) -> Vec<Value> {
    let script = programs::workspace().join("e2e/tests/listing.py");
    let mut python = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(tar).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
