//! What a release says of its image: bills of materials, provenance, sealed requests, made by `attest` and attached
//! to the image in its layout; the same documents as files, for people.

use super::image::run;
use super::{Publisher, Target};
use crate::command::{self, Error};
use crate::{programs, workspace};
use e2e::blob;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The documents, by artifact type, and what they are called as files.
const FILES: [(&str, &str); 4] = [
    ("application/spdx+json", "image.spdx.json"),
    ("application/vnd.cyclonedx+json", "image.cdx.json"),
    (signing::IN_TOTO, "image.provenance.json"),
    (signing::DSSE, "image.provenance.dsse.json"),
];

/// Attaches them to the image of `out`.
pub(super) fn image(
    ours: &Path,
    out: &Path,
    targets: &[&'static Target],
    publisher: &Publisher,
) -> Result<(), Error> {
    let url = &publisher.url;
    let (mut layers, mut steps) = (Vec::new(), Vec::new());
    let step = |tool: &str, output: &str| json!({"tool": tool, "output": output, "request": format!("requests/{output}.json"), "receipt": format!("{output}.receipt.json")});
    for target in targets {
        let (layer, image) = (
            format!("layer-{}", target.bazel),
            format!("image-{}", target.bazel),
        );
        let (receipt, listing) = (format!("{layer}.receipt.json"), format!("{layer}.ndjson"));
        layers.push(json!({"receipt": receipt, "listing": listing, "request": format!("requests/{layer}.json")}));
        let mut of_layer = step("layer", &layer);
        of_layer["listing_name"] = listing.into();
        steps.extend([of_layer, step("assemble", &image)]);
    }
    steps.push(step("assemble", "image"));
    let mut provenance = json!({"builder": url});
    if let Some(commit) = commit() {
        provenance["materials"] = json!([{"uri": format!("git+{url}"), "git_commit": commit}]);
    }
    // Without the folder that they are built in: that is another one each time.
    let tool = |name: &str| -> Result<Value, Error> {
        let digest = blob::digest(&fs::read(ours.join(name))?);
        Ok(json!({"name": name, "digest": digest}))
    };
    let mut make = json!(["spdx", "cyclonedx", {"provenance": provenance}, "sealed"]);
    let mut request = json!({
        "kind": "attest", "version": 1, "origin": "//:attest", "image": "image.receipt.json", "name": "rules_container",
        "layers": layers, "steps": steps, "tools": [tool("layer")?, tool("assemble")?], "packages": packages(targets)?,
    });
    let attest = |request: &Value| {
        let words = ["--out", "attested", "--receipt", "attested.receipt.json"];
        run(ours, out, "attest", "attest", request, &words)
    };
    match &publisher.key {
        None => {
            request["make"] = make;
            attest(&request)?;
        }
        Some(key) => {
            if let Some(make) = make.as_array_mut() {
                make.push("signature".into());
            }
            request["make"] = make;
            request["recursive"] = true.into();
            key.lend(out, |[private, _]| {
                request["sign"] = json!({"key": private});
                attest(&request)
            })?;
        }
    }
    let request = json!({
        "kind": "push", "version": 1, "origin": "//:attach",
        "images": [{"layout": "image", "attached": ["attested"], "into": [{"layout": {"path": "image-and-documents"}}]}],
    });
    run(ours, out, "push", "attach", &request, &[])?;
    for (kind, name) in FILES {
        if let Some(bytes) = document(&out.join("attested"), kind)? {
            fs::write(out.join(name), bytes)?;
        }
    }
    fs::remove_dir_all(out.join("attested"))?;
    fs::remove_dir_all(out.join("image"))?;
    fs::rename(out.join("image-and-documents"), out.join("image"))?;
    let verify = |keys: &[&str]| {
        let request = json!({
            "kind": "verify", "version": 1, "origin": "//:release",
            "checks": [
                {"image": {"source": {"layout": "image"}, "strict": true}},
                {"attested": {"source": {"layout": "image"}, "keys": keys, "require": ["spdx", "cyclonedx", "provenance", "sealed"]}},
            ],
        });
        run(ours, out, "verify", "verify", &request, &[])
    };
    match &publisher.key {
        None => verify(&[]),
        Some(key) => key.lend(out, |[_, public]| verify(&[public])),
    }
}

/// The commit of the sources, where nothing has been changed since.
fn commit() -> Option<String> {
    let git = |words: &[&str]| {
        let output = Command::new("git")
            .args(words)
            .current_dir(workspace::root())
            .output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    let clean = git(&["status", "--porcelain"])?.is_empty();
    git(&["rev-parse", "HEAD"]).filter(|_| clean)
}

/// What the programs are built of: what cargo puts into them, with the checksums of `Cargo.lock`.
fn packages(targets: &[&'static Target]) -> Result<Vec<Value>, Error> {
    let lock = checksums(&fs::read_to_string(workspace::root().join("Cargo.lock"))?);
    let mut found: BTreeMap<(String, String), Value> = BTreeMap::new();
    for target in targets {
        let mut tree = workspace::cargo();
        tree.args([
            "tree",
            "--locked",
            "--offline",
            "--edges",
            "normal,no-proc-macro",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]);
        tree.args(["--target", target.triple]);
        for name in programs::names() {
            tree.args(["--package", name]);
        }
        for line in command::read(&mut tree)?.lines() {
            let mut words = line.split(' ');
            let (Some(name), Some(version)) = (words.next(), words.next()) else {
                continue;
            };
            let version = version.trim_start_matches('v');
            let key = (name.to_owned(), version.to_owned());
            let mut package = json!({
                "name": name, "package_version": version, "purl": format!("pkg:cargo/{name}@{version}"),
            });
            // Ours have none: they are what is released.
            if let Some(checksum) = lock.get(&key) {
                package["sha256"] = checksum.as_str().into();
                found.insert(key, package);
            }
        }
    }
    match found.is_empty() {
        true => Err("cargo names nothing that the programs are built of".into()),
        false => Ok(found.into_values().collect()),
    }
}

/// The checksums in a lock file, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let mut found = BTreeMap::new();
    for block in lock.split("[[package]]").skip(1) {
        let field = |name: &str| {
            let line = block
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
            line.and_then(|line| line.strip_suffix('"'))
                .map(str::to_owned)
        };
        if let (Some(name), Some(version), Some(checksum)) =
            (field("name"), field("version"), field("checksum"))
        {
            found.insert((name, version), checksum);
        }
    }
    found
}

/// The bytes of a document of a layout, by its artifact type, where it has one.
fn document(layout: &Path, kind: &str) -> Result<Option<Vec<u8>>, Error> {
    let blob = |digest: &Value| -> Result<Vec<u8>, Error> {
        let digest = digest.as_str().ok_or("a descriptor has a digest")?;
        Ok(fs::read(
            layout.join("blobs").join(digest.replace(':', "/")),
        )?)
    };
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json"))?)?;
    let mut listed = index["manifests"].as_array().into_iter().flatten();
    let Some(listed) = listed.find(|one| one["artifactType"] == kind) else {
        return Ok(None);
    };
    let manifest: Value = serde_json::from_slice(&blob(&listed["digest"])?)?;
    blob(&manifest["layers"][0]["digest"]).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_of_a_lock_file() {
        let lock = "version = 4\n\n[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\ndependencies = [\n \"theirs\",\n]\n\n[[package]]\nname = \"theirs\"\nversion = \"1.2.3\"\nsource = \"registry\"\nchecksum = \"00ff\"\n";
        let key = ("theirs".to_owned(), "1.2.3".to_owned());
        assert_eq!(checksums(lock), BTreeMap::from([(key, "00ff".to_owned())]));
    }
}
