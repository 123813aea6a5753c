//! Digests of what a program wrote, computed by other code than the program's.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::tree::Node;

/// `sha256:…` of some bytes.
pub fn digest(bytes: &[u8]) -> String {
    format!(
        "sha256:{}",
        data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
    )
}

/// The tar inside a layer blob: as it is, or out of gzip (all its members) or zstd.
pub fn unpack(blob: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut tar = Vec::new();
    match blob {
        [0x1f, 0x8b, ..] => flate2::read::MultiGzDecoder::new(blob).read_to_end(&mut tar)?,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::Decoder::new(blob)?.read_to_end(&mut tar)?,
        _ => return Ok(blob.to_vec()),
    };
    Ok(tar)
}

/// `digests.json` of a layer.
pub fn layer_digests(blob: &[u8]) -> std::io::Result<Value> {
    let tar = unpack(blob)?;
    Ok(json!({ "diff_id": digest(&tar), "digest": digest(blob), "size": blob.len() }))
}

/// `digests.json` of a folder or an archive: every file's digest. The output itself is called `.`.
pub fn tree_digests(out: &BTreeMap<PathBuf, Node>) -> Value {
    let files = out.iter().filter_map(|(path, node)| match node {
        Node::File(bytes) => Some((name(path), Value::from(digest(bytes)))),
        _ => None,
    });
    Value::Object(files.collect())
}

/// A readable listing of a folder or an archive: a line for each file, folder and link; JSON
/// documents in full, so that a review shows what changed.
pub fn tree_listing(out: &BTreeMap<PathBuf, Node>) -> std::io::Result<String> {
    let mut lines = String::new();
    for (path, node) in out {
        match node {
            // A report.
            Node::File(bytes) if path.as_os_str().is_empty() && bytes.starts_with(b"{") => {
                push(&mut lines, file_line(".", bytes));
            }
            Node::File(bytes) if path.as_os_str().is_empty() => {
                lines.push_str(&archive_listing(bytes)?);
            }
            Node::File(bytes) => push(&mut lines, file_line(&name(path), bytes)),
            Node::Symlink(target) => {
                push(
                    &mut lines,
                    json!({ "path": name(path), "type": "symlink", "link": target }),
                );
            }
            Node::Directory if path.as_os_str().is_empty() => {}
            Node::Directory => {
                push(
                    &mut lines,
                    json!({ "path": name(path), "type": "directory" }),
                );
            }
            Node::Special => push(&mut lines, json!({ "path": name(path), "type": "special" })),
        }
    }
    Ok(lines)
}

/// A line for each member of an archive, in the archive's own order.
fn archive_listing(archive: &[u8]) -> std::io::Result<String> {
    let mut lines = String::new();
    let archive = unpack(archive)?;
    for entry in tar::Archive::new(&archive[..]).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        let header = entry.header();
        let mut line = match header.entry_type() {
            tar::EntryType::Regular => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                file_line(&path, &bytes)
            }
            tar::EntryType::Directory => json!({ "path": path, "type": "directory" }),
            kind => {
                let link = entry
                    .link_name()?
                    .map(|link| link.to_string_lossy().into_owned());
                json!({ "path": path, "type": format!("{kind:?}"), "link": link })
            }
        };
        let header = entry.header();
        line["mode"] = format!("{:04o}", header.mode()?).into();
        line["mtime"] = header.mtime()?.into();
        line["owner"] = format!("{}:{}", header.uid()?, header.gid()?).into();
        push(&mut lines, line);
    }
    Ok(lines)
}

fn file_line(path: &str, bytes: &[u8]) -> Value {
    let mut line = json!({ "path": path, "size": bytes.len(), "sha256": &digest(bytes)[7..] });
    if let Ok(document @ (Value::Object(_) | Value::Array(_))) = serde_json::from_slice(bytes) {
        line["json"] = document;
    }
    line
}

fn push(lines: &mut String, line: Value) {
    lines.push_str(&line.to_string());
    lines.push('\n');
}

fn name(path: &std::path::Path) -> String {
    if path.as_os_str().is_empty() {
        ".".into()
    } else {
        path.to_string_lossy().into_owned()
    }
}
