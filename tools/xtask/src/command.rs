//! Child processes, with their failures told in one form.

use std::process::{Command, Stdio};

/// What goes wrong in a developer's command: a line for the developer.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// Runs a command to its end, its output going where ours goes.
///
/// # Errors
/// It does not start, or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("{}: {error}", name(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{}: {status}", name(command)).into())
    }
}

/// Runs a command to its end and returns its standard output.
///
/// # Errors
/// It does not start, does not succeed, or prints something other than UTF-8.
pub(crate) fn read(command: &mut Command) -> Result<String, Error> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{}: {error}", name(command)))?;
    if !output.status.success() {
        return Err(format!("{}: {}", name(command), output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The first words of a command, enough to recognise it.
fn name(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name();
    let mut words = vec![program.unwrap_or_default().to_string_lossy()];
    words.extend(
        command
            .get_args()
            .take(3)
            .map(|argument| argument.to_string_lossy()),
    );
    words.join(" ")
}
