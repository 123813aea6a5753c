//! A case on disk: `e2e/cases/<tool>/<case>/`.
//!
//! The inputs are plain files in git, so that Bazel and Nix run the same cases. What git cannot hold
//! stands in `setup.json`, a list of [`Step`]s that the runner carries out in its copy of the case.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::tree::{self, Manner};

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// The program it is for.
    pub tool: &'static str,
    /// `<tool>/<case>`.
    pub name: String,
    /// Its folder in the checkout.
    pub folder: PathBuf,
}

/// A thing that git cannot hold, made in the copy of a case. Steps run in order; parents are made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Step {
    /// A folder, which may stay empty.
    Directory {
        /// Where.
        path: Name,
    },
    /// A file whose name or bytes are awkward in git.
    File {
        /// Where.
        path: Name,
        /// Its bytes.
        #[serde(default)]
        content: Name,
        /// The content is written this many times, one after the other.
        #[serde(default = "once")]
        times: usize,
    },
    /// A file of `size` bytes, a hole but for `pieces`.
    Sparse {
        /// Where.
        path: Name,
        /// Bytes.
        size: u64,
        /// What is not a hole: offset and content.
        #[serde(default)]
        pieces: Vec<(u64, Name)>,
    },
    /// A symbolic link.
    Symlink {
        /// Where.
        path: Name,
        /// What it says, as it stands.
        target: Name,
    },
    /// A fifo.
    Fifo {
        /// Where.
        path: Name,
    },
}

/// Bytes: a JSON string, or `{"base64": "…"}`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "serde_json::Value")]
pub struct Name(Vec<u8>);

impl TryFrom<serde_json::Value> for Name {
    type Error = String;

    fn try_from(value: serde_json::Value) -> Result<Self, String> {
        if let Some(text) = value.as_str() {
            return Ok(Name(text.as_bytes().to_vec()));
        }
        let text = value["base64"]
            .as_str()
            .ok_or("a string or {\"base64\": …} is wanted")?;
        let bytes = data_encoding::BASE64.decode(text.as_bytes());
        bytes.map(Name).map_err(|error| error.to_string())
    }
}

impl Name {
    fn path(self) -> PathBuf {
        std::ffi::OsString::from_vec(self.0).into()
    }
}

fn once() -> usize {
    1
}

impl Case {
    /// All cases of a program, sorted by name.
    pub fn all(tool: &'static str) -> Vec<Case> {
        let top = crate::programs::workspace().join("e2e/cases").join(tool);
        Self::below(tool, &top)
    }

    /// All cases in a folder. A folder without a request is a mistake, not an empty case.
    pub fn below(tool: &'static str, top: &Path) -> Vec<Case> {
        let Ok(entries) = fs::read_dir(top) else {
            return Vec::new();
        };
        let mut cases: Vec<Case> = entries
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_dir())
            .map(|entry| Case {
                tool,
                name: format!("{tool}/{}", entry.file_name().into_string().unwrap()),
                folder: entry.path(),
            })
            .collect();
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        for case in &cases {
            assert!(
                case.golden("request.json").is_file(),
                "{}: no request.json",
                case.name
            );
        }
        cases
    }

    /// A golden file of the case, whether it is there or not.
    pub fn golden(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// Whether the case ends in an error.
    pub fn fails(&self) -> bool {
        self.golden("error.txt").exists()
    }

    /// Whether the request takes modes from the executable bit, which then is an input.
    pub fn takes_executable_bit(&self) -> bool {
        fs::read_to_string(self.golden("request.json")).is_ok_and(|text| text.contains("by_bit"))
    }

    /// Copies the case's request and inputs into a new folder and carries out its `setup.json`.
    pub fn lay_out(&self, into: &Path) {
        fs::create_dir_all(into).unwrap();
        fs::copy(self.golden("request.json"), into.join("request.json")).unwrap();
        if self.golden("inputs").exists() {
            tree::copy(&self.golden("inputs"), &into.join("inputs"), Manner::PLAIN);
        }
        let Ok(setup) = fs::read(self.golden("setup.json")) else {
            return;
        };
        let steps: Vec<Step> = serde_json::from_slice(&setup)
            .unwrap_or_else(|error| panic!("{}: setup.json: {error}", self.name));
        for step in steps {
            step.carry_out(into);
        }
    }
}

impl Step {
    fn carry_out(self, folder: &Path) {
        let place = |name: Name| {
            let path = folder.join(name.path());
            fs::create_dir_all(path.parent().expect("it is below the folder")).unwrap();
            path
        };
        match self {
            Step::Directory { path } => fs::create_dir_all(place(path)).unwrap(),
            Step::File {
                path,
                content,
                times,
            } => {
                fs::write(place(path), content.0.repeat(times)).unwrap();
            }
            Step::Sparse { path, size, pieces } => {
                let pieces: Vec<_> = pieces.into_iter().map(|(at, name)| (at, name.0)).collect();
                tree::sparse(&place(path), size, &pieces);
            }
            Step::Symlink { path, target } => {
                std::os::unix::fs::symlink(target.path(), place(path)).unwrap();
            }
            Step::Fifo { path } => tree::fifo(&place(path)),
        }
    }
}
