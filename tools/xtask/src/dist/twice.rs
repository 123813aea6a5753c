//! A release made a second time: from a copy of the sources in another folder, with another home, user, time
//! zone, language and umask, on one core, into another target folder; and compared byte by byte.

use crate::command::{self, Error};
use crate::{programs, workspace};
use e2e::tree::{self, Node};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs, built a second time.
pub(crate) struct Again {
    place: PathBuf,
    tools: super::Tools,
    missing: super::Missing,
}

/// Builds the programs a second time.
///
/// # Errors
/// They do not build.
pub(crate) fn build() -> Result<Again, Error> {
    let place = workspace::target()?.join("dist-again/in/another/folder");
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    let root = place.join("sources");
    copy(&root)?;
    let home = place.join("home/.cargo");
    fs::create_dir_all(&home)?;
    // What was fetched is fetched; under another name.
    for folder in ["registry", "git", "config.toml"] {
        let from = programs::cargo_home()?.join(folder);
        if from.exists() {
            std::os::unix::fs::symlink(from, home.join(folder))?;
        }
    }
    let target = place.join("built");
    let (tools, missing) = super::build(&root, &home, &target, &|cargo| elsewhere(&cargo, &place))?;
    Ok(Again {
        place,
        tools,
        missing,
    })
}

/// Makes a release of what was built a second time, and compares it with the first.
///
/// # Errors
/// A file differs.
pub(super) fn compare(
    again: Again,
    first: &Path,
    publisher: &super::Publisher,
) -> Result<(), Error> {
    let second = again.place.join("dist");
    super::make(&again.tools, &again.missing, &second, publisher)?;
    let (one, two) = (tree::read(first), tree::read(&second));
    let mut paths: Vec<&PathBuf> = one.keys().chain(two.keys()).collect();
    paths.sort();
    paths.dedup();
    let differ: Vec<String> = paths
        .into_iter()
        .filter(|path| one.get(*path) != two.get(*path))
        .map(|path| path.display().to_string())
        .collect();
    if !differ.is_empty() {
        return Err(format!("made twice, these differ: {}", differ.join(", ")).into());
    }
    let files = one
        .values()
        .filter(|node| matches!(node, Node::File(_)))
        .count();
    println!("made twice, in other surroundings: {files} files, the same to the last bit");
    Ok(fs::remove_dir_all(again.place)?)
}

/// The sources, without what git does not know.
fn copy(to: &Path) -> Result<(), Error> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
    ]);
    git.args([
        "Cargo.toml",
        "Cargo.lock",
        ".cargo",
        "tools",
        "e2e/Cargo.toml",
        "e2e/src",
        "docs/schemas",
    ]);
    let files = command::read(git.current_dir(workspace::root()))?;
    for file in files.split('\0').filter(|file| !file.is_empty()) {
        let (from, to) = (workspace::root().join(file), to.join(file));
        if from.is_file() {
            fs::create_dir_all(to.parent().ok_or("a file has a folder")?)?;
            fs::copy(from, to)?;
        }
    }
    Ok(())
}

/// The same command in other surroundings.
fn elsewhere(cargo: &Command, place: &Path) -> Command {
    let mut line: Vec<std::ffi::OsString> = Vec::new();
    let other_user = Command::new("unshare")
        .args(["--user", "--map-user=4321", "true"])
        .status();
    if other_user.is_ok_and(|status| status.success()) {
        line.extend(["unshare", "--user", "--map-user=4321", "--map-group=4321"].map(Into::into));
    }
    line.push(cargo.get_program().to_owned());
    line.extend(cargo.get_args().map(ToOwned::to_owned));
    line.extend(["-j1", "--offline", "--quiet"].map(Into::into));
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "umask 077; exec \"$@\"", "sh"])
        .args(line);
    for (name, value) in cargo.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(folder) = cargo.get_current_dir() {
        command.current_dir(folder);
    }
    // The compiler is found by rustup, which looks in the home folder unless it is told.
    if std::env::var_os("RUSTUP_HOME").is_none()
        && let Some(home) = std::env::var_os("HOME")
    {
        command.env("RUSTUP_HOME", Path::new(&home).join(".rustup"));
    }
    command
        .env("HOME", place.join("home"))
        .env("USER", "somebody")
        .env("LOGNAME", "somebody")
        .env("TZ", "Pacific/Kiritimati")
        .env("LC_ALL", "tr_TR.UTF-8");
    command
}
