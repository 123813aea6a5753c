//! The workspace: where it is, what is in it, cargo.

use crate::command::{self, Error};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's own folder.
pub(crate) fn root() -> &'static Path {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    tools
        .and_then(Path::parent)
        .expect("xtask is in tools/ in the workspace")
}

/// The folders of all crates but `e2e`.
///
/// # Errors
/// The folder of crates cannot be read.
pub(crate) fn crates() -> Result<Vec<PathBuf>, Error> {
    let tools = root().join("tools");
    let entries = std::fs::read_dir(tools)?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// Cargo, in the workspace. As the cargo that runs us set variables of its own for us, and a build
/// script would be run anew for each that changes, they go.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// The folder that cargo builds into.
///
/// # Errors
/// Cargo cannot be asked.
pub(crate) fn target() -> Result<PathBuf, Error> {
    let mut metadata = cargo();
    metadata.args(["metadata", "--format-version=1", "--no-deps"]);
    let metadata: serde_json::Value = serde_json::from_str(&command::read(&mut metadata)?)?;
    let folder = metadata["target_directory"]
        .as_str()
        .ok_or("cargo names no target folder")?;
    Ok(folder.into())
}

/// The target triple of this machine.
///
/// # Errors
/// The compiler cannot be asked.
pub(crate) fn host() -> Result<String, Error> {
    let version = command::read(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc -vV names no host")?.to_owned())
}

/// Where the compiler and its standard library are.
///
/// # Errors
/// The compiler cannot be asked.
pub(crate) fn sysroot() -> Result<PathBuf, Error> {
    let sysroot = command::read(Command::new("rustc").args(["--print", "sysroot"]))?;
    Ok(sysroot.trim_end().into())
}

/// The version of the programs.
///
/// # Errors
/// `Cargo.toml` cannot be read, or has none.
pub(crate) fn version() -> Result<String, Error> {
    let text = std::fs::read_to_string(root().join("Cargo.toml"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("version = \""));
    let version = line.and_then(|line| line.strip_suffix('"'));
    Ok(version.ok_or("Cargo.toml names no version")?.to_owned())
}
