//! The cases of `e2e/cases` as Bazel targets, sandboxed: the digests that cargo's runs have.
//!
//! Some Bazel cannot express: `why_not` says which, and why.

use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use e2e::bazel::{self, Bazel};
use e2e::case::Case;
use e2e::run::Outcome;
use e2e::{golden, tree};
use serde_json::Value;

use crate::{ONE, module, scratch, workspace};

#[test]
fn cases_have_the_digests_that_they_have_without_bazel() {
    if !bazel::can("cases as Bazel targets") {
        return;
    }
    let _one = ONE.lock();
    let folder = scratch();
    let here = module(folder.path(), "", "");
    fs::copy(workspace().join("case.bzl"), here.join("case.bzl")).unwrap();
    let mut build = "load(\":case.bzl\", \"case\")\n".to_owned();
    let mut left_out = 0;
    let mut cases = Vec::new();
    for tool in ["layer", "assemble"] {
        for case in Case::all(tool) {
            let laid_out = here.join(&case.name);
            case.lay_out(&laid_out);
            let request = fs::read_to_string(laid_out.join("request.json")).unwrap();
            let request = serde_json::from_str(&request).unwrap_or(Value::Null);
            if let Some(why) = why_not(&case, &request, &laid_out) {
                println!("{}: {why}", case.name);
                left_out += usize::from(!case.fails());
                fs::remove_dir_all(&laid_out).unwrap();
                continue;
            }
            let request = at(&case.name, request, "");
            fs::write(laid_out.join("request.json"), request.to_string()).unwrap();
            let form = request["output"]["form"].as_str().unwrap_or("layout");
            let is_file = tool == "layer" || form.ends_with("archive");
            let is_file = if is_file { "True" } else { "False" };
            let name = &case.name;
            writeln!(
                build,
                "case(name = \"out/{name}\", inputs = glob([\"{name}/inputs/**\"], allow_empty = True), is_file = {is_file}, request = \"{name}/request.json\", tool = \"{tool}\")"
            )
            .unwrap();
            cases.push(case);
        }
    }
    fs::write(here.join("BUILD.bazel"), build).unwrap();
    let bazel = Bazel::new(&here, &folder.path().join("root")).with_programs();
    let sandbox = [
        "--spawn_strategy=linux-sandbox",
        "--nosandbox_default_allow_network",
        "--keep_going",
    ];
    bazel.succeed(&[&["build", "//:all"][..], &sandbox].concat());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let out = bazel.output(&format!("out/{}", case.name));
            let outcome = Outcome {
                code: 0,
                stdout: String::new(),
                // What a program warns of, an action prints once.
                stderr: fs::read_to_string(case.golden("warnings.txt")).unwrap_or_default(),
                out: Some(tree::read(&out.join("out"))),
                receipt: fs::read_to_string(out.join("receipt.json")).ok(),
                listing: fs::read_to_string(out.join("listing.ndjson")).ok(),
                stray: Vec::new(),
            };
            let wrong = golden::check(case, &outcome, None).err()?;
            Some(format!("{}: {wrong}", case.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let count = cases.len();
    assert!(
        count > 100 && count > 3 * left_out,
        "{count} cases, and {left_out} are left out"
    );
}

/// Why Bazel cannot have a case.
fn why_not(case: &Case, request: &Value, laid_out: &Path) -> Option<&'static str> {
    let text = request.to_string();
    if case.fails() {
        return Some("it fails, and its message has paths of its own");
    }
    if case.takes_executable_bit() {
        return Some("modes by the executable bit: Bazel shows another one");
    }
    if text.contains("\"tree\":") {
        return Some("a tree of the disk: Bazel shows each file as a link, and no empty folder");
    }
    if text.contains("\"transfer\":") {
        return Some("links in the output: Bazel wants files of its own");
    }
    let inputs = laid_out.join("inputs");
    if inputs.exists() && !is_plain(&inputs) {
        return Some("inputs that are no source files: links, empty folders, other names");
    }
    None
}

/// Whether there are but files and folders that hold some, with names that labels may have.
fn is_plain(folder: &Path) -> bool {
    let mut some = false;
    fs::read_dir(folder).unwrap().all(|entry| {
        some = true;
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        let name = entry.file_name();
        let plain = name
            .as_bytes()
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"._- ".contains(b));
        plain && (kind.is_file() || (kind.is_dir() && is_plain(&entry.path())))
    }) && some
}

/// The request, with the paths that the case has in this workspace; and layouts whose files are links, as all
/// files are in the sandbox.
fn at(case: &str, value: Value, key: &str) -> Value {
    match value {
        Value::String(text)
            if text.starts_with("inputs/") && !["path", "target"].contains(&key) =>
        {
            Value::String(format!("{case}/{text}"))
        }
        Value::Array(list) => list.into_iter().map(|one| at(case, one, key)).collect(),
        Value::Object(map) => {
            let mut map: serde_json::Map<String, Value> = map
                .into_iter()
                .map(|(key, value)| {
                    let value = at(case, value, &key);
                    (key, value)
                })
                .collect();
            if map.get("layout").is_some_and(Value::is_string) {
                map.insert("links".into(), "follow".into());
            }
            Value::Object(map)
        }
        other => other,
    }
}
