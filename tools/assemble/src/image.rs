//! Planning an image: base, layers and config to the documents of an image.

use std::collections::BTreeMap;
use std::path::Path;

use layout::Contents;
use oci::media_type::{Compression, Kind, OCI_CONFIG};
use oci::platform::Selector;
use oci::receipt::{BaseOfImage, ImageNode, Node};
use oci::{Config, Descriptor, Digest, Manifest, MediaType, Platform, Reference};

use crate::base::Below;
use crate::checks;
use crate::config::{Problem, config, merge_fragment};
use crate::error::{Error, Result};
use crate::gather::{BaseInput, Inputs, LayerInput, Listing, Located};
use crate::graph::{Layer, layer_nodes};
use crate::history::history;
use crate::plan::Made;
use crate::request::{Change, Image, Severity};
use crate::tree::Tree;
use crate::words::Words;

/// The most layers that runtimes take (overlayfs mounts).
const LAYERS: usize = 127;

/// Annotations that tell what an image was built on (image specification, annotations.md).
const BASE_NAME: &str = "org.opencontainers.image.base.name";
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// Everything of one layer.
struct Stacked {
    origin: Option<String>,
    descriptor: Descriptor,
    diff_id: Digest,
    located: Located,
}

/// Plans an image.
///
/// # Errors
/// Whatever is wrong with the request, the base or the receipts.
pub(crate) fn plan(
    request: &Image,
    inputs: &Inputs,
    base: Option<&BaseInput>,
    layers: &[LayerInput],
) -> Result<Made> {
    let given = match &request.platform {
        None => None,
        Some(text) => Some(Platform::parse(text).map_err(|error| Error::Value {
            field: "make.image.platform".into(),
            error,
        })?),
    };
    let base = match (&request.base, base) {
        (Some(request), Some(input)) => Some(Below::new(request, input)?),
        _ => None,
    };
    if let Some(name) = request.base.as_ref().and_then(|base| base.name.as_deref()) {
        Reference::normalized(name).map_err(|error| Error::Value {
            field: "make.image.base.name".into(),
            error,
        })?;
    }
    let platform = platform(given, base.as_ref())?;
    let stack = stack(base.as_ref(), layers)?;

    let old = base.as_ref().map(|base| base.config.clone());
    let mut config = config(request, old, &platform, &inputs.stamps).map_err(|problem| {
        match (problem, &base) {
            (Problem::Request(error), _) => error,
            (Problem::Base(error), Some(base)) => base.broken(error),
            (Problem::Base(error), None) => Error::Unwritable {
                what: "config",
                error,
            },
        }
    })?;
    let diff_ids: Vec<Digest> = stack.iter().map(|layer| layer.diff_id).collect();
    config.set_diff_ids(&diff_ids);
    history(&mut config, request, base.as_ref(), layers);
    merge_fragment(&mut config, &request.fragment.0)?;

    let mut warnings = Vec::new();
    for layer in layers {
        let found = checks::machine(&layer.receipt, &platform);
        judge(request.checks.elf_machine, found, &mut warnings)?;
    }
    if let Some(tree) = tree(base.as_ref(), layers)? {
        let found =
            checks::command(&config, &platform, &tree).map_err(|error| Error::Unwritable {
                what: "config",
                error,
            })?;
        judge(request.checks.entrypoint, found, &mut warnings)?;
    }

    let mut contents = Contents::default();
    for layer in &stack {
        contents.add(&layer.descriptor, layer.located.place.clone())?;
    }
    let bytes = config.to_bytes().map_err(|error| Error::Unwritable {
        what: "config",
        error,
    })?;
    let config_document = bytes.clone();
    let config_descriptor = contents.add_document(MediaType::known(OCI_CONFIG), bytes);
    let descriptors = stack.iter().map(|layer| layer.descriptor.clone()).collect();
    let mut manifest = Manifest::new(config_descriptor.clone(), descriptors);
    manifest.artifact_type = request.artifact_type.clone();
    manifest.subject = inputs.subject.clone();
    manifest.annotations = annotations(request, base.as_ref(), &config, inputs)?;
    let bytes = manifest.to_bytes().map_err(|error| Error::Unwritable {
        what: "manifest",
        error,
    })?;
    let manifest_document = bytes.clone();
    let mut root = contents.add_document(manifest.media_type.clone(), bytes);

    let layers: Vec<Layer> = stack
        .iter()
        .map(|layer| Layer {
            origin: layer.origin.as_deref(),
            descriptor: &layer.descriptor,
            diff_id: Some(layer.diff_id),
            located: layer.located.clone(),
        })
        .collect();
    let node = Node::Image(ImageNode {
        media_type: root.media_type.clone(),
        digest: root.digest,
        size: root.size,
        platform: Some(platform.to_string()),
        config_media_type: config_descriptor.media_type,
        config_digest: config_descriptor.digest,
        config_size: config_descriptor.size,
        base: base.as_ref().map(|base| BaseOfImage {
            name: base.request.name.clone(),
            digest: base.input.image.descriptor.digest,
            layers: base.input.image.manifest.layers.len() as u64,
        }),
        layers: layer_nodes(&layers),
    });
    root.artifact_type = request.artifact_type.clone();
    root.platform = Some(platform);
    Ok(Made {
        root,
        node,
        contents,
        manifest: manifest_document,
        config: Some(config_document),
        warnings,
    })
}

/// What the image runs on.
fn platform(given: Option<Platform>, base: Option<&Below>) -> Result<Platform> {
    match (given, base) {
        (Some(given), None) => Ok(given),
        (None, None) => Err(Error::NoPlatform),
        (None, Some(base)) => Ok(base.platform.clone()),
        (Some(given), Some(base)) => {
            if !Selector::from(&given).matches(&base.platform) {
                return Err(Error::OtherPlatform {
                    found: base.platform.to_string().into(),
                    wanted: given.to_string().into(),
                    layout: base.request.layout.clone(),
                });
            }
            Ok(base.platform.clone())
        }
    }
}

/// The layers, the base's first, each with OCI's media type.
fn stack(base: Option<&Below>, layers: &[LayerInput]) -> Result<Vec<Stacked>> {
    let mut stack = Vec::new();
    let mut base_layers = 0;
    if let Some(base) = base {
        let manifest = &base.input.image.manifest;
        base_layers = manifest.layers.len();
        for (at, layer) in manifest.layers.iter().enumerate() {
            let mut descriptor = layer.clone();
            descriptor.media_type = layer.media_type.to_oci();
            stack.push(Stacked {
                origin: None,
                descriptor,
                diff_id: base.diff_ids[at],
                located: base.input.places[at].clone(),
            });
        }
    }
    for LayerInput { receipt, place, .. } in layers {
        let Some(Kind::Layer { .. }) = receipt.media_type.kind() else {
            return Err(Error::NotALayer {
                origin: receipt.origin.as_str().into(),
                media_type: receipt.media_type.as_str().into(),
            });
        };
        let media_type = receipt.media_type.to_oci();
        let mut descriptor = Descriptor::new(media_type, receipt.digest, receipt.size);
        descriptor.annotations = receipt.annotations.clone();
        stack.push(Stacked {
            origin: Some(receipt.origin.clone()),
            descriptor,
            diff_id: receipt.diff_id,
            located: place.clone(),
        });
    }
    if stack.len() > LAYERS {
        let count = stack.len();
        return Err(Error::TooManyLayers {
            count,
            base: base_layers,
            limit: LAYERS,
        });
    }
    agree(&stack)?;
    Ok(stack)
}

/// A blob has one diff_id, and one that is not compressed has its digest for it.
fn agree(stack: &[Stacked]) -> Result<()> {
    let whose = |at: usize| match &stack[at].origin {
        Some(origin) => format!("`{origin}`"),
        None => format!("layer {at} of the base"),
    };
    let mut known: BTreeMap<Digest, usize> = BTreeMap::new();
    for (at, layer) in stack.iter().enumerate() {
        let (digest, diff_id) = (layer.descriptor.digest, layer.diff_id);
        let plain = matches!(
            layer.descriptor.media_type.kind(),
            Some(Kind::Layer {
                compression: Compression::None,
                ..
            })
        );
        // A digest of another algorithm says nothing of the diff_id.
        if plain && digest.algorithm() == diff_id.algorithm() && digest != diff_id {
            let (digest, diff_id) = (Box::new(digest), Box::new(diff_id));
            return Err(Error::DiffIdValue {
                whose: whose(at),
                digest,
                diff_id,
            });
        }
        let first = *known.entry(digest).or_insert(at);
        if stack[first].diff_id != diff_id {
            return Err(Error::TwoDiffIds {
                digest: Box::new(digest),
                first: (whose(first), Box::new(stack[first].diff_id)),
                second: (whose(at), Box::new(diff_id)),
            });
        }
    }
    Ok(())
}

/// The files of the image, where the listings of all layers are known.
fn tree(base: Option<&Below>, layers: &[LayerInput]) -> Result<Option<Tree>> {
    let mut listings: Vec<&Listing> = Vec::new();
    if let Some(base) = base {
        let (count, wanted) = (base.input.listings.len(), base.diff_ids.len());
        if count > 0 && count != wanted {
            return Err(Error::ListingCount {
                layers: wanted,
                listings: count,
            });
        }
        if count < wanted {
            return Ok(None);
        }
        listings.extend(&base.input.listings);
    }
    for layer in layers {
        match &layer.listing {
            Some(listing) => listings.push(listing),
            None => return Ok(None),
        }
    }
    let mut tree = Tree::default();
    for (path, bytes) in listings {
        tree.add(bytes, Path::new(path))?;
    }
    Ok(Some(tree))
}

/// What a check has found, as severe as the request says.
fn judge(severity: Severity, found: Option<Error>, warnings: &mut Vec<Error>) -> Result<()> {
    match (severity, found) {
        (Severity::Error, Some(error)) => Err(error),
        (Severity::Warn, Some(error)) => {
            warnings.push(error);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The annotations of the manifest: what it was built on, then what the request says.
fn annotations(
    request: &Image,
    base: Option<&Below>,
    config: &Config,
    inputs: &Inputs,
) -> Result<BTreeMap<String, String>> {
    let mut annotations = BTreeMap::new();
    if let Some(base) = base {
        if let Change::Inherit | Change::Append(_) = request.annotations {
            annotations.extend(base.input.image.manifest.annotations.clone());
            annotations.remove(BASE_NAME);
        }
        if let Some(name) = &base.request.name {
            annotations.insert(BASE_NAME.into(), name.clone());
        }
        let digest = base.input.image.descriptor.digest;
        annotations.insert(BASE_DIGEST.into(), digest.to_string());
    }
    if let Some(given) = request.annotations.given() {
        let env = config.texts("Env").ok().flatten().unwrap_or_default();
        let words = Words {
            stamps: &inputs.stamps,
            env: &env,
        };
        annotations.extend(words.map(&given.0, "annotations")?);
    }
    Ok(annotations)
}
