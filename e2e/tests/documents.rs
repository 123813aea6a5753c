//! What the documents say is so: examples run, proofs are there, schemas take what the programs take.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests"
)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use e2e::case::Case;
use e2e::run::{self, Surroundings};
use e2e::{golden, outsiders, programs};
use serde_json::{Map, Value, json};

mod transfers;

fn read(document: &str) -> String {
    fs::read_to_string(programs::workspace().join(document)).unwrap()
}

/// Code blocks of a document: the line, the words after the fence, the text.
fn blocks(text: &str) -> Vec<(usize, &str, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, &str, String)> = None;
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(words), None) => open = Some((number + 1, words, String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((.., block))) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// The files that the examples name.
fn lay_out(folder: &Path) {
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("app/server", "#!/bin/sh\nexec httpd\n");
    write("hello", "#!/bin/sh\necho hello\n");
    write("site/index.html", "<p>hello\n");
    write("site/css/style.css", "p {}\n");
    write("site/drafts/new.html", "<p>soon\n");
    symlink("index.html", folder.join("site/latest")).unwrap();
    let file = fs::File::create(folder.join("vendor.tar.gz")).unwrap();
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(
        file,
        flate2::Compression::fast(),
    ));
    for (path, text) in [
        ("vendor-1.0/lib/a.txt", "a\n"),
        ("vendor-1.0/README.md", "readme\n"),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(text.len() as u64);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
}

/// An example as a whole request: one is; an entry or some fields are put into one.
fn whole(example: Value) -> Value {
    if example.get("kind").is_some() {
        return example;
    }
    let mut request = json!({
        "kind": "layer", "version": 1, "origin": "//docs:example",
        "entries": [{ "file": { "path": "usr/bin/server", "source": "app/server" } }],
    });
    let schema: Value = serde_json::from_str(&read("docs/schemas/layer.schema.json")).unwrap();
    for (key, value) in example.as_object().expect("an example is an object") {
        if schema["properties"].get(key).is_some() {
            request[key] = value.clone();
        } else {
            request["entries"] = json!([{ (key): value }]);
        }
    }
    request
}

fn start(folder: &Path, request: &Value, arguments: &[&str]) -> Output {
    fs::write(folder.join("request"), request.to_string()).unwrap();
    let program = match request["kind"].as_str().unwrap() {
        "layers" => "layer",
        kind => kind,
    };
    Command::new(programs::path(program))
        .arg("request")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap()
}

/// Runs the examples of a document, one after the other in one folder, each with the outputs that its
/// kind has; a later one finds what the first of a kind made.
fn run_examples(document: &str, layer: [&str; 2], image: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path());
    let text = read(document);
    let (mut ran, mut images) = (0, 0);
    for (line, words, block) in blocks(&text) {
        if words != "json" {
            continue;
        }
        let example = serde_json::from_str(&block)
            .unwrap_or_else(|error| panic!("{document}:{line}: {error}"));
        let request = whole(example);
        let (out, receipt) = match request["kind"].as_str().unwrap() {
            "layer" if ran == 0 => (layer[0].to_owned(), layer[1].to_owned()),
            "assemble" if images == 0 => {
                images += 1;
                (image.to_owned(), "image.json".to_owned())
            }
            _ => (format!("out-{line}"), format!("receipt-{line}")),
        };
        let output = start(
            folder.path(),
            &request,
            &["--out", &out, "--receipt", &receipt],
        );
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "{document}:{line}: {said}"
        );
        ran += 1;
    }
    ran
}

#[test]
fn examples_of_requests_run() {
    assert!(
        run_examples(
            "docs/requests.md",
            ["rootfs.tar.gz", "rootfs.json"],
            "image"
        ) > 30
    );
}

#[test]
fn examples_of_the_readme_run() {
    assert_eq!(
        run_examples("README.md", ["rootfs", "rootfs.receipt.json"], "image"),
        2
    );
}

/// The receipt and the listing in `docs/requests.md` are those of its first example.
/// `UPDATE_GOLDEN=1` writes them anew.
#[test]
fn examples_of_outputs_are_real() {
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path());
    let text = read("docs/requests.md");
    let blocks = blocks(&text);
    let (.., first) = blocks
        .iter()
        .find(|(_, words, _)| *words == "json")
        .unwrap();
    let request = whole(serde_json::from_str(first).unwrap());
    let arguments = [
        "--out",
        "out",
        "--receipt",
        "receipt",
        "--listing",
        "listing",
    ];
    assert!(start(folder.path(), &request, &arguments).status.success());
    let listing = fs::read_to_string(folder.path().join("listing")).unwrap();
    let receipt = fs::read_to_string(folder.path().join("receipt")).unwrap();
    let receipt: Map<String, Value> = serde_json::from_str(&receipt).unwrap();
    let fields: Vec<_> = receipt
        .iter()
        .map(|(key, value)| format!("  \"{key}\": {value}"))
        .collect();
    let receipt = format!("{{\n{}\n}}\n", fields.join(",\n"));
    let mut updated = text.clone();
    for (words, real) in [("json receipt", receipt), ("json listing", listing)] {
        let (.., shown) = blocks.iter().find(|(_, w, _)| *w == words).unwrap();
        updated = updated.replace(
            &format!("```{words}\n{shown}```"),
            &format!("```{words}\n{real}```"),
        );
    }
    if ::golden::updating() {
        fs::write(programs::workspace().join("docs/requests.md"), &updated).unwrap();
    } else {
        assert!(
            updated == text,
            "not so:\n{}",
            golden::diff(&text, &updated)
        );
    }
}

/// A message that is shown is one that a case has.
#[test]
fn examples_of_errors_are_real() {
    let text = read("docs/requests.md");
    let shown: Vec<_> = blocks(&text)
        .into_iter()
        .filter(|(.., block)| block.starts_with("layer: "))
        .collect();
    assert!(!shown.is_empty());
    for (line, _, block) in shown {
        // The layer has a name of its own in each case.
        let rest = block.replacen("//app:rootfs", "", 1);
        let is_real = Case::all("layer").iter().any(|case| {
            fs::read_to_string(case.golden("error.txt")).is_ok_and(|error| {
                let origin = format!("//e2e:{}", case.name.strip_prefix("layer/").unwrap());
                error.replacen(&origin, "", 1).starts_with(&rest)
            })
        });
        assert!(is_real, "docs/requests.md:{line}: no case has this error");
    }
}

/// Every field of a request has its name in the document.
#[test]
fn every_field_is_explained() {
    fields_are_named("docs/schemas/layer.schema.json", "docs/requests.md");
    fields_are_named(
        "docs/schemas/assemble.schema.json",
        "docs/requests/assemble.md",
    );
    fields_are_named("docs/schemas/verify.schema.json", "docs/requests/verify.md");
    // How registries are reached is the same for both, and so explained in one place.
    let registries = read("docs/registries.md");
    for tool in ["pull", "push"] {
        let document = format!("docs/requests/{tool}.md");
        let both = read(&document) + &registries;
        names_of(
            &format!("docs/schemas/{tool}.schema.json"),
            &document,
            &both,
        );
    }
    // What one layer has too is explained where one layer is.
    let both = read("docs/requests/layers.md") + &read("docs/requests.md");
    names_of(
        "docs/schemas/layers.schema.json",
        "docs/requests/layers.md",
        &both,
    );
}

fn fields_are_named(schema: &str, document: &str) {
    names_of(schema, document, &read(document));
}

fn names_of(schema: &str, document: &str, text: &str) {
    let schema: Value = serde_json::from_str(&read(schema)).unwrap();
    let all = [&schema]
        .into_iter()
        .chain(schema["$defs"].as_object().unwrap().values());
    let missing: Vec<&String> = all
        .flat_map(|part| {
            let one_of = part["oneOf"].as_array().into_iter().flatten();
            [part]
                .into_iter()
                .chain(one_of)
                .filter_map(|part| part["properties"].as_object())
        })
        .flat_map(Map::keys)
        .filter(|key| !text.contains(&format!("`{key}`")) && !text.contains(&format!("\"{key}\"")))
        .collect();
    assert!(missing.is_empty(), "{document} does not name {missing:?}");
}

/// Files below a folder whose names end so.
fn files(folder: &Path, end: &str, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, end, found);
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
}

/// Every message that a troubleshooting page quotes is one that a program has: `…` stands for what differs each time. A word
/// without a space is a rule, a cause or a field, which the pages of requests name.
#[test]
fn troubleshooting_quotes_what_is_said() {
    let workspace = programs::workspace();
    let mut sources = Vec::new();
    files(&workspace.join("tools"), ".rs", &mut sources);
    files(&workspace.join("e2e/cases"), "error.txt", &mut sources);
    // What is put together of pieces stands whole where it is tested.
    files(&workspace.join("e2e/tests"), ".rs", &mut sources);
    let sources: Vec<String> = sources
        .iter()
        .filter(|path| !path.ends_with("documents.rs"))
        // A string of Rust goes on behind a backslash at the end of its line.
        .map(|path| fs::read_to_string(path).unwrap().replace("\\\n", " "))
        .collect();
    let is_said = |quote: &str| {
        let pieces: Vec<&str> = quote
            .split('…')
            .map(str::trim)
            .filter(|piece| !piece.is_empty())
            .collect();
        let line_has = |line: &str| {
            let mut rest = line;
            pieces.iter().all(|piece| match rest.split_once(piece) {
                Some((_, after)) => {
                    rest = after;
                    true
                }
                None => false,
            })
        };
        !pieces.is_empty() && sources.iter().flat_map(|text| text.lines()).any(line_has)
    };
    let named: String = [
        "docs/requests/verify.md",
        "docs/requests/push.md",
        "docs/requests/pull.md",
        "docs/requests.md",
        "docs/registries.md",
    ]
    .map(read)
    .concat();
    let (mut pages, mut quotes, mut wrong) = (Vec::new(), 0, Vec::new());
    files(&workspace.join("docs/troubleshooting"), ".md", &mut pages);
    for page in pages {
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        for line in fs::read_to_string(&page).unwrap().lines() {
            let Some(first) = line
                .strip_prefix("| ")
                .and_then(|row| row.split(" | ").next())
            else {
                continue;
            };
            for quote in first.split('`').skip(1).step_by(2) {
                quotes += 1;
                let is_named =
                    named.contains(&format!("`{quote}`")) || named.contains(&format!("`{quote} "));
                if !is_named && !is_said(quote) {
                    wrong.push(format!(
                        "docs/troubleshooting/{name}: `{quote}`: nobody says it"
                    ));
                }
            }
        }
    }
    assert!(quotes > 40, "{quotes} quotes");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!is_said("this is … said by nobody"));
}

/// Every row of `docs/determinism.md` has proofs, and every proof is there.
#[test]
fn every_decision_has_its_proof() {
    let mut rows = 0;
    let text = read("docs/determinism.md");
    for (number, line) in text.lines().enumerate() {
        let Some(row) = line.strip_prefix("| ") else {
            continue;
        };
        let last = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        if last == "proof" {
            continue;
        }
        rows += 1;
        let proofs: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
        assert!(
            !proofs.is_empty(),
            "docs/determinism.md:{}: no proof",
            number + 1
        );
        for proof in proofs {
            let at = format!("docs/determinism.md:{}: `{proof}`", number + 1);
            let workspace = programs::workspace();
            if let Some((file, function)) = proof.split_once("::") {
                let source = fs::read_to_string(workspace.join(file));
                let source = source.unwrap_or_else(|error| panic!("{at}: {error}"));
                assert!(
                    source.contains(&format!("fn {function}(")),
                    "{at}: not there"
                );
            } else {
                let case = workspace.join("e2e/cases").join(proof);
                assert!(case.join("request.json").is_file(), "{at}: no such case");
            }
        }
    }
    assert!(rows > 60, "{rows} rows");
}

/// Python's jsonschema takes every request, receipt and listing that the programs take or make, and
/// refuses the requests that are wrong in their form.
#[test]
fn schemas_take_what_the_programs_take() {
    let check = "JSON Schemas take what the programs take";
    let ready = outsiders::can(check, &["python3"])
        && (Command::new("python3")
            .args(["-c", "import jsonschema"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
            || outsiders::without(check, "python3-jsonschema"));
    if !ready {
        return;
    }
    let wrong_in_form = [
        "codec_as_word",
        "codec_level_gzip",
        "codec_level_negative",
        "codec_level_zero",
        "codec_level_zstd",
        "codec_unknown",
        "content_missing",
        "content_twice",
        "device_number",
        "entry_kind_unknown",
        "field_missing",
        "field_unknown",
        "field_unknown_in_entry",
        "kind_missing",
        "kind_other",
        "mode_letters",
        "mode_number",
        "mode_prefix",
        "mode_too_large",
        "nanoseconds",
        "time_with_fraction",
        "uid_negative",
        "version_newer",
        "version_older",
    ];
    let mut lines = String::new();
    let mut add = |schema: &str, valid: &str, document: &str| {
        let document: Value = serde_json::from_str(document).unwrap();
        lines.push_str(&format!(
            "docs/schemas/{schema}.schema.json\t{valid}\t{document}\n"
        ));
    };
    for name in wrong_in_form {
        add(
            "layer",
            "invalid",
            &read(&format!("e2e/cases/layer/error_{name}/request.json")),
        );
    }
    for tool in programs::TOOLS {
        for case in Case::all(tool).iter().filter(|case| !case.fails()) {
            add(
                tool,
                "valid",
                &fs::read_to_string(case.golden("request.json")).unwrap(),
            );
            if tool == "layer" {
                let folder = tempfile::tempdir().unwrap();
                case.lay_out(folder.path());
                let made = run::run(
                    programs::folder(),
                    case,
                    folder.path(),
                    &Surroundings::plain(),
                );
                add("layer_receipt", "valid", &made.receipt.unwrap());
                for line in made.listing.unwrap().lines() {
                    add("layer_listing", "valid", line);
                }
            }
        }
    }
    let mut python = Command::new("python3")
        .arg("e2e/tests/schemas.py")
        .current_dir(programs::workspace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    let output = python.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.is_empty(), "{said}");
}
