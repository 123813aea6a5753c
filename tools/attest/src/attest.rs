//! The verb: documents, each in an artifact manifest that refers to the image, all in one layout.
//!
//! Everything in them comes from the plan, so that equal requests make equal bytes.

mod cyclonedx;
mod provenance;
mod sealed;
mod spdx;

use action::Outputs;
use layout::{Contents, Transfer, Verify};
use oci::media_type::OCI_EMPTY;
use oci::{Descriptor, Digest, Manifest, MediaType, json};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::request::{Make, Request};

/// The media types of the documents.
const SPDX: &str = "application/spdx+json";
const CYCLONEDX: &str = "application/vnd.cyclonedx+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";
/// Requests and receipts.
const SEALED: &str = "application/vnd.rules-container.sealed.v1+json";

/// Who makes the documents.
const TOOL: &str = concat!("rules_container-", env!("CARGO_PKG_VERSION"));

/// Writes the layout.
///
/// # Errors
/// An output that exists; a document that says what cannot be said.
pub(crate) fn write(plan: &Plan, request: &Request, outputs: &Outputs) -> Result<()> {
    let mut contents = Contents::default();
    let mut made = Vec::new();
    for make in &request.make {
        let (media_type, document) = match make {
            Make::Spdx => (SPDX, spdx::document(plan)),
            Make::Cyclonedx => (CYCLONEDX, cyclonedx::document(plan)),
            Make::Provenance(provenance) => (IN_TOTO, provenance::statement(plan, provenance)?),
            Make::Sealed => (SEALED, sealed::document(plan)),
        };
        let listed = attach(&mut contents, plan, media_type, &document)?;
        made.push(json!({"media_type": media_type, "digest": listed.digest.to_string(), "size": listed.size}));
        contents.list(listed);
    }
    let directory = layout::directory(&contents, &outputs.out, Transfer::Copy, Verify::Digest)?;
    let mut files = Vec::new();
    if let Some(path) = &outputs.receipt {
        let receipt = json!({
            "kind": "attest_receipt", "version": 1, "origin": request.origin,
            "subject": plan.root.digest().to_string(), "documents": made,
        });
        let mut file = files::OutFile::create(path)?;
        file.put(&canonical(&receipt, "receipt")?)?;
        files.push(file);
    }
    Ok(files::commit_with(files, directory)?)
}

/// Puts a document into a manifest of its own.
fn attach(
    contents: &mut Contents,
    plan: &Plan,
    media_type: &'static str,
    document: &Value,
) -> Result<Descriptor> {
    let empty = contents.add_document(MediaType::known(OCI_EMPTY), b"{}".to_vec());
    let layer = contents.add_document(
        MediaType::known(media_type),
        canonical(document, "document")?,
    );
    let mut manifest = Manifest::new(empty, vec![layer]);
    manifest.artifact_type = Some(MediaType::known(media_type));
    manifest.subject = Some(Descriptor::new(
        plan.root.media_type().clone(),
        plan.root.digest(),
        plan.root.size(),
    ));
    let bytes = manifest.to_bytes().map_err(|error| Error::Unwritable {
        what: "manifest",
        error,
    })?;
    let mut listed = contents.add_document(manifest.media_type.clone(), bytes);
    listed.artifact_type = manifest.artifact_type;
    Ok(listed)
}

fn canonical(value: &Value, what: &'static str) -> Result<Vec<u8>> {
    json::canonical(value).map_err(|error| Error::Unwritable { what, error })
}

/// A UUID of the image and of what is said (RFC 9562, version 8: made of a hash).
fn uuid(plan: &Plan, what: &str) -> String {
    let text = format!(
        "{what}\n{}\n{}\n{}",
        plan.root.digest(),
        plan.name,
        plan.time
    );
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Digest::of(text.as_bytes()).bytes()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// The package URL of the image: `pkg:oci/NAME@DIGEST` (purl-spec, types/oci).
fn purl(plan: &Plan) -> String {
    let last = plan.name.rsplit(['/', ':']).next().unwrap_or_default();
    let name: String = escape(&last.to_ascii_lowercase());
    let digest = plan.root.digest().to_string().replace(':', "%3A");
    format!("pkg:oci/{name}@{digest}")
}

/// What may not stand in a package URL, escaped.
fn escape(text: &str) -> String {
    text.bytes()
        .map(
            |byte| match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            },
        )
        .collect()
}
