//! The documents of a release, by other people's validators and the schemas that others have published.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use e2e::programs::start;
use e2e::{outsiders, programs};
use serde_json::Value;

use super::{documents, release, schemas};

/// Reads the bills of materials by other people's code, and CycloneDX's against its schema; `published.py` has the rest.
const VALIDATE: &str = r#"
import json
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
text = open("cyclonedx.json").read()
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
assert error is None, error
broken = json.loads(text); broken["components"][0]["type"] = "nothing"
assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(broken)) is not None
from cyclonedx.model.bom import Bom
bom = Bom.from_json(json.loads(text))
names = {component.name for component in bom.components}
assert {"zlib", "busybox", "//app:rootfs", "//app:app"} <= names, names
assert bom.metadata.component.name == "example.com/team/app"

from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
document = parse_file("spdx.spdx.json")
messages = validate_full_spdx_document(document)
assert not messages, messages
names = {package.name for package in document.packages}
assert {"zlib", "busybox", "//app:rootfs", "//app:app", "example.com/team/app"} <= names, names
assert document.creation_info.spdx_version == "SPDX-2.3"
"#;

#[test]
fn other_peoples_validators_take_the_documents() {
    let check = "SBOM and provenance are valid";
    let ready = outsiders::can(check, &["python3"])
        && (Command::new("python3")
            .args(["-c", "import cyclonedx, spdx_tools"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
            || outsiders::without(check, "python3-cyclonedx-lib, python3-spdx-tools"));
    if !ready {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let digest = release(folder);
    for (kind, _, bytes) in documents(folder) {
        let name = match kind.as_str() {
            "application/spdx+json" => "spdx.spdx.json",
            "application/vnd.cyclonedx+json" => "cyclonedx.json",
            "application/vnd.dsse.envelope.v1+json" => "envelope.json",
            _ => continue,
        };
        fs::write(folder.join(name), bytes).unwrap();
    }
    outsiders::run(folder, "python3", &["-c", VALIDATE]);
    let Some(schemas) = schemas(check, "google.protobuf, jsonschema") else {
        return;
    };
    let script = programs::workspace().join("e2e/tests/published.py");
    let mut words = vec![script.into_os_string(), schemas.into(), digest.into()];
    words.extend(logs(folder));
    outsiders::run(folder, "python3", &words);
}

/// What `verify` finds in every layout of the cases, as SARIF.
fn logs(folder: &Path) -> Vec<std::ffi::OsString> {
    let cases = programs::workspace().join("e2e/cases/verify");
    let mut cases: Vec<PathBuf> = fs::read_dir(cases)
        .unwrap()
        .map(|case| case.unwrap().path())
        .collect();
    cases.sort();
    let mut logs = Vec::new();
    for case in cases {
        let image = case.join("inputs/image");
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        if !image.is_dir() || !name.starts_with("error_") {
            continue;
        }
        let words = ["image", image.to_str().unwrap(), "--format", "sarif"];
        let output = start(folder, "verify", &words);
        let found: Option<Value> = serde_json::from_slice(&output.stdout).ok();
        if found.is_some_and(|log| log["runs"][0]["results"][0].is_object()) {
            let log = folder.join(format!("{name}.sarif"));
            fs::write(&log, &output.stdout).unwrap();
            logs.push(log.into_os_string());
        }
    }
    assert!(logs.len() > 25, "{}", logs.len());
    logs
}
