//! A package set of the shape of nixpkgs (`e2e/nix/nixpkgs.nix`), and the programs of a release.

use std::fs;
use std::process::Command;

use e2e::{blob, programs};
use serde_json::{Value, json};

use crate::world::World;

pub(crate) fn all(world: &World) {
    package_sets(world);
    a_release(world);
}

/// The overlay, `withPkgs`, `callPackage`, without flakes, another platform: all lead to the same image, with
/// programs that the package set builds.
fn package_sets(world: &World) {
    let names = [
        "image",
        "by_overlay",
        "by_nixpkgs",
        "by_import",
        "by_call_package",
    ];
    let paths = world.nix.build(&names);
    for (name, path) in names.iter().zip(&paths) {
        assert_eq!(world.digest(path), world.digest(&paths[0]), "{name}");
    }
    // Whichever way, it is built once.
    assert_eq!(paths[1], paths[2]);
    assert_eq!(paths[1], paths[3]);
    assert_eq!(paths[1], paths[4]);
    let programs = shown(world, "by_overlay")
        .into_iter()
        .find(|one| {
            one["name"]
                .as_str()
                .unwrap()
                .starts_with("rules-container-")
        })
        .unwrap();
    for name in ["pull", "layer", "assemble", "push", "verify", "attest"] {
        let out = programs["outputs"]["out"]["path"].as_str().unwrap();
        let out = format!("/nix/store/{}", out.rsplit('/').next().unwrap());
        let program = world.nix.outside(&out).join("bin").join(name);
        assert!(program.is_file(), "{name}");
    }

    // For another platform: its images, by programs of this one.
    for name in ["cross", "by_name_arm64"] {
        let all = shown(world, name);
        let image = all
            .iter()
            .find(|one| one["structuredAttrs"]["request"]["kind"] == "assemble")
            .unwrap();
        assert_eq!(image["system"], "x86_64-linux", "{name}");
        let request = &image["structuredAttrs"]["request"];
        assert_eq!(
            request["make"]["image"]["platform"], "linux/arm64",
            "{name}"
        );
    }
    let cross = &world.nix.build(&["cross"])[0];
    assert_eq!(world.layers(cross).len(), 1);
}

/// All derivations that an attribute is built by.
fn shown(world: &World, name: &str) -> Vec<Value> {
    let attribute = world.nix.attribute(name);
    let words = ["derivation", "show", "--recursive", &attribute];
    let (_, shown) = world.nix.succeed("nix", &words);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let all = shown.get("derivations").unwrap_or(&shown);
    all.as_object().unwrap().values().cloned().collect()
}

/// The archive of a release, by its address and hash, as `cargo xtask dist` writes them: fetched by a
/// fixed-output derivation, unpacked by Nix.
fn a_release(world: &World) {
    let entries: Vec<Value> = (programs::TOOLS.iter().chain(&programs::REGISTRIES))
        .map(|name| {
            json!({"file": {"path": format!("bin/{name}"), "source": programs::path(name),
                "attributes": {"mode": "0755"}}})
        })
        .collect();
    let request = json!({"kind": "layer", "version": 1, "origin": "//:archive", "parents": "omit",
        "codec": {"gzip-v1": {"level": 1}}, "entries": entries});
    let folder = world.folder.parent().unwrap().join("release");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("request.json"), request.to_string()).unwrap();
    // A builder sees of the machine's files what is in the store.
    let archive = world.folder.join("release.tar.gz");
    let status = Command::new(programs::path("layer"))
        .arg(folder.join("request.json"))
        .arg("--out")
        .arg(&archive)
        .status()
        .unwrap();
    assert!(status.success());
    let sha256 = blob::digest(&fs::read(&archive).unwrap());
    let write = |sha256: &str| {
        let table = format!(
            "{{\n  x86_64-linux = {{\n    url = \"file://${{./release.tar.gz}}\";\n    sha256 = \"{sha256}\";\n  }};\n}}\n"
        );
        fs::write(world.folder.join("prebuilt.nix"), table).unwrap();
    };
    write(&"0".repeat(64));
    let said = world.nix.refused("by_release");
    assert!(said.contains("hash mismatch"), "{said}");
    write(&sha256[7..]);
    let paths = world.nix.build(&["image", "by_release"]);
    assert_eq!(world.digest(&paths[0]), world.digest(&paths[1]));
    fs::remove_file(archive).unwrap();
}
