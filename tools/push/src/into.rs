//! Images into layouts, archives, and commands that read archives. Layers that are in no file come from
//! where they are, as they are written.
//!
//! Invariant: a layout or archive appears whole or not at all, and a command has read a whole archive or
//! is said to have failed.

use std::path::Path;
use std::process::{Command, Stdio};

use layout::{Contents, Place, Transfer, Verify};
use oci::index::REF_NAME;
use registry::Registries;
use serde::Serialize;

use crate::bytes::Streams;
use crate::error::{Error, Result};
use crate::gather::{Delivery, Form};
use crate::source::{Blob, Origin};

/// What an output is, for the plan and the receipt.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Written {
    Layout(Image),
    OciArchive(Image),
    DockerArchive(Image),
    Load(Loaded),
}

/// An image in a layout or archive.
#[derive(Debug, Serialize)]
pub(crate) struct Image {
    path: String,
    digest: String,
    names: Vec<String>,
}

/// An image that a command took.
#[derive(Debug, Serialize)]
pub(crate) struct Loaded {
    command: Vec<String>,
    digest: String,
    names: Vec<String>,
}

impl Written {
    /// What a delivery consists of.
    pub(crate) fn all(delivery: &Delivery) -> Vec<Self> {
        let one = |(cargo, named): &(crate::source::Cargo, Vec<oci::Descriptor>)| {
            let name = |one: &oci::Descriptor| {
                let full = one.annotations.get(layout::IMAGE_NAME);
                full.or_else(|| one.annotations.get(REF_NAME)).cloned()
            };
            let digest = cargo.root.digest.to_string();
            let names = named.iter().filter_map(name).collect();
            let image = |path: &Path| Image {
                path: path.display().to_string(),
                digest: digest.clone(),
                names: Vec::clone(&names),
            };
            match &delivery.form {
                Form::Layout(path) => Written::Layout(image(path)),
                Form::OciArchive(path) => Written::OciArchive(image(path)),
                Form::DockerArchive(path) => Written::DockerArchive(image(path)),
                Form::Load(command) => Written::Load(Loaded {
                    command: command.clone(),
                    digest,
                    names,
                }),
            }
        };
        delivery.cargos.iter().map(one).collect()
    }
}

/// Writes files first, runs commands then. What was written is in `written` in any case.
pub(crate) fn write(
    deliveries: &[Delivery],
    registries: &Registries,
    written: &mut Vec<Written>,
) -> Result<()> {
    let (loads, files): (Vec<&Delivery>, Vec<&Delivery>) = deliveries
        .iter()
        .partition(|delivery| matches!(delivery.form, Form::Load(_)));
    for delivery in files.into_iter().chain(loads) {
        deliver(delivery, registries)?;
        written.extend(Written::all(delivery));
    }
    Ok(())
}

fn deliver(delivery: &Delivery, registries: &Registries) -> Result<()> {
    let mut contents = Contents::default();
    let mut blobs: Vec<&Blob> = Vec::new();
    for (cargo, named) in &delivery.cargos {
        for document in &cargo.documents {
            let bytes = document.bytes.clone();
            contents.add(&document.descriptor, Place::Bytes(bytes))?;
        }
        for blob in &cargo.blobs {
            let place = match blob.origins.first() {
                Some(Origin::File(path)) => Place::File(path.clone()),
                _ => {
                    blobs.push(blob);
                    Place::Absent(Vec::new())
                }
            };
            let mut descriptor = oci::Descriptor::new(blob.media_type.clone(), blob.digest, 0);
            descriptor.size = blob.size;
            contents.add(&descriptor, place)?;
        }
        for descriptor in named {
            contents.list(descriptor.clone());
        }
    }
    let supply = Streams { blobs, registries };
    let archive = |path, form| -> Result<()> {
        let out = layout::archive(&contents, form, path, Verify::Digest, &supply)?;
        Ok(out.commit()?)
    };
    match &delivery.form {
        Form::Layout(path) => {
            let (transfer, verify) = (Transfer::Copy, Verify::Digest);
            let out = layout::directory_with(&contents, path, transfer, verify, &supply)?;
            out.commit()?;
        }
        Form::OciArchive(path) => archive(path, layout::Form::Oci)?,
        Form::DockerArchive(path) => archive(path, layout::Form::Docker)?,
        Form::Load(command) => load(command, &contents, &supply)?,
    }
    Ok(())
}

/// Starts a command, and gives it an archive to read. What it says is for the user.
fn load(command: &[String], contents: &Contents, supply: &Streams<'_>) -> Result<()> {
    let failed = |reason: String| Error::Load {
        command: command.join(" ").as_str().into(),
        reason,
    };
    let (program, arguments) = command
        .split_first()
        .expect("an empty command was refused when the request was read");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("it can't be run: {error}")))?;
    let mut input = child.stdin.take();
    let sent = match &mut input {
        Some(input) => layout::docker_stream(contents, Verify::Digest, supply, input),
        None => Ok(()),
    };
    if let Err(error) = &sent
        && !matches!(error, layout::Error::Stream { .. })
    {
        // Half an archive must not be taken for an image.
        let _ = child.kill();
    }
    drop(input);
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    match sent {
        // Whoever stops reading has a reason of its own.
        Err(layout::Error::Stream { .. }) if !status.success() => Err(failed(status.to_string())),
        Err(error) => Err(error.into()),
        Ok(()) if status.success() => Ok(()),
        Ok(()) => Err(failed(status.to_string())),
    }
}
