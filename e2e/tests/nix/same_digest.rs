//! The same request gives the same bytes by hand, by Bazel and by Nix: the shared cases as Nix
//! derivations, against the golden files; and an image of a closure, one of runfiles and an index, each by
//! hand, by Bazel and by Nix.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use e2e::bazel::Bazel;
use e2e::case::Case;
use e2e::{blob, nix, programs};
use serde_json::{Value, json};

use crate::world::World;

pub(crate) fn all(world: &World) {
    cases(world);
    images(world);
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

/// An image of a closure, one of runfiles and an index of both, each by hand, by Bazel and by Nix: the same
/// requests, and the same digests.
fn images(world: &World) {
    let nix = &world.nix;
    let scratch = world.folder.join("three_ways");
    fs::create_dir_all(scratch.join("inputs")).unwrap();
    for name in ["app", "lib", "data"] {
        fs::write(scratch.join("inputs").join(name), name.repeat(1000)).unwrap();
    }
    let at = |name: &str| scratch.join(name).display().to_string();

    // By Nix.
    let image = &nix.build(&["image"])[0];
    let from = programs::workspace().join("e2e/same_digest");
    for name in [
        "runfiles.nix",
        "runfiles.json",
        "runfiles_image.json",
        "index.json",
    ] {
        fs::copy(from.join(name), world.folder.join(name)).unwrap();
    }
    let (words, inputs) = (["runfiles.nix", "--no-out-link"], at("inputs"));
    let given = ["--argstr", "inputs", &inputs, "--argstr", "image", image];
    let (_, built) = nix.succeed("nix-build", &[&words[..], &given].concat());
    // In the order of their names: the index, the runfiles' layers, their image.
    let built: Vec<&str> = built.lines().collect();
    let by_nix = [image.as_str(), built[2], built[0]].map(|layout| world.digest(layout));

    let requests = requests(world);
    for (name, (tool, request)) in &requests {
        // By hand: a folder for what each makes, beside one another.
        let folder = scratch.join(name);
        fs::create_dir_all(&folder).unwrap();
        let text = at_places(request, |place| at(place)).to_string();
        fs::write(folder.join("request.json"), text).unwrap();
        let program = programs::path(tool).display().to_string();
        let at = |file: &str| at(&format!("{name}/{file}"));
        let (request, out, receipt) = (at("request.json"), at("out"), at("receipt.json"));
        let words = [&request, "--out", &out, "--receipt", &receipt];
        nix.succeed(&program, &words);
    }
    let by_hand = IMAGES.map(|name| listed(&scratch.join(name).join("out")));
    assert_eq!(by_hand, by_nix);
    // Each layer's own request is the same layer: that is what a thin image is pushed by.
    let layers = at("layers/request.json");
    let layer = programs::path("layer").display().to_string();
    let (again, parts) = (at("again"), at("parts"));
    nix.succeed(&layer, &[&layers, "--out", &again, "--requests", &parts]);
    nix.succeed(&layer, &[&at("parts/000.json"), "--out", &at("part")]);
    let first = blob::digest(&fs::read(at("part")).unwrap());
    assert_eq!(first, world.layers(image)[0]);

    if !e2e::bazel::can("closures, runfiles and indexes by Bazel") {
        return;
    }
    let bazel = by_bazel(world, &scratch, &requests);
    let by_bazel = IMAGES.map(|name| listed(&bazel.output(name).join("out")));
    assert_eq!(by_bazel, by_nix);
}

/// What is compared.
const IMAGES: [&str; 3] = ["image", "runfiles_image", "index"];

/// The requests, each after what it needs, with `@name/…` where they speak of an input or of what another
/// one has made. Those of the closure are the ones that Nix has.
fn requests(world: &World) -> Vec<(&'static str, (&'static str, Value))> {
    let nix = &world.nix;
    let attribute = nix.attribute("image");
    let (_, shown) = nix.succeed("nix", &["derivation", "show", "--recursive", &attribute]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let all = shown.get("derivations").unwrap_or(&shown);
    let of = |name: &str| -> Value {
        let found = (all.as_object().unwrap().values()).find(|one| one["name"] == name);
        let found = found.unwrap_or_else(|| panic!("no {name}"));
        found["structuredAttrs"]["request"].clone()
    };
    let mut layers = of("greet-layers");
    layers["graph"] = json!({"nix": {"file": "@inputs/graph.json"}});
    let mut image = of("greet");
    let places = &mut image["make"]["image"]["layers"];
    *places =
        json!([{"planned": "@layers/out"}, {"receipt": "@root/receipt.json", "blob": "@root/out"}]);
    image["output"] = json!({});
    let file = |name: &str| -> Value {
        let path = programs::workspace().join("e2e/same_digest").join(name);
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    let (_, paths) = nix.succeed("nix-store", &["-qR", &nix.build(&["image_roots"])[0]]);
    let graph: Vec<Value> = paths
        .lines()
        .map(|path| {
            let one = |what: &str| nix.succeed("nix-store", &["-q", what, path]).1;
            json!({"path": path, "narSize": one("--size").trim().parse::<u64>().unwrap(),
                "references": one("--references").lines().collect::<Vec<_>>()})
        })
        .collect();
    let to = world.folder.join("three_ways/inputs/graph.json");
    fs::write(to, Value::Array(graph).to_string()).unwrap();
    vec![
        ("layers", ("layer", layers)),
        ("root", ("layer", of("greet-root"))),
        ("image", ("assemble", image)),
        ("runfiles", ("layer", file("runfiles.json"))),
        ("runfiles_image", ("assemble", file("runfiles_image.json"))),
        ("index", ("assemble", file("index.json"))),
    ]
}

/// The same requests as Bazel targets, in a workspace of their own that sees the store.
fn by_bazel(
    world: &World,
    scratch: &Path,
    requests: &[(&'static str, (&'static str, Value))],
) -> Bazel {
    let module = scratch.join("module");
    nix::copy(&scratch.join("inputs"), &module.join("inputs"));
    let rules = programs::workspace();
    let text = format!(
        "module(name = \"three_ways\")\n\
         bazel_dep(name = \"platforms\", version = \"0.0.9\")\n\
         bazel_dep(name = \"rules_container\", version = \"0.1.0\")\n\
         local_path_override(module_name = \"rules_container\", path = \"{}\")\n",
        rules.display()
    );
    fs::write(module.join("MODULE.bazel"), text).unwrap();
    let rule = rules.join("e2e/same_digest/request.bzl");
    fs::copy(rule, module.join("request.bzl")).unwrap();
    let mut build = "load(\":request.bzl\", \"request\")\n".to_owned();
    let bin = "bazel-out/k8-fastbuild/bin";
    for (name, (tool, request)) in requests {
        let mut made: BTreeSet<String> = BTreeSet::new();
        let request = at_places(request, |place| {
            let (target, rest) = place.split_once('/').unwrap_or((place, ""));
            if target == "inputs" {
                return place.to_owned();
            }
            made.insert(format!(":{target}"));
            format!("{bin}/{target}/{rest}")
        });
        let request = request.to_string();
        fs::write(module.join(format!("{name}.json")), request).unwrap();
        let made: Vec<String> = made.into_iter().collect();
        let is_file = if *name == "root" { "True" } else { "False" };
        build.push_str(&format!(
            "request(name = \"{name}\", inputs = glob([\"inputs/**\"]) + {made:?}, is_file = {is_file}, request = \"{name}.json\", tool = \"{tool}\")\n"
        ));
    }
    fs::write(module.join("BUILD.bazel"), build).unwrap();
    let root = world.folder.parent().unwrap().join("bazel");
    let bazel = Bazel::new(&module, &root)
        .with_programs()
        .seeing(&world.nix);
    bazel.succeed(&["build", "//:all", "--spawn_strategy=linux-sandbox"]);
    bazel
}

/// A request with the paths that stand for `@…`.
fn at_places(request: &Value, mut path: impl FnMut(&str) -> String) -> Value {
    fn edit(value: &Value, path: &mut impl FnMut(&str) -> String) -> Value {
        match value {
            Value::String(text) => match text.strip_prefix('@') {
                Some(place) => path(place).into(),
                None => value.clone(),
            },
            Value::Array(list) => list.iter().map(|one| edit(one, path)).collect(),
            Value::Object(map) => (map.iter())
                .map(|(key, value)| (key.clone(), edit(value, path)))
                .collect(),
            other => other.clone(),
        }
    }
    edit(request, &mut path)
}

/// The digest that a layout on disk lists.
fn listed(layout: &Path) -> String {
    let text = fs::read_to_string(layout.join("index.json")).unwrap();
    let index: Value = serde_json::from_str(&text).unwrap();
    index["manifests"][0]["digest"].as_str().unwrap().to_owned()
}
