//! One run of a program on a case, in chosen surroundings.
//!
//! The program sees only what it is given: an empty environment but for the surroundings' own
//! variables, the case's copy as its working directory, no standard input.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::case::Case;
use crate::tree::{self, Node};

/// All that surrounds a run and may not change a byte.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The umask, in octal.
    pub umask: &'static str,
    /// Every environment variable that the program sees.
    pub environment: Vec<(&'static str, String)>,
    /// What runs the program: an emulator and its options, or nothing.
    pub through: Vec<OsString>,
}

impl Surroundings {
    /// The plainest surroundings, that all others are compared with.
    pub fn plain() -> Self {
        Surroundings {
            umask: "022",
            environment: Vec::new(),
            through: Vec::new(),
        }
    }
}

/// What a run left behind.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code; a signal counts as 128 and more, as in a shell.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The output, a file or a folder, where there is one.
    pub out: Option<BTreeMap<PathBuf, Node>>,
    /// The receipt's text.
    pub receipt: Option<String>,
    /// The listing's text (`layer` only).
    pub listing: Option<String>,
    /// Paths in the working directory that came, went or changed and are none of the above.
    pub stray: Vec<PathBuf>,
}

/// Names of the outputs in the working directory.
const OUT: &str = "out";
const RECEIPT: &str = "receipt.json";
const LISTING: &str = "listing.ndjson";

/// Runs a case that is laid out in `folder` with the program in `tools`.
pub fn run(tools: &Path, case: &Case, folder: &Path, around: &Surroundings) -> Outcome {
    let mut arguments = vec!["request.json", "--out", OUT, "--receipt", RECEIPT];
    if case.tool == "layer" {
        arguments.extend(["--listing", LISTING]);
    }
    let before = tree::snapshot(folder);
    let output = start(tools, case, folder, around, &arguments);
    let mut outcome = finish(folder, &before, output);
    // A case may hold an output in the way of the program: then it is an input, not an outcome.
    if before.contains_key(Path::new(OUT)) {
        outcome.out = None;
    }
    outcome
}

/// Runs a case with `--plan`: the plan goes to standard output, and nothing is written.
pub fn plan(tools: &Path, case: &Case, folder: &Path) -> Outcome {
    let before = tree::snapshot(folder);
    let arguments = ["request.json", "--out", OUT, "--plan"];
    let output = start(tools, case, folder, &Surroundings::plain(), &arguments);
    finish(folder, &before, output)
}

fn start(
    tools: &Path,
    case: &Case,
    folder: &Path,
    around: &Surroundings,
    arguments: &[&str],
) -> Output {
    // Only a shell sets the umask of a child without unsafe code; it becomes the program at once.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "umask \"$0\"; exec \"$@\"", around.umask]);
    command
        .args(&around.through)
        .arg(tools.join(case.tool))
        .args(arguments);
    command
        .env_clear()
        .envs(around.environment.iter().map(|(name, value)| (name, value)));
    command.current_dir(folder).stdin(Stdio::null());
    command
        .output()
        .unwrap_or_else(|error| panic!("{}: /bin/sh: {error}", case.name))
}

type Snapshot = BTreeMap<PathBuf, (u32, u64, i64, i64)>;

fn finish(folder: &Path, before: &Snapshot, output: Output) -> Outcome {
    use std::os::unix::process::ExitStatusExt;
    let after = tree::snapshot(folder);
    let changed = after
        .iter()
        .filter(|(path, state)| before.get(*path) != Some(state));
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    let stray = changed
        .map(|(path, _)| path)
        .chain(gone)
        .filter(|path| {
            !path.starts_with(OUT) && *path != Path::new(RECEIPT) && *path != Path::new(LISTING)
        })
        .cloned()
        .collect();
    let code = output.status.code();
    Outcome {
        code: code.unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        out: folder
            .join(OUT)
            .symlink_metadata()
            .is_ok()
            .then(|| tree::read(&folder.join(OUT))),
        receipt: fs::read_to_string(folder.join(RECEIPT)).ok(),
        listing: fs::read_to_string(folder.join(LISTING)).ok(),
        stray,
    }
}
