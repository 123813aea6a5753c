//! The programs, built as they are released: optimised, static, and the same bytes wherever that is done.

use crate::command::{self, Error};
use crate::workspace;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    let (host, target) = (workspace::host()?, workspace::target()?);
    let home = cargo_home()?;
    command::run(&mut cargo(workspace::root(), &home, &target, &host)?)?;
    Ok(target.join(host).join("release"))
}

/// Where cargo keeps the sources of dependencies.
///
/// # Errors
/// There is no home folder.
pub(crate) fn cargo_home() -> Result<PathBuf, Error> {
    if let Some(home) = std::env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    let home = std::env::var_os("HOME").ok_or("neither CARGO_HOME nor HOME is set")?;
    Ok(Path::new(&home).join(".cargo"))
}

/// The command that builds the programs of the sources in `root`, below `target`.
///
/// Nothing of where that is may reach the bytes: paths are written as if all sources lay below
/// `/rules_container` and `/cargo`, there are no build ids, and one unit of code generation for each
/// crate leaves nothing to how many cores there are.
///
/// # Errors
/// The compiler cannot be asked, or the sources of dependencies cannot be fetched.
pub(crate) fn cargo(
    root: &Path,
    home: &Path,
    target: &Path,
    triple: &str,
) -> Result<Command, Error> {
    let mut cargo = workspace::cargo();
    cargo
        .current_dir(root)
        .env("CARGO_HOME", home)
        .env("CARGO_TARGET_DIR", target);
    let mut fetch = workspace::cargo();
    fetch.current_dir(root).env("CARGO_HOME", home);
    command::run(fetch.args(["fetch", "--quiet", "--locked", "--target", triple]))?;
    let mut paths = vec![(workspace::sysroot()?, "/rust".to_owned())];
    // The folder's name has a hash of where the registry is.
    let sources = home.join("registry/src");
    if sources.is_dir() {
        for entry in std::fs::read_dir(&sources)? {
            paths.push((entry?.path(), "/cargo".to_owned()));
        }
    }
    // The last that fits counts: what is made lies in the sources' folder, as a rule.
    paths.push((root.to_owned(), "/rules_container".to_owned()));
    paths.push((target.to_owned(), "/target".to_owned()));
    let mut rust = vec![
        OsString::from("-Ctarget-feature=+crt-static"),
        "-Clink-arg=-Wl,--build-id=none".into(),
    ];
    let mut c = OsString::new();
    for (path, name) in &paths {
        // What hands flags to the C compiler splits them at spaces.
        if path.to_string_lossy().contains(char::is_whitespace) {
            let path = path.display();
            return Err(format!("`{path}` has a space in it, and C code is built below it").into());
        }
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(path);
        flag.push(format!("={name}"));
        rust.push(flag);
        c.push("-ffile-prefix-map=");
        c.push(path);
        c.push(format!("={name} "));
    }
    // With an explicit target the flags reach the programs alone, not build scripts and macros.
    cargo.args(["build", "--release", "--locked", "--target", triple]);
    cargo.env_remove("RUSTFLAGS");
    cargo.env(
        "CARGO_ENCODED_RUSTFLAGS",
        rust.join(std::ffi::OsStr::new("\x1f")),
    );
    cargo.env(format!("CFLAGS_{}", triple.replace('-', "_")), &c);
    cargo
        .env("CARGO_INCREMENTAL", "0")
        .env("SOURCE_DATE_EPOCH", "0");
    for name in names() {
        cargo.args(["-p", name]);
    }
    Ok(cargo)
}
