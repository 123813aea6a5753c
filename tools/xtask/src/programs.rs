//! The programs, built as they are released: optimised and static.

use crate::command::{self, Error};
use crate::workspace;
use std::path::PathBuf;

/// The programs, in the order in which an image goes through them.
const ALL: [&str; 6] = ["pull", "layer", "assemble", "push", "attest", "verify"];

/// The programs that the workspace has.
pub(crate) fn names() -> Vec<&'static str> {
    let here = |name: &&str| workspace::root().join("tools").join(name).is_dir();
    ALL.into_iter().filter(here).collect()
}

/// Builds all programs and returns the folder that holds them. Where `RULES_CONTAINER_TOOLS` names
/// a folder, they are there already.
///
/// # Errors
/// They do not build.
pub(crate) fn build() -> Result<PathBuf, Error> {
    if let Some(folder) = std::env::var_os("RULES_CONTAINER_TOOLS") {
        return Ok(folder.into());
    }
    let host = workspace::host()?;
    let mut cargo = workspace::cargo();
    // With an explicit target the flags reach the programs alone, not build scripts and macros.
    cargo.args(["build", "--release", "--target", &host]);
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static");
    for name in names() {
        cargo.args(["-p", name]);
    }
    command::run(&mut cargo)?;
    Ok(workspace::target()?.join(host).join("release"))
}
