//! Who signs: a key in a file, or a program that has the key.
//!
//! A program gets one JSON object on its standard input: `kind` (`sign`), `version` (1), `origin`, `subject` (the
//! descriptor of the image), `payload_type` and `message`, the bytes to be signed in base64. What it writes to
//! its standard output is the signature in base64; what it says otherwise is for the user.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use data_encoding::BASE64;
use oci::json;
use serde_json::json;
use signing::{PrivateKey, PublicKey};

use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::request::{Program, Sign};

/// The most bytes of a key.
const KEY: u64 = 64 << 10;

/// The most characters of a signature: more than any algorithm needs.
const SIGNATURE: usize = 64 << 10;

/// Somebody who signs.
pub(super) enum Signer<'a> {
    /// With this key.
    Key(PrivateKey),
    /// By a program.
    Program {
        program: &'a Program,
        key: Option<PublicKey>,
        plan: &'a Plan,
        origin: &'a str,
    },
}

impl<'a> Signer<'a> {
    /// Reads the keys.
    ///
    /// # Errors
    /// A key that is none.
    pub(super) fn open(sign: &'a Sign, plan: &'a Plan, origin: &'a str) -> Result<Self> {
        match sign {
            Sign::Key(path) => Ok(Signer::Key(read(path, PrivateKey::read)?)),
            Sign::Program(program) => Ok(Signer::Program {
                program,
                key: match &program.public_key {
                    Some(path) => Some(read(path, PublicKey::read)?),
                    None => None,
                },
                plan,
                origin,
            }),
        }
    }

    /// The signature of a message, in base64.
    ///
    /// # Errors
    /// A program that does not run, fails, or writes what is no signature of the message.
    pub(super) fn sign(&self, payload_type: &str, message: &[u8]) -> Result<String> {
        let (program, key, plan, origin) = match self {
            Signer::Key(key) => return Ok(key.sign(message)),
            Signer::Program {
                program,
                key,
                plan,
                origin,
            } => (program, key, plan, origin),
        };
        let (root, what) = (&plan.root, "order to sign");
        let order = json::canonical(&json!({
            "kind": "sign", "version": 1, "origin": origin, "payload_type": payload_type,
            "subject": {"mediaType": root.media_type().as_str(), "digest": root.digest().to_string(), "size": root.size()},
            "message": BASE64.encode(message),
        }))
        .map_err(|error| Error::Unwritable { what, error })?;
        let signature = run(program, &order)?;
        if let Some(key) = key {
            key.verify(message, &signature)
                .map_err(|error| failed(program, error.to_string()))?;
        }
        Ok(signature)
    }
}

fn read<T>(path: &Path, parse: impl Fn(&[u8]) -> signing::Result<T>) -> Result<T> {
    let bytes = files::read_at_most(path, KEY)?;
    parse(&bytes).map_err(|error| Error::Key {
        path: path.to_owned(),
        error,
    })
}

fn failed(program: &Program, reason: impl Into<String>) -> Error {
    Error::Signer {
        program: program.command.join(" ").as_str().into(),
        reason: reason.into(),
    }
}

fn run(program: &Program, order: &[u8]) -> Result<String> {
    let failed = |reason: String| failed(program, reason);
    let (name, arguments) = program
        .command
        .split_first()
        .ok_or_else(|| failed("its `command` is empty".into()))?;
    let mut child = Command::new(name)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("it can't be run: {error}")))?;
    let input = child.stdin.take();
    // It may answer before it has read everything: it is written beside.
    let (written, output) = std::thread::scope(|scope| {
        let writer = scope.spawn(move || input.map(|mut input| input.write_all(order)));
        let output = child.wait_with_output();
        (writer.join(), output)
    });
    let output = output.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    drop(written);
    let text = String::from_utf8(output.stdout).unwrap_or_default();
    let text = text.trim();
    if text.is_empty() || text.len() > SIGNATURE || BASE64.decode(text.as_bytes()).is_err() {
        let shown = oci::error::Shown::new(text);
        return Err(failed(format!("it wrote `{shown}`")));
    }
    Ok(text.to_owned())
}
