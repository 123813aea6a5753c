//! What `verify` finds that others do not: each row of the table is a layout, the rule that it breaks, and
//! whether skopeo, umoci and crane notice. Nothing that they find is missed, and none of them finds all.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use e2e::tree::{self, Manner};
use e2e::{outsiders, programs};
use serde_json::Value;

/// A row: the case, whether each of the others takes it (nothing: it cannot be asked), our rule.
struct Row {
    case: &'static str,
    skopeo: bool,
    umoci: bool,
    crane: Option<bool>,
    rule: Option<&'static str>,
}

const fn row(
    case: &'static str,
    skopeo: bool,
    umoci: bool,
    crane: Option<bool>,
    rule: Option<&'static str>,
) -> Row {
    Row {
        case,
        skopeo,
        umoci,
        crane,
        rule,
    }
}

/// `true`: takes it, and says nothing.
const TABLE: [Row; 12] = [
    row("image_layout", true, true, Some(true), None),
    row("error_blob_changed", false, false, None, Some("digest")),
    row("error_blob_cut", false, false, None, Some("size")),
    row("error_diff_id", true, false, Some(false), Some("diff_id")),
    row(
        "error_path_twice",
        true,
        true,
        Some(false),
        Some("duplicate_path"),
    ),
    row(
        "error_path_below_file",
        true,
        true,
        Some(true),
        Some("path_below_file"),
    ),
    row(
        "error_path_escapes",
        true,
        true,
        Some(true),
        Some("path_escape"),
    ),
    row("error_hardlink", true, false, Some(true), Some("hardlink")),
    row("error_whiteouts", true, true, Some(true), Some("whiteout")),
    row(
        "error_config_types",
        true,
        false,
        Some(false),
        Some("config"),
    ),
    row(
        "error_after_the_end",
        true,
        true,
        Some(true),
        Some("tar_end"),
    ),
    row(
        "error_whiteout_of_nothing",
        true,
        true,
        Some(true),
        Some("whiteout_of_nothing"),
    ),
];

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A `docker-registry` on a free port.
fn registry(folder: &Path) -> (Running, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let config = folder.join("registry.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
         storage: {{filesystem: {{rootdirectory: {}/store}}}}\nhttp:\n  addr: 127.0.0.1:{port}\n",
        folder.display()
    );
    fs::write(&config, text).unwrap();
    let child = Command::new("docker-registry")
        .arg("serve")
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let running = Running(child);
    for _ in 0..400 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return (running, format!("127.0.0.1:{port}"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("nobody listens at port {port}");
}

/// Whether a program takes it.
fn takes(folder: &Path, program: &str, words: &[&str]) -> (bool, String) {
    let output = Command::new(program)
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn what_others_miss() {
    let tools = ["skopeo", "umoci", "crane", "docker-registry"];
    if !outsiders::can("`verify` finds what others miss", &tools) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_running, host) = registry(folder);
    let mut wrong = Vec::new();
    for row in &TABLE {
        let inputs = programs::workspace()
            .join("e2e/cases/verify")
            .join(row.case)
            .join("inputs/image");
        let image = folder.join(row.case);
        tree::copy(&inputs, &image, Manner::PLAIN);
        let name = row.case;
        let mut expect = |tool: &str, expected: bool, (found, said): (bool, String)| {
            if expected != found {
                wrong.push(format!(
                    "{name}: {tool} takes it: {found}, expected {expected}: {said}"
                ));
            }
        };
        let from = format!("oci:{name}:latest");
        let to = format!("dir:{name}.dir");
        let copied = takes(
            folder,
            "skopeo",
            &["copy", "-q", "--insecure-policy", &from, &to],
        );
        expect("skopeo", row.skopeo, copied);
        let at = format!("{name}:latest");
        let bundle = format!("{name}.bundle");
        let unpacked = takes(folder, "umoci", &["unpack", "--image", &at, &bundle]);
        expect("umoci", row.umoci, unpacked);
        if let Some(crane) = row.crane {
            let reference = format!("{host}/validators/{name}:1");
            let there = format!("docker://{reference}");
            let words = [
                "copy",
                "-q",
                "--insecure-policy",
                "--dest-tls-verify=false",
                "--preserve-digests",
                &from,
                &there,
            ];
            expect(
                "skopeo (to a registry)",
                true,
                takes(folder, "skopeo", &words),
            );
            let words = ["validate", "--insecure", "--remote", &reference];
            expect("crane", crane, takes(folder, "crane", &words));
        }
        let ours = Command::new(programs::path("verify"))
            .args(["image", name, "--format", "json", "--strict"])
            .current_dir(folder)
            .env_clear()
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&ours.stdout).unwrap();
        let rules: Vec<&str> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| finding["rule"].as_str().unwrap())
            .collect();
        let found = match row.rule {
            Some(rule) => ours.status.code() == Some(1) && rules.contains(&rule),
            None => ours.status.success() && rules.is_empty(),
        };
        if !found {
            wrong.push(format!(
                "{name}: we found {rules:?}, expected {:?}",
                row.rule
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What others make, in the forms that they like, is sound: no tag, zstd, Docker's types, archives.
#[test]
fn what_others_make_is_sound() {
    let check = "`verify` takes what others make";
    if !outsiders::can(check, &["skopeo", "umoci"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let inputs = programs::workspace().join("e2e/cases/verify/image_layout/inputs/image");
    tree::copy(&inputs, &folder.join("image"), Manner::PLAIN);
    for (to, more) in [
        ("oci:untagged", vec![]),
        ("oci:zstd:1", vec!["--dest-compress-format=zstd"]),
        ("oci-archive:a.tar:1", vec![]),
        ("docker-archive:d.tar:app:1", vec![]),
    ] {
        let mut words = vec!["copy", "-q", "--insecure-policy"];
        words.extend(more);
        words.extend(["oci:image:latest", to]);
        outsiders::run(folder, "skopeo", &words);
        let path = to.split(':').nth(1).unwrap();
        let (sound, said) = takes(
            folder,
            programs::path("verify").to_str().unwrap(),
            &["image", path, "--strict"],
        );
        assert!(sound, "{to}: {said}");
    }
    outsiders::run(folder, "umoci", &["init", "--layout", "made"]);
    outsiders::run(folder, "umoci", &["new", "--image", "made:1"]);
    fs::create_dir(folder.join("root")).unwrap();
    fs::write(folder.join("root/file"), "content").unwrap();
    outsiders::run(
        folder,
        "umoci",
        &["insert", "--image", "made:1", "root", "/root"],
    );
    // umoci leaves behind what it replaced: a warning.
    let (sound, said) = takes(
        folder,
        programs::path("verify").to_str().unwrap(),
        &["image", "made"],
    );
    assert!(sound, "{said}");
}
