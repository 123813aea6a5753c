//! `verify explain` through the program: what it names, what it takes, and what must not lead it astray.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests fail by panics, and read what the program wrote"
)]

mod forms;
mod hostile;
mod model;
mod mutations;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The innermost causes.
fn leaves(causes: &Value, out: &mut Vec<Value>) {
    for cause in causes.as_array().into_iter().flatten() {
        match cause["causes"].as_array() {
            Some(_) => leaves(&cause["causes"], out),
            None => out.push(cause.clone()),
        }
    }
}

/// Exit code, the tree where it is asked for as JSON, standard error.
fn explain(folder: &Path, words: &[&str]) -> (i32, Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_verify"))
        .args([&["explain"], words].concat())
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    let value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), value, error)
}

/// The names of the innermost causes.
fn names(value: &Value) -> Vec<String> {
    let mut all = Vec::new();
    leaves(&value["causes"], &mut all);
    let name = |leaf: &Value| leaf["cause"].as_str().unwrap().to_owned();
    all.iter().map(name).collect()
}
