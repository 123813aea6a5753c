//! `cargo xtask schemas`: writes `docs/schemas` anew. Each program owns the test that its schema has
//! not drifted; told to update, that test writes the schema.

use crate::command::{self, Error};
use crate::{programs, workspace};

/// Runs every program's schema test, told to update.
///
/// # Errors
/// A test fails.
pub(crate) fn run() -> Result<(), Error> {
    let mut cargo = workspace::cargo();
    cargo
        .args(["test", "--quiet", "-p", "oci"])
        .env("UPDATE_GOLDEN", "1");
    for name in programs::names() {
        cargo.args(["-p", name]);
    }
    command::run(cargo.arg("schema"))
}
