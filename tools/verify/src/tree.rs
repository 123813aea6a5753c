//! What a container sees: listings of layers, one laid over the other, whiteouts applied.

use std::collections::BTreeMap;
use std::path::Path;

use inspect::listing::Line;

use crate::error::{Error, Result};

/// The files of an image by their paths.
pub(crate) type Tree = BTreeMap<Vec<u8>, Line>;

/// The most bytes of a listing.
const LIMIT: u64 = 4 << 30;

/// Reads a listing.
///
/// # Errors
/// It is none.
pub(crate) fn read(path: &Path) -> Result<Vec<Line>> {
    let bytes = files::read_at_most(path, LIMIT)?;
    let mut lines = Vec::new();
    for (at, line) in bytes.split(|b| *b == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let line = serde_json::from_slice(line).map_err(|error| Error::Listing {
            path: path.to_owned(),
            line: at + 1,
            reason: error.to_string().into(),
        })?;
        lines.push(line);
    }
    Ok(lines)
}

/// Lays a layer over the tree (image specification, layer.md, "Applying Changesets"): whiteouts first, as
/// they hide what is below and never what comes with them.
pub(crate) fn lay(tree: &mut Tree, layer: Vec<Line>) {
    let mut added: Vec<(Vec<u8>, Line)> = Vec::new();
    for line in layer {
        let path = line.path.as_bytes().to_vec();
        let (folder, name) = match path.iter().rposition(|b| *b == b'/') {
            Some(at) => (&path[..at], &path[at + 1..]),
            None => (&b""[..], &path[..]),
        };
        if name == b".wh..wh..opq" {
            remove_below(tree, folder);
        } else if let Some(hidden) = name.strip_prefix(b".wh.") {
            let hidden = match folder.is_empty() {
                true => hidden.to_vec(),
                false => [folder, b"/", hidden].concat(),
            };
            tree.remove(&hidden);
            remove_below(tree, &hidden);
        } else {
            added.push((path, line));
        }
    }
    for (path, line) in added {
        if line.kind != "directory" {
            remove_below(tree, &path);
        }
        tree.insert(path, line);
    }
}

/// Removes all that lies below `folder`; everything, where that is the root.
fn remove_below(tree: &mut Tree, folder: &[u8]) {
    if folder.is_empty() {
        tree.clear();
        return;
    }
    let from = [folder, b"/"].concat();
    let below: Vec<Vec<u8>> = tree
        .range(from.clone()..)
        .map(|(path, _)| path.clone())
        .take_while(|path| path.starts_with(&from))
        .collect();
    for path in below {
        tree.remove(&path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rows: &[(&str, &str)]) -> Vec<Line> {
        rows.iter()
            .map(|(kind, path)| {
                let text = format!(
                    r#"{{"gid":0,"mode":"0755","mtime":0,"path":"{path}","type":"{kind}","uid":0}}"#
                );
                serde_json::from_str(&text).unwrap()
            })
            .collect()
    }

    fn tree(layers: &[&[(&str, &str)]]) -> Vec<String> {
        let mut tree = Tree::new();
        for layer in layers {
            lay(&mut tree, lines(layer));
        }
        tree.keys()
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .collect()
    }

    #[test]
    fn whiteouts_hide_what_is_below_and_nothing_beside() {
        let base: &[(&str, &str)] = &[
            ("directory", "a"),
            ("file", "a/foo"),
            ("file", "a/bar"),
            ("file", "ab"),
        ];
        assert_eq!(
            tree(&[base, &[("file", "a/.wh.foo")]]),
            ["a", "a/bar", "ab"]
        );
        // A folder that is hidden and made anew.
        assert_eq!(
            tree(&[
                base,
                &[("file", "a/baz"), ("file", ".wh.a"), ("directory", "a")]
            ]),
            ["a", "a/baz", "ab"]
        );
        assert_eq!(
            tree(&[base, &[("file", "a/baz"), ("file", "a/.wh..wh..opq")]]),
            ["a", "a/baz", "ab"]
        );
        assert_eq!(
            tree(&[base, &[("file", ".wh..wh..opq"), ("file", "x")]]),
            ["x"]
        );
        // A file in the place of a folder.
        assert_eq!(tree(&[base, &[("file", "a")]]), ["a", "ab"]);
        assert_eq!(
            tree(&[base, &[("directory", "a")]]),
            ["a", "a/bar", "a/foo", "ab"]
        );
    }
}
