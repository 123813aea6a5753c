//! Other people's programs, found on `PATH`. `cargo xtask test` puts a root around these tests that
//! has them all; elsewhere some may be missing, and then a check does not run, and says so.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Whether `check` can run: all of `tools` are on `PATH`.
///
/// Where one is not, a line on standard error says so, past the test harness's capture, and the line
/// is added to the file that `RULES_CONTAINER_NOT_RUN` names. With `RULES_CONTAINER_ALL` set the check
/// fails instead.
pub fn can(check: &str, tools: &[&str]) -> bool {
    let missing: Vec<&str> = tools
        .iter()
        .copied()
        .filter(|tool| find(tool).is_none())
        .collect();
    missing.is_empty() || without(check, &missing.join(", "))
}

/// Says that `check` does not run for want of something. Never returns true.
pub fn without(check: &str, missing: &str) -> bool {
    let line = format!("not found: {missing}; check not run: {check}\n");
    assert!(std::env::var_os("RULES_CONTAINER_ALL").is_none(), "{line}");
    if let Some(file) = std::env::var_os("RULES_CONTAINER_NOT_RUN") {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(file)
            .unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    false
}

/// The path of a program on `PATH`, or of one given by its path.
pub fn find(tool: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(tool))
        .find(|path| path.is_file())
}

/// Runs a program to its end and returns its standard output; anything but success is a failure.
#[track_caller]
pub fn run<A: AsRef<OsStr>>(folder: &Path, program: &str, arguments: &[A]) -> Vec<u8> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.as_ref()).collect();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}\n{said}",
        output.status
    );
    output.stdout
}

/// Takes terminal and cgroups out of a runtime's `config.json`: a container in a private mount namespace cannot have them.
pub fn without_cgroups(config: &Path) {
    let mut spec: Value = serde_json::from_slice(&fs::read(config).unwrap()).unwrap();
    spec["process"]["terminal"] = false.into();
    spec["linux"]["resources"] = json!({});
    spec["linux"].as_object_mut().unwrap().remove("cgroupsPath");
    let keep = |list: &mut Value| {
        list.as_array_mut()
            .unwrap()
            .retain(|one| one["type"] != "cgroup");
    };
    keep(&mut spec["linux"]["namespaces"]);
    keep(&mut spec["mounts"]);
    fs::write(config, spec.to_string()).unwrap();
}
