//! The plan: everything that is known of the image, read and checked against its receipt.
//!
//! Invariant: each layer that something is said of is a layer of the image.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use inspect::listing::Line;
use oci::json::{self, Limits};
use oci::receipt::{BaseOfImage, ImageReceipt, LayerReceipt, Node};
use oci::{Algorithm, Digest, Hasher};
use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::request::{Make, Package, Request};

/// The most bytes of a listing.
const LISTING: u64 = 4 << 30;

/// One layer of the image.
pub(crate) struct Layer {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) size: u64,
    /// The user's own name; none for what a base brought along.
    pub(crate) origin: Option<String>,
    /// What its request says that it is made of.
    pub(crate) origins: BTreeSet<String>,
    /// Its files.
    pub(crate) files: Vec<Line>,
}

/// A store path of Nix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StorePath {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) hash: String,
}

/// A step as it went.
pub(crate) struct Step {
    pub(crate) tool: String,
    pub(crate) output: String,
    pub(crate) receipt_name: Option<String>,
    pub(crate) listing_name: Option<String>,
    pub(crate) request: Value,
    pub(crate) receipt: Value,
}

/// All that is known.
pub(crate) struct Plan {
    pub(crate) root: Node,
    pub(crate) name: String,
    pub(crate) time: String,
    pub(crate) layers: Vec<Layer>,
    pub(crate) bases: Vec<BaseOfImage>,
    /// Store paths, with the layers that hold them.
    pub(crate) store: BTreeMap<StorePath, Vec<Digest>>,
    pub(crate) packages: Vec<Package>,
    pub(crate) steps: Vec<Step>,
    pub(crate) tools: Vec<(String, Digest)>,
}

/// Reads what the request names.
///
/// # Errors
/// A file that is not what it has to be; a layer that is not the image's.
pub(crate) fn plan(request: &Request) -> Result<Plan> {
    if request.make.is_empty() {
        return Err(Error::NothingToMake);
    }
    for make in &request.make {
        if matches!(make, Make::Signature) && request.sign.is_none() {
            return Err(Error::NobodySigns);
        }
        let what = match make {
            Make::Provenance(_) => "provenance",
            Make::Sealed => "sealed",
            _ => continue,
        };
        if request.steps.is_empty() {
            return Err(Error::NoSteps { what });
        }
    }
    let receipt = read(&request.image, ImageReceipt::read)?;
    let time = request
        .time
        .clone()
        .unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned());
    if !is_time(&time) {
        return Err(Error::Time { time: time.into() });
    }
    let (mut layers, mut bases) = (Vec::new(), Vec::new());
    walk(&receipt.root, &mut layers, &mut bases);
    for given in &request.layers {
        let found = read(&given.receipt, LayerReceipt::read)?;
        let Some(layer) = layers.iter_mut().find(|layer| layer.digest == found.digest) else {
            return Err(Error::NotALayer {
                path: given.receipt.clone(),
                digest: found.digest,
            });
        };
        layer.origin = Some(found.origin.clone());
        if let Some(path) = &given.listing {
            layer.files = listing(path)?;
        }
        layer.origins.extend(given.origins.iter().cloned());
        if let Some(path) = &given.request {
            origins(&value(path)?, &mut layer.origins);
        }
    }
    for package in &request.packages {
        if let Some(sha256) = &package.sha256 {
            hex(sha256, 64, "a SHA-256")?;
        }
    }
    let steps = request.steps.iter().map(|step| {
        Ok(Step {
            tool: step.tool.clone(),
            output: step.output.clone(),
            receipt_name: step.receipt_name.clone(),
            listing_name: step.listing_name.clone(),
            request: value(&step.request)?,
            receipt: value(&step.receipt)?,
        })
    });
    let tools = request.tools.iter().map(|tool| {
        let digest = match (&tool.path, &tool.digest) {
            (Some(path), _) => {
                let mut hasher = Hasher::new(Algorithm::Sha256);
                files::read_pieces(path, |piece| hasher.update(piece))?;
                hasher.finish()
            }
            (None, Some(digest)) => *digest,
            (None, None) => {
                let name = tool.name.as_str().into();
                return Err(Error::Tool { name });
            }
        };
        Ok((tool.name.clone(), digest))
    });
    Ok(Plan {
        name: request
            .name
            .clone()
            .unwrap_or_else(|| receipt.origin.clone()),
        time,
        store: store(&layers),
        bases,
        packages: request.packages.clone(),
        steps: steps.collect::<Result<_>>()?,
        tools: tools.collect::<Result<_>>()?,
        layers,
        root: receipt.root,
    })
}

fn read<T>(path: &Path, parse: impl Fn(&[u8]) -> std::result::Result<T, oci::Error>) -> Result<T> {
    let bytes = files::read_at_most(path, Limits::OURS.size)?;
    parse(&bytes).map_err(|error| Error::Document {
        path: path.to_owned(),
        reason: error.to_string().into(),
    })
}

fn value(path: &Path) -> Result<Value> {
    read(path, |bytes| json::read(bytes, Limits::OURS, "document"))
}

fn listing(path: &Path) -> Result<Vec<Line>> {
    let bytes = files::read_at_most(path, LISTING)?;
    let lines = bytes
        .split(|b| *b == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.is_empty());
    lines
        .map(|(at, line)| {
            serde_json::from_slice(line).map_err(|error| Error::Document {
                path: path.to_owned(),
                reason: format!("line {} is no listing's: {error}", at + 1).into(),
            })
        })
        .collect()
}

/// The layers of all images below, each once, and what the images were built on.
fn walk(node: &Node, layers: &mut Vec<Layer>, bases: &mut Vec<BaseOfImage>) {
    match node {
        Node::Index(index) => index
            .manifests
            .iter()
            .for_each(|node| walk(node, layers, bases)),
        Node::Image(image) => {
            if let Some(base) = image.base.as_ref().filter(|base| !bases.contains(base)) {
                bases.push(base.clone());
            }
            for layer in &image.layers {
                if layers.iter().all(|known| known.digest != layer.digest) {
                    layers.push(Layer {
                        digest: layer.digest,
                        media_type: layer.media_type.to_string(),
                        size: layer.size,
                        origin: layer.origin.clone(),
                        origins: BTreeSet::new(),
                        files: Vec::new(),
                    });
                }
            }
        }
        Node::Other(_) => {}
    }
}

/// All values of `origin` in a request, but the request's own.
fn origins(request: &Value, out: &mut BTreeSet<String>) {
    fn below(value: &Value, out: &mut BTreeSet<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| below(item, out)),
            Value::Object(map) => {
                if let Some(Value::String(origin)) = map.get("origin") {
                    out.insert(origin.clone());
                }
                map.values().for_each(|value| below(value, out));
            }
            _ => {}
        }
    }
    if let Some(entries) = request.get("entries") {
        below(entries, out);
    }
}

/// The store paths that the listings show.
fn store(layers: &[Layer]) -> BTreeMap<StorePath, Vec<Digest>> {
    let mut found: BTreeMap<StorePath, Vec<Digest>> = BTreeMap::new();
    for layer in layers {
        for line in &layer.files {
            let path = String::from_utf8_lossy(line.path.as_bytes()).into_owned();
            let Some(name) = path
                .strip_prefix("nix/store/")
                .and_then(|rest| rest.split('/').next())
            else {
                continue;
            };
            if let Some(store_path) = store_path(name) {
                let layers = found.entry(store_path).or_default();
                if !layers.contains(&layer.digest) {
                    layers.push(layer.digest);
                }
            }
        }
    }
    found
}

/// `HASH-NAME[-VERSION]`: the version begins at the first dash before a digit, as Nix's own
/// `parseDrvName` has it.
fn store_path(text: &str) -> Option<StorePath> {
    let (hash, rest) = text.split_once('-')?;
    let is_hash = hash.len() == 32
        && hash
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !is_hash || rest.is_empty() {
        return None;
    }
    let bytes = rest.as_bytes();
    let dash = (1..bytes.len().saturating_sub(1))
        .find(|at| bytes[*at] == b'-' && !bytes[at + 1].is_ascii_alphabetic());
    let (name, version) = match dash {
        Some(at) => (&rest[..at], Some(rest[at + 1..].to_owned())),
        None => (rest, None),
    };
    Some(StorePath {
        name: name.to_owned(),
        version,
        hash: hash.to_owned(),
    })
}

/// Lower-case hexadecimal of a length.
///
/// # Errors
/// It is not.
pub(crate) fn hex(text: &str, length: usize, wanted: &'static str) -> Result<()> {
    let is = text.len() == length
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match is {
        true => Ok(()),
        false => Err(Error::Hex {
            text: text.into(),
            wanted,
        }),
    }
}

/// To the second and in UTC, as SPDX wants it, and a time that there is.
fn is_time(text: &str) -> bool {
    let form = text.len() == 20
        && text
            .bytes()
            .zip("0000-00-00T00:00:00Z".bytes())
            .all(|(found, form)| match form {
                b'0' => found.is_ascii_digit(),
                form => found == form,
            });
    let part = |at: usize, length: usize| text[at..at + length].parse::<u32>().unwrap_or(u32::MAX);
    form && {
        let (year, month, day) = (part(0, 4), part(5, 2), part(8, 2));
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        (1..=days).contains(&day) && part(11, 2) < 24 && part(14, 2) < 60 && part(17, 2) < 60
    }
}

/// The plan as `--plan` prints it.
#[derive(Serialize)]
pub(crate) struct Shown {
    subject: String,
    layers: Vec<String>,
    bases: Vec<String>,
    store_paths: usize,
    files: usize,
    steps: usize,
}

impl Shown {
    pub(crate) fn new(plan: &Plan) -> Self {
        Shown {
            subject: plan.root.digest().to_string(),
            layers: plan
                .layers
                .iter()
                .map(|layer| layer.digest.to_string())
                .collect(),
            bases: plan
                .bases
                .iter()
                .map(|base| base.digest.to_string())
                .collect(),
            store_paths: plan.store.len(),
            files: plan.layers.iter().map(|layer| layer.files.len()).sum(),
            steps: plan.steps.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_paths() {
        let hash = "0123456789abcdfghijklmnpqrsvwxyz";
        let parse = |name: &str| {
            store_path(&format!("{hash}-{name}")).map(|path| (path.name, path.version))
        };
        assert_eq!(
            parse("bash-5.2-p15"),
            Some(("bash".into(), Some("5.2-p15".into())))
        );
        assert_eq!(
            parse("python3-minimal"),
            Some(("python3-minimal".into(), None))
        );
        assert_eq!(parse("a-b-1.0"), Some(("a-b".into(), Some("1.0".into()))));
        assert_eq!(store_path("short-x"), None);
        assert_eq!(store_path(hash), None);
    }

    #[test]
    fn times_and_origins() {
        assert!(is_time("2026-01-02T03:04:05Z"));
        assert!(!is_time("2026-01-02T03:04:05.0Z") && !is_time("2026-01-02 03:04:05Z"));
        assert!(is_time("2024-02-29T23:59:59Z") && !is_time("2026-02-29T00:00:00Z"));
        assert!(!is_time("2026-13-01T00:00:00Z") && !is_time("2026-01-00T00:00:00Z"));
        assert!(!is_time("2026-01-01T24:00:00Z") && !is_time("2026-01-01T00:60:00Z"));
        let request = serde_json::json!({"origin": "//own", "entries": [{"file": {"origin": "//a:b"}}, {"tree": {"origin": "/nix/store/x"}}]});
        let mut found = BTreeSet::new();
        origins(&request, &mut found);
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["//a:b", "/nix/store/x"]
        );
    }
}
