//! `verify rebuild`: makes an image again by its sealed requests, and compares.
//!
//! The sealed requests are in a file, in a layout that `attest` wrote, or refer to an image in a registry. The
//! inputs and the programs are given; the requests are not changed. What is made goes to a folder that did
//! not exist before, and stays there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use oci::json::{self, Limits};
use oci::{Algorithm, Digest, Hasher};
use registry::Access;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::explain::{self, Listings};
use crate::remote::Remote;
use crate::request::Source;
use crate::source::{self, Opened};

/// The artifact type of sealed requests.
pub(crate) const SEALED: &str = "application/vnd.rules-container.sealed.v1+json";

/// The programs that a step may run.
const PROGRAMS: [&str; 2] = ["layer", "assemble"];

/// Requests and receipts, as `attest` seals them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sealed {
    kind: String,
    version: u32,
    subject: Digest,
    tools: Vec<Tool>,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tool {
    name: String,
    digest: Digest,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    tool: String,
    output: String,
    request: Value,
    receipt: Value,
    #[serde(default)]
    receipt_name: Option<String>,
    #[serde(default)]
    listing_name: Option<String>,
}

/// What is rebuilt, with what, and where.
pub(crate) struct Task<'a> {
    pub(crate) source: &'a str,
    pub(crate) inputs: &'a Path,
    pub(crate) tools: &'a Path,
    pub(crate) work: &'a Path,
    pub(crate) access: &'a Access,
}

/// What came of it: lines for people.
pub(crate) struct Rebuilt {
    pub(crate) digest: Digest,
    pub(crate) steps: usize,
}

/// Makes it again.
///
/// # Errors
/// Sealed requests that are none; a program that fails or is another; an image that differs.
pub(crate) fn rebuild(task: &Task<'_>) -> Result<Rebuilt> {
    let (sealed, original) = find(task)?;
    let bad = |reason: String| Error::Sealed {
        source_: task.source.to_owned(),
        reason,
    };
    if sealed.kind != "sealed_requests" || sealed.version != 1 {
        return Err(bad(format!(
            "it is `{}` of version {}",
            sealed.kind, sealed.version
        )));
    }
    for tool in &sealed.tools {
        let path = task.tools.join(&tool.name);
        let mut hasher = Hasher::new(tool.digest.algorithm());
        files::read_pieces(&path, |piece| hasher.update(piece))?;
        let found = hasher.finish();
        if found != tool.digest {
            return Err(Error::OtherTool {
                path,
                expected: Box::new(tool.digest),
                found: Box::new(found),
            });
        }
    }
    lay_out(task.inputs, task.work)?;
    let mut last = None;
    let mut moved = Vec::new();
    for step in &sealed.steps {
        for name in [
            Some(&step.output),
            step.receipt_name.as_ref(),
            step.listing_name.as_ref(),
        ]
        .into_iter()
        .flatten()
        {
            if !is_name(name) {
                return Err(bad(format!(
                    "`{}` is not the name of an output",
                    oci::error::Shown::new(name)
                )));
            }
        }
        if !PROGRAMS.contains(&step.tool.as_str()) {
            return Err(bad(format!(
                "it wants to run `{}`",
                oci::error::Shown::new(&step.tool)
            )));
        }
        let receipt = run(task, step)?;
        let digest = |value: &Value, field: &str| {
            value
                .get(field)
                .and_then(|digest| digest.as_str())
                .and_then(|digest| digest.parse::<Digest>().ok())
        };
        if digest(&receipt, "digest") != digest(&step.receipt, "digest") {
            let same_tar = digest(&receipt, "diff_id").is_some()
                && digest(&receipt, "diff_id") == digest(&step.receipt, "diff_id");
            let what = match same_tar {
                true => "the same tar in other bytes",
                false => "other bytes",
            };
            moved.push((format!("{} `{}`: {what}", step.tool, step.output), same_tar));
        }
        last = digest(&receipt, "digest").map(|digest| (digest, task.work.join(&step.output)));
    }
    let (digest, output) = last.ok_or_else(|| bad("it has no steps".into()))?;
    if digest == sealed.subject {
        return Ok(Rebuilt {
            digest,
            steps: sealed.steps.len(),
        });
    }
    let made = Source::Layout(output);
    let (mut causes, mut same_content): (Vec<String>, bool) = (
        moved.iter().map(|(text, _)| text.clone()).collect(),
        moved
            .iter()
            .filter(|(text, _)| text.starts_with("layer "))
            .all(|(_, same)| *same)
            && !moved.is_empty(),
    );
    // Where the original is at hand it tells more than the receipts.
    if let Some(original) = original {
        let links = source::links(false);
        let explained = explain::explain([&original, &made], links, task.access, &Listings::new())?;
        same_content = explained.same_content;
        for cause in &explained.causes {
            cause.leaves("", &mut causes);
        }
    }
    Err(Error::NotSame {
        first: task.source.to_owned(),
        second: crate::plan::shown(&made),
        same_content,
        causes,
        update: None,
    })
}

/// The sealed requests, and the image that they are of, where that is at hand.
fn find(task: &Task<'_>) -> Result<(Sealed, Option<Source>)> {
    let bad = |reason: String| Error::Sealed {
        source_: task.source.to_owned(),
        reason,
    };
    let place = source::parse(task.source)?;
    let (bytes, original) = match &place {
        Source::Archive(path) => (files::read_at_most(path, Limits::OURS.size)?, None),
        Source::Layout(_) => match source::open(&place, source::links(false), task.access)? {
            Opened::Wrong(finding) => return Err(bad(finding.to_string())),
            Opened::Store(store) => {
                let roots = store.roots();
                let is_sealed = |root: &&oci::Descriptor| {
                    root.artifact_type
                        .as_ref()
                        .is_some_and(|kind| kind.as_str() == SEALED)
                };
                let root = roots.iter().find(is_sealed);
                let root = root.ok_or_else(|| bad("it lists no sealed requests".into()))?;
                (document(store.as_ref(), root, task.source)?, None)
            }
        },
        Source::Registry(text) => {
            let registries = task.access.open()?;
            let (remote, descriptor, image) = Remote::referrer(&registries, text, SEALED)?;
            (
                document(&remote, &descriptor, task.source)?,
                Some(Source::Registry(image)),
            )
        }
    };
    let sealed = json::read_as(&bytes, Limits::OURS, "sealed requests");
    Ok((sealed.map_err(|error| bad(error.to_string()))?, original))
}

/// The one document of an artifact, compared with its digests.
fn document(store: &dyn inspect::Store, artifact: &oci::Descriptor, name: &str) -> Result<Vec<u8>> {
    let trouble = |trouble| Error::trouble(name, trouble);
    let bad = |reason: String| Error::Sealed {
        source_: name.to_owned(),
        reason,
    };
    let checked = |descriptor: &oci::Descriptor, bytes: Vec<u8>| match Digest::of(&bytes)
        == descriptor.digest
        || descriptor.digest.algorithm() != Algorithm::Sha256
    {
        true => Ok(bytes),
        false => Err(bad(format!(
            "{} does not have its digest",
            descriptor.digest
        ))),
    };
    let bytes = store
        .document(artifact, Limits::MANIFEST.size)
        .map_err(trouble)?;
    let manifest = oci::Manifest::read(&checked(artifact, bytes)?, &artifact.media_type)
        .map_err(|error| bad(error.to_string()))?;
    let layer = manifest
        .layers
        .first()
        .ok_or_else(|| bad("it has no document".into()))?;
    if layer.size > Limits::OURS.size {
        return Err(bad(format!("it is {} bytes long", layer.size)));
    }
    checked(
        layer,
        store.document(layer, Limits::OURS.size).map_err(trouble)?,
    )
}

/// A new folder with links to all that is in the inputs.
fn lay_out(inputs: &Path, work: &Path) -> Result<()> {
    if files::exists(work) {
        return Err(Error::WorkExists {
            path: work.to_owned(),
        });
    }
    let mut names = Names(Vec::new());
    let links = files::Links::Keep;
    files::Walk {
        root: inputs,
        links,
    }
    .run(&mut names)?;
    let inputs = absolute(inputs);
    for name in names.0 {
        files::symlink(&inputs.join(&name), &work.join(&name))?;
    }
    Ok(())
}

/// An absolute path of what is there.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The names in a folder.
struct Names(Vec<String>);

impl files::Visitor for Names {
    type Error = files::Error;

    fn wants(&mut self, relative: &[u8]) -> bool {
        !relative.contains(&b'/')
    }

    fn found(&mut self, found: files::Found) -> files::Result<()> {
        self.0
            .push(String::from_utf8_lossy(found.relative).into_owned());
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0'])
}

fn run(task: &Task<'_>, step: &Step) -> Result<Value> {
    let failed = |reason: String| Error::StepFailed {
        tool: step.tool.clone(),
        output: step.output.clone().into(),
        reason,
    };
    let usual = format!("{}.receipt.json", step.output);
    let receipt = step.receipt_name.as_ref().unwrap_or(&usual);
    let request = format!("{}.request.json", step.output);
    let bytes = json::canonical(&step.request).map_err(|error| Error::Unwritable {
        what: "request",
        error,
    })?;
    files::write(&task.work.join(&request), &bytes)?;
    let mut command = Command::new(absolute(&task.tools.join(&step.tool)));
    command
        .arg(&request)
        .args(["--out", step.output.as_str(), "--receipt", receipt.as_str()]);
    if let Some(listing) = &step.listing_name {
        command.args(["--listing", listing.as_str()]);
    }
    let output = command
        .current_dir(task.work)
        .env_clear()
        // A pipe that is closed at once: `/dev/null` need not be there.
        .stdin(Stdio::piped())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let bytes = files::read_at_most(&task.work.join(receipt), Limits::OURS.size)?;
    json::read(&bytes, Limits::OURS, "receipt").map_err(|error| failed(error.to_string()))
}
