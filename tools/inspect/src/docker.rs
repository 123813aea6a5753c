//! `manifest.json` of archives for `docker load` (moby, image/spec/v1.2.md, "Combined Image JSON +
//! Filesystem Changeset Format").
//!
//! In old archives it is all there is: a manifest is made of what it names, so that such an archive is
//! checked like any other image. In newer ones it stands beside `index.json`, and must say the same.

use std::io::Read;

use oci::json::{self, Limits};
use oci::media_type::{Compression, DOCKER_CONFIG, DOCKER_LAYER_GZIP, DOCKER_MANIFEST};
use oci::{Algorithm, Descriptor, Digest, Manifest, MediaType, Reference};
use serde_json::Value;

use crate::archive::Archive;
use crate::store::{Trouble, rule_of};
use crate::unpack::{Tee, sniff};
use crate::{Finding, Place, Rule};

const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
const DOCKER_LAYER_ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";

/// One image of `manifest.json`.
struct Item {
    config: String,
    layers: Vec<String>,
    names: Vec<String>,
}

fn items(bytes: &[u8]) -> Result<Vec<Item>, Trouble> {
    let value = json::read(bytes, Limits::MANIFEST, "manifest.json")
        .map_err(|error| Trouble::wrong(rule_of(&error), format!("`manifest.json`: {error}")))?;
    let bad = |what: &str| Trouble::wrong(Rule::DockerArchive, format!("`manifest.json`: {what}"));
    let list = value.as_array().ok_or_else(|| bad("it is not a list"))?;
    let texts = |item: &Value, field: &str| match item.get(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => list
            .iter()
            .map(|text| text.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| bad(&format!("`{field}` is not a list of strings"))),
        Some(_) => Err(bad(&format!("`{field}` is not a list of strings"))),
    };
    list.iter()
        .map(|item| {
            let config = item.get("Config").and_then(Value::as_str);
            Ok(Item {
                config: config.ok_or_else(|| bad("`Config` is missing"))?.to_owned(),
                layers: texts(item, "Layers")?,
                names: texts(item, "RepoTags")?,
            })
        })
        .collect()
}

/// What `manifest.json` says beside an index that is the truth.
pub(crate) fn compare(archive: &Archive, bytes: &[u8]) -> Vec<Finding> {
    let whole = |rule, message: String| Finding::new(rule, Place::Whole, message);
    let items = match items(bytes) {
        Ok(items) => items,
        Err(trouble) => return trouble.finding(Place::Whole).into_iter().collect(),
    };
    let mut findings = Vec::new();
    for item in &items {
        for name in std::iter::once(&item.config).chain(&item.layers) {
            if archive.find(name).is_err() {
                let name = oci::error::Shown::new(name);
                let message =
                    format!("`manifest.json` names `{name}`, which the archive does not have");
                findings.push(whole(Rule::DockerArchive, message));
            }
        }
        findings.extend(
            names(item)
                .into_iter()
                .map(|message| whole(Rule::DockerArchive, message)),
        );
    }
    findings
}

/// Names that Docker cannot give.
fn names(item: &Item) -> Vec<String> {
    let is_name = |name: &str| Reference::normalized(name).is_ok_and(|name| name.tag.is_some());
    let bad = item.names.iter().filter(|name| !is_name(name));
    bad.map(|name| {
        format!(
            "`{}` in `RepoTags` is not a name with a tag",
            oci::error::Shown::new(name)
        )
    })
    .collect()
}

/// Makes manifests of what `manifest.json` names.
pub(crate) fn open(archive: &mut Archive, bytes: &[u8]) -> Result<(), Trouble> {
    for item in items(bytes)? {
        for message in names(&item) {
            archive.note(Rule::DockerArchive, message);
        }
        let config = describe(archive, &item.config, Some(DOCKER_CONFIG))?;
        // Its name is its digest, and the image's ID; crane and kaniko write the algorithm before it.
        let stem = item.config.rsplit('/').next().unwrap_or_default();
        let stem = stem.strip_suffix(".json").unwrap_or(stem);
        if stem != config.digest.hex() && stem != config.digest.to_string() {
            let name = oci::error::Shown::new(&item.config);
            let message = format!("the config `{name}` has the digest {}", config.digest);
            archive.note(Rule::Digest, message);
        }
        let layers = item
            .layers
            .iter()
            .map(|name| describe(archive, name, None))
            .collect::<Result<Vec<_>, _>>()?;
        let manifest = Manifest {
            media_type: MediaType::known(DOCKER_MANIFEST),
            ..Manifest::new(config, layers)
        };
        let bytes = manifest
            .to_bytes()
            .map_err(|error| Trouble::wrong(Rule::DockerArchive, error.to_string()))?;
        let mut root = Descriptor::of(manifest.media_type.clone(), &bytes);
        if let Some(name) = item.names.first() {
            root.annotations
                .insert(layout::IMAGE_NAME.into(), name.clone());
        }
        archive.add_made(root.digest, bytes);
        archive.add_root(root);
    }
    Ok(())
}

/// Hashes a file of the archive, and says what it is.
fn describe(
    archive: &mut Archive,
    name: &str,
    media_type: Option<&'static str>,
) -> Result<Descriptor, Trouble> {
    let mut tee = Tee::new(archive.open_at(name)?, Algorithm::Sha256);
    let environment = |error: std::io::Error| Trouble::Environment {
        message: format!("cannot read the archive: {error}"),
        hint: None,
    };
    std::io::copy(&mut tee.by_ref(), &mut std::io::sink()).map_err(environment)?;
    let media_type = media_type.unwrap_or(match sniff(tee.first()) {
        Compression::None => DOCKER_LAYER,
        Compression::Gzip => DOCKER_LAYER_GZIP,
        Compression::Zstd => DOCKER_LAYER_ZSTD,
    });
    let size = tee.length();
    let digest: Digest = tee.finish();
    archive.add_named(digest, name);
    Ok(Descriptor::new(MediaType::known(media_type), digest, size))
}
