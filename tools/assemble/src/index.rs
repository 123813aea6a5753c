//! Planning an index: images, and indexes of them, to one index.

use std::collections::BTreeMap;

use layout::Contents;
use oci::index::is_attestation;
use oci::receipt::{IndexNode, Node};
use oci::{Descriptor, Index, Platform};

use crate::error::{Error, Result};
use crate::gather::Inputs;
use crate::graph::Copied;
use crate::plan::Made;
use crate::request::{IndexOf, Nested};
use crate::words::Words;

/// Plans an index.
///
/// # Errors
/// Two images for one platform; nothing to list.
pub(crate) fn plan(request: &IndexOf, inputs: &Inputs, entries: &[Copied]) -> Result<Made> {
    if entries.is_empty() {
        return Err(Error::NoEntries);
    }
    let words = Words {
        stamps: &inputs.stamps,
        env: &[],
    };
    let mut contents = Contents::default();
    let (mut manifests, mut nodes) = (Vec::new(), Vec::new());
    let mut taken: BTreeMap<Platform, String> = BTreeMap::new();
    for (at, (entry, copied)) in request.entries.iter().zip(entries).enumerate() {
        let mut listed = listed(copied, entry.nested);
        for descriptor in &mut listed {
            let field = format!("make.index.entries[{at}].annotations");
            descriptor
                .annotations
                .extend(words.map(&entry.annotations.0, &field)?);
            if let Some(platform) = &descriptor.platform
                && !is_attestation(descriptor)
            {
                let whose = format!("{} ({})", entry.layout.display(), descriptor.digest);
                if let Some(first) = taken.insert(platform.normalized(), whose.clone()) {
                    let platform = platform.to_string().into();
                    return Err(Error::DuplicatePlatform {
                        platform,
                        first,
                        second: whose,
                    });
                }
            }
        }
        match (&copied.node, entry.nested) {
            (Node::Index(index), Nested::Flatten) => nodes.extend(index.manifests.clone()),
            (node, _) => nodes.push(node.clone()),
        }
        for (digest, blob) in copied.contents.blobs() {
            // The entry's own index is not needed where its manifests stand in its place.
            if *digest == copied.descriptor.digest
                && entry.nested == Nested::Flatten
                && copied.index.is_some()
            {
                continue;
            }
            let descriptor = Descriptor::new(blob.media_type.clone(), *digest, blob.size);
            contents.add(&descriptor, blob.place.clone())?;
        }
        manifests.append(&mut listed);
    }
    let mut index = Index::new(manifests);
    index.artifact_type = request.artifact_type.clone();
    index.subject = inputs.subject.clone();
    index.annotations = words.map(&request.annotations.0, "make.index.annotations")?;
    let annotations = index.annotations.clone();
    let bytes = index.to_bytes().map_err(|error| Error::Unwritable {
        what: "index",
        error,
    })?;
    let manifest = bytes.clone();
    let mut root = contents.add_document(index.media_type.clone(), bytes);
    root.artifact_type = request.artifact_type.clone();
    let node = Node::Index(IndexNode {
        media_type: root.media_type.clone(),
        digest: root.digest,
        size: root.size,
        annotations,
        manifests: nodes,
    });
    Ok(Made {
        root,
        node,
        contents,
        manifest,
        config: None,
        warnings: Vec::new(),
    })
}

/// The descriptors by which an entry is listed.
fn listed(copied: &Copied, nested: Nested) -> Vec<Descriptor> {
    if let (Some(index), Nested::Flatten) = (&copied.index, nested) {
        return index.manifests.clone();
    }
    let from = &copied.descriptor;
    let mut descriptor = Descriptor::new(from.media_type.clone(), from.digest, from.size);
    descriptor.platform = copied.platform.clone();
    descriptor.artifact_type = copied.artifact_type.clone();
    vec![descriptor]
}
