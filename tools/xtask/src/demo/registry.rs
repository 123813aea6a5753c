//! The demo's last part: the image goes to a registry and comes back, the same to the last byte.
//!
//! Without a registry of the user's own there is one in memory, on loopback, for as long as it takes.

use super::screen::{Screen, size};
use crate::command::Error;
use scripted::{Server, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// The repository that the image goes to.
const REPOSITORY: &str = "rules-container/demo";

/// Pushes `image` to a registry, once and again, and pulls it back.
///
/// # Errors
/// A program fails, more is sent than has to be, or what comes back differs.
pub(crate) fn there_and_back(
    screen: &Screen,
    tools: &Path,
    work: &Path,
    image: &Path,
    registry: Option<&str>,
) -> Result<(), Error> {
    screen.heading("To a registry, and back");
    let own = registry.is_none().then(|| Store::new().serve());
    let host = registry.map_or_else(
        || own.as_ref().map_or(String::new(), Server::host),
        str::to_owned,
    );
    let kind = if own.is_some() { "in memory" } else { "yours" };
    screen.line("registry", &format!("{host}, {kind}"));
    let folder = work.join("registry");
    fs::create_dir(&folder)?;
    let run = Run {
        folder: &folder,
        tools,
    };
    let reference = format!("{host}/{REPOSITORY}");
    let push = json!({"kind": "push", "version": 1, "origin": "demo",
        "images": [{"layout": image, "to": [{"repository": reference, "tags": ["latest"]}]}]});
    for (word, receipt) in [("sent", "first.json"), ("sent again", "second.json")] {
        let start = Instant::now();
        run.tool("push", &push, &["--receipt", receipt])?;
        let seconds = start.elapsed().as_secs_f64();
        let done = run.read(receipt)?;
        let done = &done["repositories"][0];
        let sent = done["bytes_sent"].as_u64().unwrap_or_default();
        let blobs = done["sent"].as_array().map_or(0, Vec::len);
        let text = format!("{} in {blobs} blobs  {seconds:.2} s", size(sent));
        screen.line(word, &text);
        if receipt == "second.json" && (sent, blobs) != (0, 0) {
            return Err("the registry had it all, and it was sent again".into());
        }
    }
    let start = Instant::now();
    let lock = format!("demo={reference}:latest");
    // Without anybody's logins and proxy.
    fs::write(folder.join("settings.json"), "{}")?;
    run.command("pull", &["lock", &lock, "--settings", "settings.json"])?;
    let pull = json!({"kind": "pull", "version": 1, "origin": "demo",
        "image": {"locked": {"lock": "images.lock.json", "name": "demo"}}});
    run.tool("pull", &pull, &["--out", "back"])?;
    let seconds = start.elapsed().as_secs_f64();
    let (there, back) = (blobs(image)?, blobs(&folder.join("back"))?);
    if there.keys().ne(back.keys()) {
        return Err("other blobs came back than went".into());
    }
    for (digest, path) in &there {
        if fs::read(path)? != fs::read(&back[digest])? {
            return Err(format!("the blob {digest} came back changed").into());
        }
    }
    let text = format!(
        "{} blobs, compared byte by byte  {seconds:.2} s",
        there.len()
    );
    screen.line("pulled back", &text);
    fs::remove_dir_all(&folder)?;
    Ok(())
}

struct Run<'a> {
    folder: &'a Path,
    tools: &'a Path,
}

impl Run<'_> {
    fn tool(&self, tool: &str, request: &Value, words: &[&str]) -> Result<(), Error> {
        let name = format!("{tool}.request.json");
        fs::write(self.folder.join(&name), request.to_string())?;
        self.command(tool, &[&[name.as_str()], words].concat())
    }

    fn command(&self, tool: &str, words: &[&str]) -> Result<(), Error> {
        let status = Command::new(self.tools.join(tool))
            .args(words)
            .current_dir(self.folder)
            .status()?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("{tool}: {status}").into()),
        }
    }

    fn read(&self, name: &str) -> Result<Value, Error> {
        Ok(serde_json::from_slice(&fs::read(self.folder.join(name))?)?)
    }
}

/// The blobs of a layout, by their names.
fn blobs(layout: &Path) -> Result<BTreeMap<String, PathBuf>, Error> {
    let mut blobs = BTreeMap::new();
    for entry in fs::read_dir(layout.join("blobs/sha256"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        blobs.insert(name, entry.path());
    }
    Ok(blobs)
}
