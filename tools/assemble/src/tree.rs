//! The files of an image, as the listings of its layers tell of them: enough to find a program.
//!
//! Layers are put on top of each other as runtimes do (image specification, layer.md): whiteouts
//! hide what lies below, never what is in the same layer, and links are followed within the image.

use std::collections::BTreeMap;
use std::path::Path;

use oci::RawPath;
use serde::Deserialize;

use crate::error::{Error, Result};

/// The most links on the way to one file.
const LINKS: usize = 40;

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What a path is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// A file: whether anybody may execute it, and the machine it is for.
    File {
        executable: bool,
        machine: Option<String>,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink(Vec<u8>),
    /// A device or fifo.
    Special,
}

/// The files of an image.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: BTreeMap<Vec<u8>, Node>,
}

/// The fields of a listing's line that matter here.
#[derive(Deserialize)]
struct Line {
    path: RawPath,
    #[serde(rename = "type")]
    kind: String,
    mode: String,
    #[serde(default)]
    link: Option<RawPath>,
    #[serde(default)]
    elf: Option<String>,
}

impl Tree {
    /// Puts a layer on top.
    ///
    /// # Errors
    /// [`Error::Listing`].
    pub(crate) fn add(&mut self, listing: &[u8], path: &Path) -> Result<()> {
        let mut lines = Vec::new();
        for (at, line) in listing.split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let bad = |reason: String| Error::Listing {
                path: path.to_owned(),
                line: at + 1,
                reason,
            };
            let line: Line = serde_json::from_slice(line).map_err(|e| bad(e.to_string()))?;
            let mode = u32::from_str_radix(&line.mode, 8)
                .map_err(|_| bad(format!("`{}` is not a mode", line.mode)))?;
            lines.push((line, mode, at));
        }
        for (line, ..) in &lines {
            let (folder, name) = split(line.path.as_bytes());
            if name == OPAQUE {
                self.remove_below(folder);
            } else if let Some(hidden) = name.strip_prefix(WHITEOUT) {
                self.remove(&join(folder, hidden));
            }
        }
        for (line, mode, at) in lines {
            let name = line.path.as_bytes();
            if split(name).1.starts_with(WHITEOUT) {
                continue;
            }
            let link = line.link.map(RawPath::into_bytes).unwrap_or_default();
            let node = match line.kind.as_str() {
                "file" => Node::File {
                    executable: mode & 0o111 != 0,
                    machine: line.elf,
                },
                "directory" => Node::Directory,
                "symlink" => Node::Symlink(link),
                "hardlink" => self.nodes.get(&link).cloned().unwrap_or(Node::Special),
                "character_device" | "block_device" | "fifo" => Node::Special,
                other => {
                    let reason = format!("`{other}` is not a type");
                    return Err(Error::Listing {
                        path: path.to_owned(),
                        line: at + 1,
                        reason,
                    });
                }
            };
            if node != Node::Directory {
                self.remove_below(name);
            }
            self.nodes.insert(name.to_vec(), node);
        }
        Ok(())
    }

    /// What `path` leads to, and its real path; nothing where it leads nowhere.
    pub(crate) fn find(&self, path: &[u8]) -> Option<(Vec<u8>, &Node)> {
        let mut ahead: Vec<Vec<u8>> = parts(path);
        let mut here: Vec<u8> = Vec::new();
        let mut links = 0;
        while let Some(part) = ahead.pop() {
            if part == b".." {
                here = split(&here).0.to_vec();
                continue;
            }
            let next = join(&here, &part);
            match self.nodes.get(&next) {
                Some(Node::Symlink(target)) => {
                    links += 1;
                    if links > LINKS {
                        return None;
                    }
                    if target.starts_with(b"/") {
                        here.clear();
                    }
                    ahead.extend(parts(target));
                }
                Some(Node::Directory) => here = next,
                Some(node) => return ahead.is_empty().then_some((next, node)),
                // Layers need not have entries for the directories above their files.
                None if self.has_below(&next) => here = next,
                None => return None,
            }
        }
        Some((here, &Node::Directory))
    }

    fn has_below(&self, folder: &[u8]) -> bool {
        let prefix = join(folder, b"");
        self.nodes
            .range(prefix.clone()..)
            .next()
            .is_some_and(|(path, _)| path.starts_with(&prefix))
    }

    fn remove(&mut self, path: &[u8]) {
        self.nodes.remove(path);
        self.remove_below(path);
    }

    fn remove_below(&mut self, folder: &[u8]) {
        let prefix = if folder.is_empty() {
            Vec::new()
        } else {
            join(folder, b"")
        };
        let below: Vec<Vec<u8>> = self
            .nodes
            .range(prefix.clone()..)
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(&prefix))
            .cloned()
            .collect();
        for path in below {
            self.nodes.remove(&path);
        }
    }
}

/// The folder and the last part of a path.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() {
        return name.to_vec();
    }
    [folder, b"/", name].concat()
}

/// The parts of a path, the last one first.
fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .map(<[u8]>::to_vec)
        .rev()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(layers: &[&str]) -> Tree {
        let mut tree = Tree::default();
        for layer in layers {
            // Each word is `type:path` or `type:path:link`.
            let listing: Vec<String> = layer
                .split_whitespace()
                .map(|word| {
                    let mut parts = word.split(':');
                    let (kind, path) = (parts.next().unwrap(), parts.next().unwrap());
                    let (kind, mode) = match kind {
                        "x" => ("file", "0755"),
                        "f" => ("file", "0644"),
                        "d" => ("directory", "0755"),
                        "l" => ("symlink", "0777"),
                        "h" => ("hardlink", "0644"),
                        other => (other, "0644"),
                    };
                    let mut line =
                        serde_json::json!({"path": path, "type": kind, "mode": mode, "uid": 0});
                    if let Some(link) = parts.next() {
                        line["link"] = link.into();
                    }
                    line.to_string()
                })
                .collect();
            tree.add(listing.join("\n").as_bytes(), Path::new("l"))
                .unwrap();
        }
        tree
    }

    fn real(tree: &Tree, path: &str) -> Option<String> {
        tree.find(path.as_bytes())
            .map(|(path, _)| String::from_utf8(path).unwrap())
    }

    #[test]
    fn links_are_followed_within_the_image() {
        let tree = tree(&[
            "l:bin:usr/bin d:usr/bin x:usr/bin/busybox",
            "l:usr/bin/sh:busybox l:usr/bin/env:/bin/../bin/./sh l:loop:loop l:up:../../usr",
        ]);
        for path in [
            "/bin/sh",
            "bin/env",
            "/usr/bin/../bin/sh",
            "//up/bin/busybox",
        ] {
            assert_eq!(
                real(&tree, path).as_deref(),
                Some("usr/bin/busybox"),
                "{path}"
            );
        }
        for path in ["/loop", "/bin/none", "/bin/sh/x", "/none/../bin/sh"] {
            assert_eq!(real(&tree, path), None, "{path}");
        }
        assert_eq!(tree.find(b"/bin").unwrap().1, &Node::Directory);
        assert_eq!(real(&tree, "/").as_deref(), Some(""));
    }

    #[test]
    fn whiteouts_hide_what_is_below_them() {
        let lower = "d:a f:a/x f:a/y d:b f:b/x f:c";
        let tree = tree(&[lower, "f:a/.wh.x f:b/.wh..wh..opq f:b/new f:.wh.c f:c"]);
        assert_eq!(real(&tree, "a/x"), None);
        assert!(real(&tree, "a/y").is_some());
        assert_eq!(real(&tree, "b/x"), None);
        assert!(real(&tree, "b/new").is_some());
        assert!(
            real(&tree, "c").is_some(),
            "a whiteout hides nothing of its own layer"
        );
    }

    #[test]
    fn layers_replace_what_they_have_again() {
        let tree = tree(&["d:a f:a/x x:b", "f:a h:c:b x:p/q/r"]);
        assert_eq!(real(&tree, "a/x"), None);
        assert!(matches!(
            tree.find(b"c").unwrap().1,
            Node::File {
                executable: true,
                ..
            }
        ));
        assert!(matches!(
            tree.find(b"a").unwrap().1,
            Node::File {
                executable: false,
                ..
            }
        ));
        assert_eq!(real(&tree, "p/q/r").as_deref(), Some("p/q/r"));
    }

    #[test]
    fn lines_that_are_none() {
        let refused = |line: &str| {
            let listing =
                format!("{{\"path\":\"a\",\"type\":\"fifo\",\"mode\":\"0644\"}}\n{line}\n");
            Tree::default()
                .add(listing.as_bytes(), Path::new("l"))
                .unwrap_err()
                .to_string()
        };
        assert!(refused("{").starts_with("`l`, line 2, is not a line of a listing: EOF"));
        let line = |kind: &str, mode: &str| {
            refused(&format!(
                r#"{{"path":"a","type":"{kind}","mode":"{mode}"}}"#
            ))
        };
        assert!(line("door", "0644").ends_with(": `door` is not a type"));
        assert!(line("file", "x").ends_with(": `x` is not a mode"));
    }
}
