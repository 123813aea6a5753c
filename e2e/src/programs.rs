//! Where the programs under test are.
//!
//! `RULES_CONTAINER_TOOLS` names the folder that holds them (`cargo xtask test` sets it to the static
//! release build). Without it they are built here, once, so that a bare `cargo test` works too.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The programs that have cases.
pub const TOOLS: [&str; 2] = ["layer", "assemble"];

/// The programs that reach registries: their checks are in `tests/registries.rs`.
pub const REGISTRIES: [&str; 4] = ["pull", "push", "attest", "verify"];

/// The workspace's own folder.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("e2e is a folder of the workspace")
}

/// The folder of the programs under test.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| match std::env::var_os("RULES_CONTAINER_TOOLS") {
        Some(folder) => folder.into(),
        None => build(),
    })
}

/// One program under test.
pub fn path(tool: &str) -> PathBuf {
    folder().join(tool)
}

/// Runs a program in `folder`, which is its home; its environment has the `PATH` and nothing else.
pub fn start(folder: &Path, tool: &str, words: &[&str]) -> Output {
    Command::new(path(tool))
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

/// What a program prints that ends well, without a word on standard error.
///
/// # Panics
/// It does not.
#[track_caller]
pub fn well(folder: &Path, tool: &str, words: &[&str]) -> String {
    let output = start(folder, tool, words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "{tool} {words:?}: {said}"
    );
    String::from_utf8(output.stdout).expect("the program prints UTF-8")
}

fn build() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--message-format=json"])
        .current_dir(workspace());
    for tool in TOOLS.into_iter().chain(REGISTRIES) {
        cargo.args(["-p", tool]);
    }
    let output = cargo.output().expect("cargo starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // Cargo itself says where it put the executables: the target folder may be anywhere.
    String::from_utf8(output.stdout)
        .expect("cargo prints UTF-8")
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| {
            Some(
                Path::new(message["executable"].as_str()?)
                    .parent()?
                    .to_owned(),
            )
        })
        .expect("cargo names an executable")
}
