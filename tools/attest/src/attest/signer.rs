//! Who signs: a key in a file, or a program that has the key.
//!
//! A program gets one JSON object on its standard input: `kind` (`sign`), `version` (1), `origin`, `subject` (the
//! descriptor of the image), `payload_type` and `message`, the bytes to be signed in base64. What it writes to
//! its standard output is the signature in base64; what it says otherwise is for the user.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use data_encoding::BASE64;
use oci::{Descriptor, json};
use serde_json::json;
use signing::{PrivateKey, PublicKey};

use crate::error::{Error, Result};
use crate::request::{Program, Sign};

/// The most bytes of a key.
const KEY: u64 = 64 << 10;

/// The most characters of a signature: more than any algorithm needs.
const SIGNATURE: usize = 64 << 10;

/// The most bytes that are read of what a program writes: enough to see that it is too much.
const MOST: usize = 2 * SIGNATURE;

/// How long nothing may come of a program that has ended.
const LATE: Duration = Duration::from_secs(3);

/// Somebody who signs.
pub(super) enum Signer<'a> {
    /// With this key.
    Key(PrivateKey),
    /// By a program.
    Program {
        program: &'a Program,
        key: Option<PublicKey>,
        origin: &'a str,
    },
}

impl<'a> Signer<'a> {
    /// Reads the keys.
    ///
    /// # Errors
    /// A key that is none.
    pub(super) fn open(sign: &'a Sign, origin: &'a str) -> Result<Self> {
        match sign {
            Sign::Key(path) => Ok(Signer::Key(read(path, PrivateKey::read)?)),
            Sign::Program(program) => Ok(Signer::Program {
                program,
                key: match &program.public_key {
                    Some(path) => Some(read(path, PublicKey::read)?),
                    None => None,
                },
                origin,
            }),
        }
    }

    /// The signature of a message about `subject`, in base64.
    ///
    /// # Errors
    /// A program that does not run, fails, or writes what is no signature of the message.
    pub(super) fn sign(
        &self,
        subject: &Descriptor,
        payload_type: &str,
        message: &[u8],
    ) -> Result<String> {
        let (program, key, origin) = match self {
            Signer::Key(key) => return Ok(key.sign(message)),
            Signer::Program {
                program,
                key,
                origin,
            } => (program, key, origin),
        };
        let what = "order to sign";
        let order = json::canonical(&json!({
            "kind": "sign", "version": 1, "origin": origin, "payload_type": payload_type,
            "subject": {"mediaType": subject.media_type.as_str(), "digest": subject.digest.to_string(), "size": subject.size},
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
    let (input, output) = (child.stdin.take(), child.stdout.take());
    // It may answer before it has read everything, and may leave something running that holds both pipes open for
    // ever: nobody waits for these two.
    let order = order.to_vec();
    std::thread::spawn(move || input.map(|mut input| input.write_all(&order)));
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut left = MOST;
        if let Some(mut output) = output {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut piece) {
                left = left.saturating_sub(read);
                if left == 0 || tell.send(piece[..read].to_vec()).is_err() {
                    break;
                }
            }
        }
    });
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        return Err(failed(status.to_string()));
    }
    let mut bytes = Vec::new();
    while let Ok(piece) = told.recv_timeout(LATE) {
        bytes.extend(piece);
    }
    let text = String::from_utf8(bytes).unwrap_or_default();
    let text = text.trim();
    if text.is_empty() || text.len() > SIGNATURE || BASE64.decode(text.as_bytes()).is_err() {
        let shown = oci::error::Shown::new(text);
        return Err(failed(format!("it wrote `{shown}`")));
    }
    Ok(text.to_owned())
}
