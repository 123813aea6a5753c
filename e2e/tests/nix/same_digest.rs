//! The same request gives the same bytes by hand, by Bazel and by Nix: the shared cases as Nix
//! derivations, against the golden files; and a closure, runfiles and an index by hand.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use e2e::case::Case;
use e2e::{blob, nix, programs};
use serde_json::{Value, json};

use crate::world::World;

pub(crate) fn all(world: &World) {
    cases(world);
    closure(world);
}

/// Cases that Nix's store, or a request in Nix's language, can't hold: their number is checked, so that
/// none is lost.
fn unfit(case: &Case) -> Option<&'static str> {
    let request = fs::read_to_string(case.golden("request.json")).unwrap();
    let setup = fs::read_to_string(case.golden("setup.json")).unwrap_or_default();
    if request.contains(r#""source": {"#) || request.contains(r#""source":{"#) {
        Some("the path of an input is not UTF-8")
    } else if setup.contains(r#""fifo""#) {
        Some("a store path holds no fifo")
    } else if request.contains(r#""hard_link""#) {
        Some("there are no hard links between store paths in a sandbox")
    } else if setup.contains(r#""sparse""#) {
        Some("an input is larger than it is worth")
    } else {
        None
    }
}

fn cases(world: &World) {
    let top = world.folder.join("cases");
    let mut run: Vec<Case> = Vec::new();
    let mut left: Vec<(String, &str)> = Vec::new();
    for tool in ["layer", "assemble"] {
        for case in Case::all(tool).into_iter().filter(|case| !case.fails()) {
            match unfit(&case) {
                Some(why) => left.push((case.name.clone(), why)),
                None => run.push(case),
            }
        }
    }
    assert!(
        run.len() >= 130,
        "{} cases, and left out: {left:?}",
        run.len()
    );
    assert!(left.len() <= 12, "{left:?}");
    for case in &run {
        case.lay_out(&top.join(case.name.replace('/', "-")));
    }
    let from = programs::workspace().join("e2e/same_digest/cases.nix");
    fs::copy(from, world.folder.join("cases.nix")).unwrap();
    let (_, printed) = world.nix.succeed(
        "nix-build",
        &[
            "cases.nix",
            "--no-out-link",
            "--keep-going",
            "--argstr",
            "cases",
            &top.display().to_string(),
        ],
    );
    // One line a derivation: its first output, in the order of the names.
    let mut outputs: BTreeMap<&str, &str> = BTreeMap::new();
    for path in printed.lines() {
        let name = path.split_once('-').unwrap().1;
        outputs.insert(name, path);
    }
    assert_eq!(outputs.len(), run.len());
    let mut wrong = Vec::new();
    for case in &run {
        let path = world
            .nix
            .outside(outputs[case.name.replace('/', "-").as_str()]);
        let golden: Value =
            serde_json::from_str(&fs::read_to_string(case.golden("digests.json")).unwrap())
                .unwrap();
        if let Err(text) = same(case.tool, &path, &golden) {
            wrong.push(format!("{}: {text}", case.name));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        run.len(),
        wrong.join("\n")
    );
}

/// Compares an output with the golden digests.
fn same(tool: &str, path: &Path, golden: &Value) -> Result<(), String> {
    let expect = |path: &Path, digest: &Value| {
        let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let found = blob::digest(&bytes);
        (digest == found.as_str())
            .then_some(())
            .ok_or_else(|| format!("{}: {found}, and {digest} is right", path.display()))
    };
    if tool == "layer" {
        return expect(path, &golden["digest"]);
    }
    for (file, digest) in golden.as_object().unwrap() {
        // An archive is the output itself.
        let path = if path.is_dir() {
            path.join(file)
        } else {
            path.to_owned()
        };
        expect(&path, digest)?;
    }
    Ok(())
}

/// The same closure, runfiles and index by hand, in the same store.
fn closure(world: &World) {
    let nix = &world.nix;
    let scratch = world.folder.join("by_hand");
    fs::create_dir_all(&scratch).unwrap();
    let (_, greet) = nix.succeed("nix-store", &["-qR", &nix.build(&["image_roots"])[0]]);
    let graph: Vec<Value> = greet
        .lines()
        .map(|path| {
            let one = |what: &str| nix.succeed("nix-store", &["-q", what, path]).1;
            json!({"path": path, "narSize": one("--size").trim().parse::<u64>().unwrap(),
            "references": one("--references").lines().collect::<Vec<_>>()})
        })
        .collect();
    let write =
        |name: &str, value: &Value| fs::write(scratch.join(name), value.to_string()).unwrap();
    let at = |name: &str| scratch.join(name).display().to_string();
    write("graph.json", &Value::Array(graph));
    write(
        "layers.json",
        &json!({"kind": "layers", "version": 1, "origin": "greet",
        "codec": {"gzip-v1": {"level": 6}},
        "defaults": {"file_mode": "by_bit", "directory_mode": "0755", "mtime": 1},
        "graph": {"nix": {"file": at("graph.json")}},
        "planning": {"max_layers": 100, "base_layers": 1}}),
    );
    let layer = programs::path("layer").display().to_string();
    nix.succeed(
        &layer,
        &[
            &at("layers.json"),
            "--out",
            &at("layers"),
            "--requests",
            &at("requests"),
        ],
    );
    let image = &nix.build(&["image"])[0];
    let mut layers = world.layers(image);
    layers.pop();
    let receipt = |folder: &Path| {
        let text = fs::read_to_string(folder.join("receipt.json")).unwrap();
        let receipt: Value = serde_json::from_str(&text).unwrap();
        receipt["digest"].as_str().unwrap().to_owned()
    };
    let by_hand: Vec<String> = (0..layers.len())
        .map(|place| receipt(&scratch.join(format!("layers/{place:03}"))))
        .collect();
    assert_eq!(by_hand, layers);
    // Each request by itself is the same layer: that is what a thin image is pushed by.
    nix.succeed(&layer, &[&at("requests/000.json"), "--out", &at("again")]);
    assert_eq!(blob::digest(&fs::read(at("again")).unwrap()), layers[0]);

    // Runfiles: nodes that say what they bring, by hand and as a derivation.
    fs::create_dir_all(scratch.join("runfiles")).unwrap();
    for name in ["app", "lib", "data"] {
        fs::write(scratch.join("runfiles").join(name), name.repeat(1000)).unwrap();
    }
    for name in ["runfiles.nix", "runfiles.json"] {
        let from = programs::workspace().join("e2e/same_digest").join(name);
        fs::copy(from, world.folder.join(name)).unwrap();
    }
    let (_, built) = nix.succeed(
        "nix-build",
        &[
            "runfiles.nix",
            "--no-out-link",
            "--argstr",
            "folder",
            &at("runfiles"),
        ],
    );
    let built = nix.outside(built.lines().next().unwrap());
    let request =
        fs::read_to_string(programs::workspace().join("e2e/same_digest/runfiles.json")).unwrap();
    fs::write(
        at("runfiles.json"),
        request.replace("inputs/", &format!("{}/", at("runfiles"))),
    )
    .unwrap();
    nix.succeed(
        &layer,
        &[&at("runfiles.json"), "--out", &at("runfiles_layers")],
    );
    for place in 0..3 {
        let folder = format!("{place:03}");
        assert_eq!(
            receipt(&built.join(&folder)),
            receipt(&scratch.join("runfiles_layers").join(&folder))
        );
    }
    nix::copy(&built.join("layers.json"), &scratch.join("of_nix.json"));
    assert_eq!(
        fs::read(at("of_nix.json")).unwrap(),
        fs::read(at("runfiles_layers/layers.json")).unwrap()
    );

    // An index of one image, from the layouts that Nix has.
    let index = &nix.build(&["index"])[0];
    let entries = nix.build(&["image", "image_arm64"]);
    let entry = |layout: &String| json!({"layout": layout, "links": "follow", "nested": "keep"});
    write(
        "index.json",
        &json!({"kind": "assemble", "version": 1, "origin": "greet",
        "make": {"index": {"entries": entries.iter().map(entry).collect::<Vec<_>>()}},
        "tags": ["latest"], "output": {"transfer": "symlink", "verify": "size"}}),
    );
    let assemble = programs::path("assemble").display().to_string();
    nix.succeed(
        &assemble,
        &[
            &at("index.json"),
            "--out",
            &at("index"),
            "--digest",
            &at("digest"),
        ],
    );
    assert_eq!(
        fs::read_to_string(at("digest")).unwrap(),
        world.digest(index)
    );
}
