//! What a release holds of layers and images, made by the programs themselves.

use super::Target;
use crate::command::{self, Error};
use crate::programs;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs one of the programs on a request; the request stays beside what it made.
pub(super) fn run(
    ours: &Path,
    out: &Path,
    tool: &str,
    name: &str,
    request: &Value,
    more: &[&str],
) -> Result<(), Error> {
    let requests = out.join("requests");
    fs::create_dir_all(&requests)?;
    let file = requests.join(format!("{name}.json"));
    fs::write(&file, format!("{request:#}\n"))?;
    let mut command = Command::new(ours.join(tool));
    command.arg(&file).args(more).current_dir(out).env_clear();
    command::run(&mut command)
}

/// Hard links, so that requests name the programs alike wherever they were built.
fn sources(folder: &Path, out: &Path) -> Result<PathBuf, Error> {
    let at = out.join("sources");
    if at.exists() {
        fs::remove_dir_all(&at)?;
    }
    fs::create_dir_all(&at)?;
    for name in programs::names() {
        fs::copy(folder.join(name), at.join(name))?;
    }
    Ok(at)
}

fn entries(prefix: &str) -> Vec<Value> {
    let one = |name: &&str| {
        json!({"file": {
            "path": format!("{prefix}{name}"), "source": format!("sources/{name}"), "attributes": {"mode": "0755"},
        }})
    };
    programs::names().iter().map(one).collect()
}

/// The archive that Bazel and Nix fetch: the programs in one folder, for Nix itself unpacks no other.
pub(super) fn archive(ours: &Path, folder: &Path, out: &Path, name: &str) -> Result<(), Error> {
    let sources = sources(folder, out)?;
    let request = json!({
        "kind": "layer", "version": 1, "origin": "//:archive",
        "parents": "omit", "codec": {"gzip-v1": {"level": 9}}, "entries": entries("bin/"),
    });
    run(ours, out, "layer", name, &request, &["--out", name])?;
    Ok(fs::remove_dir_all(sources)?)
}

/// The layer of the programs for one target; the name of its receipt.
pub(super) fn layer(
    ours: &Path,
    folder: &Path,
    out: &Path,
    target: &Target,
) -> Result<String, Error> {
    let sources = sources(folder, out)?;
    let request = json!({
        "kind": "layer", "version": 1, "origin": format!("//:programs_{}", target.bazel),
        "codec": {"gzip-v1": {"level": 9}}, "entries": entries("usr/bin/"),
        "history": {"created_by": "layer"},
    });
    let name = format!("layer-{}", target.bazel);
    let (receipt, listing) = (format!("{name}.receipt.json"), format!("{name}.ndjson"));
    let words = [
        "--out",
        name.as_str(),
        "--receipt",
        receipt.as_str(),
        "--listing",
        listing.as_str(),
    ];
    run(ours, out, "layer", &name, &request, &words)?;
    fs::remove_dir_all(sources)?;
    Ok(name)
}

/// An index of one image for each target, as a layout; and nothing that has only gone into it.
pub(super) fn image(
    ours: &Path,
    out: &Path,
    layers: &[(&'static Target, String)],
    version: &str,
) -> Result<(), Error> {
    let mut entries = Vec::new();
    for (target, layer) in layers {
        let name = format!("image-{}", target.bazel);
        let request = json!({
            "kind": "assemble", "version": 1, "origin": format!("//:{name}"),
            "make": {"image": {
                "platform": target.image,
                "layers": [{"receipt": format!("{layer}.receipt.json"), "blob": layer, "listing": format!("{layer}.ndjson")}],
                "config": {"cmd": {"replace": ["/usr/bin/verify", "--help"]}},
                "annotations": {"replace": {
                    "org.opencontainers.image.title": "rules_container",
                    "org.opencontainers.image.version": version,
                    "org.opencontainers.image.licenses": "Apache-2.0",
                }},
            }},
        });
        let receipt = format!("{name}.receipt.json");
        run(
            ours,
            out,
            "assemble",
            &name,
            &request,
            &["--out", &name, "--receipt", &receipt],
        )?;
        entries.push(json!({"layout": name}));
    }
    let request = json!({
        "kind": "assemble", "version": 1, "origin": "//:image",
        "make": {"index": {"entries": entries}}, "tags": [version],
    });
    run(
        ours,
        out,
        "assemble",
        "image",
        &request,
        &["--out", "image", "--receipt", "image.receipt.json"],
    )?;
    for (target, layer) in layers {
        fs::remove_file(out.join(layer))?;
        fs::remove_dir_all(out.join(format!("image-{}", target.bazel)))?;
    }
    Ok(())
}
