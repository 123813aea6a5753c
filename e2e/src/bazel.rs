//! Real Bazel, on workspaces of this repository.
//!
//! Bazel finds the rules as a user's module does. Where it is Debian's, which knows some modules by
//! path and would ask a registry for the others, empty stand-ins take their place: the rules need none
//! of them.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::nix::Nix;
use crate::{outsiders, programs};

/// What Debian's Bazel names and does not have, and what the rules need nothing of.
const STAND_INS: [&str; 8] = [
    "apple_support",
    "buildozer",
    "protobuf",
    "rules_cc",
    "rules_java",
    "rules_proto",
    "rules_python",
    "zlib",
];

/// An override of a module that nothing depends on is an error, and Debian overrides these.
const KEPT: &str = r#"
bazel_dep(name = "bazel_features", version = "1.11.0")
bazel_dep(name = "bazel_skylib", version = "1.6.1")
bazel_dep(name = "rules_license", version = "0.0.3")
"#;

/// A Bazel server with its own outputs, on one workspace. Each `Bazel` may take some seconds to start.
pub struct Bazel {
    workspace: PathBuf,
    root: PathBuf,
    options: Vec<String>,
    /// What starts Bazel: it itself, or what lets it see a store first.
    start: Vec<String>,
    environment: Vec<(String, PathBuf)>,
}

/// Whether `check` can run: there is a Bazel with modules on `PATH`.
pub fn can(check: &str) -> bool {
    if !outsiders::can(check, &["bazel"]) {
        return false;
    }
    let output = Command::new("bazel")
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    let major = version
        .strip_prefix("bazel ")
        .and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
    major.is_some_and(|major| major >= 7)
        || outsiders::without(check, &format!("Bazel 7.4 or later ({})", version.trim()))
}

impl Bazel {
    /// A server for a workspace, with all that it writes below `root`. `root` stays for the next time
    /// and may not lie below `/tmp`, which the sandbox hides.
    pub fn new(workspace: &Path, root: &Path) -> Self {
        Self::set_up(workspace, root, false)
    }

    /// The same, for a workspace with programs in C.
    pub fn with_c(workspace: &Path, root: &Path) -> Self {
        Self::set_up(workspace, root, true)
    }

    fn set_up(workspace: &Path, root: &Path, c: bool) -> Self {
        fs::create_dir_all(root).unwrap();
        let modules = root.join("modules");
        let mut rc = String::new();
        if Path::new("/etc/bazel/bazelrc").exists() {
            for name in STAND_INS.iter().filter(|name| !c || **name != "rules_cc") {
                let folder = modules.join(name);
                fs::create_dir_all(&folder).unwrap();
                let kept = if *name == "rules_java" { KEPT } else { "" };
                let module = format!("module(name = \"{name}\")\n{kept}");
                fs::write(folder.join("MODULE.bazel"), module).unwrap();
                fs::write(folder.join("BUILD.bazel"), "").unwrap();
                let folder = folder.display();
                writeln!(rc, "common --override_module={name}={folder}").unwrap();
            }
            rc.push_str("common --noenable_workspace\n");
        }
        let links = root.join("links");
        write!(
            rc,
            "common --lockfile_mode=off\n\
             common --repo_env=BAZEL_DO_NOT_DETECT_CPP_TOOLCHAIN={}\n\
             common --color=no --curses=no --noshow_progress\n\
             build --symlink_prefix={}/\n\
             build --nosandbox_debug\n",
            u8::from(!c),
            links.display(),
        )
        .unwrap();
        fs::write(root.join("bazelrc"), rc).unwrap();
        Bazel {
            workspace: workspace.to_owned(),
            root: root.to_owned(),
            options: vec!["--jobs=2".into()],
            start: vec!["bazel".into()],
            environment: Vec::new(),
        }
    }

    /// The same, with the programs under test.
    #[must_use]
    pub fn with_programs(self) -> Self {
        let folder = programs::folder().display();
        self.with([format!("--repo_env=RULES_CONTAINER_TOOLS={folder}")])
    }

    /// The same, where `/nix` is that Nix's store.
    #[must_use]
    pub fn seeing(mut self, nix: &Nix) -> Self {
        self.start = nix.seeing(&self.workspace);
        self.start.push("bazel".into());
        self
    }

    /// The same, with these options of builds from now on.
    #[must_use]
    pub fn with<O: Into<String>>(mut self, options: impl IntoIterator<Item = O>) -> Self {
        self.options.extend(options.into_iter().map(Into::into));
        self
    }

    /// From now on commands have this variable, which leads to a file or folder: so do the programs that `bazel run` starts.
    pub fn set(&mut self, variable: &str, path: &Path) {
        self.environment
            .push((variable.to_owned(), path.to_owned()));
    }

    /// Runs a command of Bazel.
    pub fn run(&self, words: &[&str]) -> Output {
        let (command, rest) = words.split_first().expect("a command of Bazel");
        let takes_options = ["aquery", "build", "cquery", "run", "test"].contains(command);
        let options: &[String] = if takes_options { &self.options } else { &[] };
        Command::new(&self.start[0])
            .args(&self.start[1..])
            .arg(format!("--output_user_root={}", self.root.display()))
            .arg(format!("--bazelrc={}/bazelrc", self.root.display()))
            .args(["--max_idle_secs=30", "--host_jvm_args=-Xmx1g"])
            .arg(command)
            .args(options)
            .args(rest)
            .current_dir(&self.workspace)
            // The rules read it too, where no option of Bazel's sets it.
            .env_remove("RULES_CONTAINER_TOOLS")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("bazel: {error}"))
    }

    /// Runs a command of Bazel that has to succeed, and returns what it says, on standard error and then on standard output.
    #[track_caller]
    pub fn succeed(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "bazel {words:?}: {}\n{said}{printed}",
            output.status
        );
        said + &printed
    }

    /// An output of the last build, by its path below `bazel-bin`.
    pub fn output(&self, path: &str) -> PathBuf {
        self.root.join("links/bin").join(path)
    }

    /// The bytes of an output of the last build.
    #[track_caller]
    pub fn read(&self, path: &str) -> Vec<u8> {
        let path = self.output(path);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

impl Drop for Bazel {
    /// Ends the server.
    fn drop(&mut self) {
        _ = self.run(&["shutdown"]);
    }
}

/// The line of Bazel's that counts processes, `3 processes: 1 internal, 2 linux-sandbox.`
pub fn processes(said: &str) -> &str {
    said.lines()
        .find_map(|line| {
            line.strip_prefix("INFO: ")
                .filter(|line| line.contains(" process"))
        })
        .unwrap_or("")
}

/// A process that Bazel would have run, or ran.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spawn {
    /// The label of its target.
    #[serde(rename = "targetLabel")]
    pub target: String,
    /// The mnemonic of its action.
    pub mnemonic: String,
    /// Whether a cache had its outputs.
    #[serde(rename = "cacheHit", default)]
    pub cached: bool,
    /// Where it ran: `linux-sandbox`, `remote`, `disk cache hit`.
    #[serde(default)]
    pub runner: String,
    /// The files that it could read.
    #[serde(default)]
    pub inputs: Vec<Input>,
}

/// A file that a process could read.
#[derive(Debug, serde::Deserialize)]
pub struct Input {
    /// Its path in the execution root.
    pub path: String,
}

/// The processes of a build, from the file that `--execution_log_json_file` names.
#[track_caller]
pub fn spawns(log: &Path) -> Vec<Spawn> {
    let text = fs::read_to_string(log).unwrap();
    serde_json::Deserializer::from_str(&text)
        .into_iter()
        .map(|spawn| spawn.unwrap())
        .collect()
}
