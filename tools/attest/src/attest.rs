//! The verb: documents, each in an artifact manifest that refers to the image, all in one layout.
//!
//! Everything in them comes from the plan, so that equal requests make equal bytes.

mod cyclonedx;
mod provenance;
mod sealed;
mod signer;
mod spdx;

use std::collections::BTreeMap;
use std::path::PathBuf;

use action::Outputs;
use layout::{Contents, Transfer, Verify};
use oci::index::REF_NAME;
use oci::media_type::OCI_EMPTY;
use oci::receipt::Node;
use oci::{Descriptor, Digest, Manifest, MediaType, json};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::request::{Make, Request};
use signer::Signer;

/// The media types of the documents.
const SPDX: &str = "application/spdx+json";
const CYCLONEDX: &str = "application/vnd.cyclonedx+json";
const IN_TOTO: &str = signing::IN_TOTO;
/// Requests and receipts.
const SEALED: &str = "application/vnd.rules-container.sealed.v1+json";

/// Who makes the documents.
const TOOL: &str = concat!("rules_container-", env!("CARGO_PKG_VERSION"));

/// Documents as files, besides those in the layout.
#[derive(clap::Args)]
pub(crate) struct Files {
    /// Where the bill of materials in SPDX goes
    #[arg(long, value_name = "FILE")]
    spdx: Option<PathBuf>,

    /// Where the bill of materials in `CycloneDX` goes
    #[arg(long, value_name = "FILE")]
    cyclonedx: Option<PathBuf>,

    /// Where the provenance goes
    #[arg(long, value_name = "FILE")]
    provenance: Option<PathBuf>,
}

impl Files {
    /// The files that are wanted, begun; by the document's name.
    fn create(&self) -> Result<Vec<(&'static str, files::OutFile)>> {
        let given = [
            ("spdx", &self.spdx),
            ("cyclonedx", &self.cyclonedx),
            ("provenance", &self.provenance),
        ];
        let wanted = given
            .into_iter()
            .filter_map(|(what, path)| path.as_ref().map(|path| (what, path)));
        wanted
            .map(|(what, path)| Ok((what, files::OutFile::create(path)?)))
            .collect()
    }
}

/// What the request calls a document.
fn name(make: &Make) -> &'static str {
    match make {
        Make::Spdx => "spdx",
        Make::Cyclonedx => "cyclonedx",
        Make::Provenance(_) => "provenance",
        Make::Sealed => "sealed",
        Make::Signature => "signature",
    }
}

/// Writes the layout, and documents as files.
///
/// # Errors
/// An output that exists; a document that says what cannot be said, or that is wanted as a file and not made.
pub(crate) fn write(
    plan: &Plan,
    request: &Request,
    outputs: &Outputs,
    files: &Files,
) -> Result<()> {
    let mut as_files = files.create()?;
    let made_by = |what| request.make.iter().any(|make| name(make) == what);
    if let Some((what, _)) = as_files.iter().find(|(what, _)| !made_by(*what)) {
        return Err(Error::NotMade { what });
    }
    let signer = match &request.sign {
        Some(sign) => Some(Signer::open(sign, &request.origin)?),
        None => None,
    };
    let mut documents = Vec::new();
    let root = described(&plan.root);
    for make in &request.make {
        let document = match make {
            Make::Spdx => Document::plain(&root, SPDX, &spdx::document(plan))?,
            Make::Cyclonedx => Document::plain(&root, CYCLONEDX, &cyclonedx::document(plan))?,
            Make::Provenance(provenance) => {
                let statement = provenance::statement(plan, provenance)?;
                match &signer {
                    None => Document::plain(&root, IN_TOTO, &statement)?,
                    Some(signer) => Document::envelope(&root, &statement, signer)?,
                }
            }
            Make::Sealed => Document::plain(&root, SEALED, &sealed::document(plan))?,
            Make::Signature => {
                let signer = signer.as_ref().ok_or(Error::NobodySigns)?;
                let mut subjects = vec![root.clone()];
                if request.recursive {
                    below(&plan.root, &mut subjects);
                }
                for subject in &subjects {
                    documents.push(Document::signature(plan, subject, signer)?);
                }
                continue;
            }
        };
        for (_, file) in as_files.iter_mut().filter(|(what, _)| *what == name(make)) {
            file.put(&document.bytes)?;
        }
        documents.push(document);
    }
    let mut contents = Contents::default();
    let mut made = Vec::new();
    for document in documents {
        let (media_type, subject) = (document.media_type, document.subject.digest);
        let listed = attach(&mut contents, document)?;
        let mut one = json!({"media_type": media_type, "digest": listed.digest.to_string(), "size": listed.size});
        if let Some(tag) = listed.annotations.get(REF_NAME) {
            one["tag"] = tag.as_str().into();
        }
        if subject != root.digest {
            one["subject"] = subject.to_string().into();
        }
        made.push(one);
        contents.list(listed);
    }
    let directory = layout::directory(&contents, &outputs.out, Transfer::Copy, Verify::Digest)?;
    let mut files: Vec<_> = as_files.into_iter().map(|(_, file)| file).collect();
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

/// An image or index, for those that refer to it.
fn described(node: &Node) -> Descriptor {
    Descriptor::new(node.media_type().clone(), node.digest(), node.size())
}

/// What an index lists, and what that lists, each once.
fn below(node: &Node, found: &mut Vec<Descriptor>) {
    let Node::Index(index) = node else {
        return;
    };
    for child in &index.manifests {
        if found.iter().all(|known| known.digest != child.digest()) {
            found.push(described(child));
            below(child, found);
        }
    }
}

/// A document on its way into a manifest.
struct Document {
    /// What it refers to.
    subject: Descriptor,
    artifact_type: &'static str,
    media_type: &'static str,
    bytes: Vec<u8>,
    /// Annotations of the layer that holds it.
    annotations: BTreeMap<String, String>,
    /// The tag by which it is found where there is no list of referrers.
    tag: Option<String>,
}

impl Document {
    fn plain(subject: &Descriptor, media_type: &'static str, document: &Value) -> Result<Self> {
        Ok(Document {
            subject: subject.clone(),
            artifact_type: media_type,
            media_type,
            bytes: canonical(document, "document")?,
            annotations: BTreeMap::new(),
            tag: None,
        })
    }

    /// A statement, signed.
    fn envelope(subject: &Descriptor, statement: &Value, signer: &Signer<'_>) -> Result<Self> {
        let payload = canonical(statement, "statement")?;
        let message = signing::pae(signing::IN_TOTO, &payload);
        let envelope = signing::Envelope {
            payload_type: signing::IN_TOTO.to_owned(),
            payload,
            signatures: vec![signer.sign(subject, signing::IN_TOTO, &message)?],
        };
        let what = "envelope";
        let predicate = statement.get("predicateType").and_then(Value::as_str);
        let predicate = predicate.unwrap_or_default().to_owned();
        Ok(Document {
            subject: subject.clone(),
            artifact_type: signing::DSSE,
            media_type: signing::DSSE,
            bytes: envelope
                .to_bytes()
                .map_err(|error| Error::Unwritable { what, error })?,
            // An empty signature: the envelope has its own.
            annotations: BTreeMap::from([
                (signing::PREDICATE_TYPE.to_owned(), predicate),
                (signing::SIGNATURE.to_owned(), String::new()),
            ]),
            tag: Some(signing::statement_tag(&subject.digest)),
        })
    }

    /// A payload that names the image or one that it lists, with its signature beside it.
    fn signature(plan: &Plan, subject: &Descriptor, signer: &Signer<'_>) -> Result<Self> {
        let payload = signing::Payload {
            digest: subject.digest,
            name: plan.name.clone(),
        };
        let what = "payload";
        let bytes = payload
            .to_bytes()
            .map_err(|error| Error::Unwritable { what, error })?;
        let signature = signer.sign(subject, signing::SIMPLE_SIGNING, &bytes)?;
        Ok(Document {
            subject: subject.clone(),
            artifact_type: signing::SIGNATURES,
            media_type: signing::SIMPLE_SIGNING,
            bytes,
            annotations: BTreeMap::from([(signing::SIGNATURE.to_owned(), signature)]),
            tag: Some(signing::signature_tag(&subject.digest)),
        })
    }
}

/// Puts a document into a manifest of its own.
fn attach(contents: &mut Contents, document: Document) -> Result<Descriptor> {
    let empty = contents.add_document(MediaType::known(OCI_EMPTY), b"{}".to_vec());
    let media_type = MediaType::known(document.media_type);
    let mut layer = contents.add_document(media_type, document.bytes);
    layer.annotations = document.annotations;
    let mut manifest = Manifest::new(empty, vec![layer]);
    manifest.artifact_type = Some(MediaType::known(document.artifact_type));
    manifest.subject = Some(document.subject);
    let bytes = manifest.to_bytes().map_err(|error| Error::Unwritable {
        what: "manifest",
        error,
    })?;
    let mut listed = contents.add_document(manifest.media_type.clone(), bytes);
    listed.artifact_type = manifest.artifact_type;
    let name = document.tag.map(|tag| (REF_NAME.to_owned(), tag));
    listed.annotations.extend(name);
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
