//! The README's first screen, done as it says: its requests, its commands, and the image works.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use e2e::{outsiders, programs};

/// The contents of the README's fenced blocks, with the word after the fence.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut parts = text.split("```").skip(1);
    while let Some(block) = parts.next() {
        let (word, content) = block.split_once('\n').unwrap();
        blocks.push((word.to_owned(), content.to_owned()));
        parts.next();
    }
    blocks
}

#[test]
fn the_smallest_image_works() {
    let readme = fs::read_to_string(programs::workspace().join("README.md")).unwrap();
    let blocks = blocks(&readme);
    let requests: Vec<&String> = blocks
        .iter()
        .filter(|(word, _)| word == "json")
        .map(|(_, content)| content)
        .collect();
    let [rootfs, image] = requests[..] else {
        panic!("two requests are on the first screen")
    };
    let commands = &blocks
        .iter()
        .find(|(_, text)| text.starts_with("layer "))
        .unwrap()
        .1;

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("rootfs.json"), rootfs).unwrap();
    fs::write(path("image.json"), image).unwrap();
    fs::copy(programs::path("layer"), path("hello")).unwrap();
    fs::set_permissions(path("hello"), fs::Permissions::from_mode(0o755)).unwrap();
    for line in commands.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [tool @ ("layer" | "assemble"), ref words @ ..] => {
                let tool = programs::path(tool);
                outsiders::run(folder.path(), tool.to_str().unwrap(), words);
            }
            // There is no daemon here: it goes into a folder.
            ["skopeo", "copy", source, _] => {
                if outsiders::can("the README's image is copied by skopeo", &["skopeo"]) {
                    outsiders::run(
                        folder.path(),
                        "skopeo",
                        &["copy", "--quiet", source, "dir:copy"],
                    );
                }
            }
            _ => panic!("a command that this test does not know: {line}"),
        }
    }
    if outsiders::can("the README's image runs", &["umoci", "bwrap"]) {
        let words = ["unpack", "--image", "image:hello", "bundle"];
        outsiders::run(folder.path(), "umoci", &words);
        let words = [
            "--unshare-all",
            "--bind",
            "bundle/rootfs",
            "/",
            "/hello",
            "--version",
        ];
        let said = outsiders::run(folder.path(), "bwrap", &words);
        assert!(
            said.starts_with(b"layer "),
            "{}",
            String::from_utf8_lossy(&said)
        );
    }
}
