//! Real Nix, with a store of its own.
//!
//! The store is a folder that is mounted at `/nix` for each command, so that store paths mean what they
//! say, also to runc, and nothing of the machine's own store is used or left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::{outsiders, programs};

/// Single user, offline, sandboxed: a build that cannot be is an error and does not go on without.
const CONFIG: &str = "build-users-group =
sandbox-fallback = false
substituters =
experimental-features = nix-command flakes
flake-registry =
warn-dirty = false
max-jobs = 2
";

/// What enters the store's mount namespace: the store, the folder, the umask, then the command.
const ENTER: &str = r#"mount --bind "$0" /nix; cd "$1"; umask "$2"; shift 2; exec "$@""#;

/// Nix in a folder.
pub struct Nix {
    /// Where commands run: a user's sources.
    pub folder: PathBuf,
    store: PathBuf,
    config: String,
    umask: &'static str,
}

/// Whether `check` can run: there is a Nix that knows flakes, and we may mount.
pub fn can(check: &str) -> bool {
    let tools = [
        "nix",
        "nix-store",
        "dpkg",
        "patchelf",
        "hello",
        "busybox",
        "unshare",
    ];
    outsiders::can(check, &tools)
        && (rustix::process::geteuid().is_root()
            || outsiders::without(check, "the user root, for a store of its own"))
}

impl Nix {
    /// Nix in `folder`, with a new store at `store`.
    pub fn new(folder: &Path, store: &Path) -> Self {
        fs::create_dir_all(store).unwrap();
        fs::create_dir_all("/nix").unwrap();
        Nix {
            folder: folder.to_owned(),
            store: store.to_owned(),
            config: format!("{CONFIG}sandbox = true\n"),
            umask: "0022",
        }
    }

    /// The same, with these lines of configuration, which win, and this umask.
    #[must_use]
    pub fn with(mut self, lines: &str, umask: &'static str) -> Self {
        self.config.push_str(lines);
        self.umask = umask;
        self
    }

    /// The words before a command that is to see the store, in a folder.
    pub fn seeing(&self, folder: &Path) -> Vec<String> {
        let text = |path: &Path| path.display().to_string();
        let mut words = ["unshare", "--mount", "--propagation", "private"]
            .map(str::to_owned)
            .to_vec();
        words.extend(["bash", "-euc", ENTER].map(str::to_owned));
        words.extend([text(&self.store), text(folder), self.umask.to_owned()]);
        words
    }

    /// A command that sees the store.
    pub fn command(&self, program: &str) -> Command {
        let words = self.seeing(&self.folder);
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .arg(program)
            .env("NIX_CONFIG", &self.config)
            .env("HOME", &self.folder)
            .env_remove("RULES_CONTAINER_TOOLS")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command.
    pub fn run(&self, program: &str, words: &[&str]) -> Output {
        self.command(program)
            .args(words)
            .output()
            .unwrap_or_else(|error| panic!("unshare: {error}"))
    }

    /// Runs a command that has to succeed; what it says on standard error, and what it prints.
    #[track_caller]
    pub fn succeed(&self, program: &str, words: &[&str]) -> (String, String) {
        let output = self.run(program, words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{program} {words:?}: {}\n{said}{printed}",
            output.status
        );
        (said, printed)
    }

    /// Builds attributes of the flake in the folder; their paths, in this order.
    #[track_caller]
    pub fn build(&self, attributes: &[&str]) -> Vec<String> {
        self.build_with(attributes, &[])
    }

    /// The same, with more options.
    #[track_caller]
    pub fn build_with(&self, attributes: &[&str], options: &[&str]) -> Vec<String> {
        let installables: Vec<String> =
            attributes.iter().map(|name| self.attribute(name)).collect();
        let mut words = vec!["build", "--no-link"];
        words.extend(options);
        words.extend(installables.iter().map(String::as_str));
        self.succeed("nix", &words);
        // What `--print-out-paths` prints has an order of its own.
        let paths: Vec<String> = (attributes.iter())
            .map(|name| format!("\"${{all.{name}}}\""))
            .collect();
        let function = format!("all: [ {} ]", paths.join(" "));
        let all = self.attribute("");
        let all = all.trim_end_matches('.');
        let (_, printed) = self.succeed("nix", &["eval", "--json", all, "--apply", &function]);
        serde_json::from_str(&printed).unwrap()
    }

    /// What a build that has to fail says.
    #[track_caller]
    pub fn refused(&self, attribute: &str) -> String {
        let words = ["build", "--no-link", "-L", &self.attribute(attribute)];
        let output = self.run("nix", &words);
        assert!(!output.status.success(), "{attribute} can be built");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// The name of an attribute of the flake in the folder.
    pub fn attribute(&self, name: &str) -> String {
        format!(
            "path:{}#legacyPackages.x86_64-linux.{name}",
            self.folder.display()
        )
    }

    /// Where a store path is outside the mount.
    pub fn outside(&self, path: &str) -> PathBuf {
        let below = path.trim().strip_prefix("/nix/").expect("a store path");
        self.store.join(below)
    }

    /// A file of a store path, or what it links to there.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        let mut path = self.outside(path);
        while let Ok(target) = fs::read_link(&path) {
            path = self.outside(target.to_str().expect("UTF-8"));
        }
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

/// Lays out what a user's flake has beside it: the rules, the programs, and the files of packages.
pub fn lay_out(folder: &Path) {
    let workspace = programs::workspace();
    let rules = folder.join("rules_container");
    fs::create_dir_all(&rules).unwrap();
    for name in ["flake.nix", "Cargo.toml", "Cargo.lock"] {
        fs::copy(workspace.join(name), rules.join(name)).unwrap();
    }
    for name in [
        "rules/nix",
        "examples/nix",
        "tools",
        "e2e/src",
        "e2e/Cargo.toml",
    ] {
        let to = rules.join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        copy(&workspace.join(name), &to);
    }
    let bin = folder.join("tool/bin");
    fs::create_dir_all(&bin).unwrap();
    for tool in programs::TOOLS.into_iter().chain(programs::REGISTRIES) {
        fs::copy(programs::path(tool), bin.join(tool)).unwrap();
    }
    let files = folder.join("files");
    for package in [
        "libc6",
        "libtinfo6",
        "libstdc++6",
        "libgcc-s1",
        "bash",
        "hello",
        "patchelf",
    ] {
        package_files(package, &files.join(package));
    }
    let busybox = files.join("busybox/bin");
    fs::create_dir_all(&busybox).unwrap();
    let program = outsiders::find("busybox").unwrap();
    fs::copy(program, busybox.join("busybox")).unwrap();
    for applet in [
        "sh", "cat", "chmod", "cp", "echo", "find", "head", "ln", "mkdir", "printf", "sort", "yes",
    ] {
        std::os::unix::fs::symlink("busybox", busybox.join(applet)).unwrap();
    }
}

/// The files of an installed Debian package, without its documentation, with `usr` as their root.
fn package_files(package: &str, to: &Path) {
    let list = outsiders::run(Path::new("/"), "dpkg", &["-L", package]);
    for line in String::from_utf8(list).unwrap().lines() {
        let Some(below) = line.strip_prefix("/usr/") else {
            continue;
        };
        let documentation = ["share/doc", "share/lintian", "share/man"];
        let (from, to) = (Path::new(line), to.join(below));
        let Ok(kind) = fs::symlink_metadata(from) else {
            continue;
        };
        if kind.is_dir() || documentation.iter().any(|skip| below.starts_with(skip)) {
            continue;
        }
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        copy(from, &to);
    }
}

/// Copies a file, link or folder.
pub fn copy(from: &Path, to: &Path) {
    let kind = fs::symlink_metadata(from).unwrap();
    if kind.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from).unwrap(), to).unwrap();
    } else if kind.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}
