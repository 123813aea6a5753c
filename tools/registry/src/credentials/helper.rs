//! Credential helpers: programs `docker-credential-<name>` that know logins.
//!
//! `get` reads the server's name on standard input and writes `{ServerURL, Username, Secret}`. A failure is
//! told by the exit code with words on standard *output*; some of those words are no failure.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{Login, config};
use crate::error::{Error, NOT_RUN, Result};

/// How long a helper may take.
const TIME: Duration = Duration::from_secs(30);

/// The most bytes that a helper may write.
const LIMIT: u64 = 64 << 10;

#[derive(Deserialize)]
struct Answer {
    #[serde(default, rename = "Username")]
    username: String,
    #[serde(default, rename = "Secret")]
    secret: String,
}

/// Asks a helper for the login of a server; nothing where it knows none.
pub(super) fn get(helper: &str, server: &str) -> Result<Option<Login>> {
    ask(helper, server, TIME)
}

fn ask(helper: &str, server: &str, time: Duration) -> Result<Option<Login>> {
    let failed = |reason: String| Error::Helper {
        helper: helper.into(),
        server: server.into(),
        named_in: String::new(),
        reason,
    };
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if helper.is_empty() || !helper.bytes().all(legal) {
        return Err(failed("its name is not that of a program".into()));
    }
    let mut child = Command::new(format!("docker-credential-{helper}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("{NOT_RUN}: {error}")))?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read is judged by what it answers.
        let _ = input.write_all(server.as_bytes());
    }
    let output = child.stdout.take();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut output) = output {
            let _ = output.by_ref().take(LIMIT).read_to_end(&mut bytes);
            // Nobody waits for this, and who is too long is not stopped in the middle.
            let _ = tell.send(bytes);
            let _ = std::io::copy(&mut output, &mut std::io::sink());
        }
    });
    let start = Instant::now();
    let too_long = || failed(format!("it took more than {} seconds", time.as_secs()));
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() < time => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(too_long());
            }
            Err(error) => return Err(failed(error.to_string())),
        }
    };
    // What it has left running may hold its output open for ever.
    let left = time.saturating_sub(start.elapsed());
    let bytes = told.recv_timeout(left).map_err(|_| too_long())?;
    if !status.success() {
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim();
        if text == "credentials not found in native keychain" {
            return Ok(None);
        }
        let text = oci::error::Shown::new(text);
        return Err(failed(format!("{status}: {text}")));
    }
    let answer: Answer =
        serde_json::from_slice(&bytes).map_err(|_| failed("its answer is not JSON".into()))?;
    if answer.secret.is_empty() {
        return Ok(None);
    }
    Ok(Some(config::login(answer.username, answer.secret)))
}

#[cfg(test)]
pub(super) fn ask_within(helper: &str, server: &str, time: Duration) -> Result<Option<Login>> {
    ask(helper, server, time)
}
