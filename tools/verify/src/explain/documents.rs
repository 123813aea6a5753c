//! Indexes, manifests, configs: field by field.

use std::collections::{BTreeMap, BTreeSet};

use oci::{Config, Descriptor, Index, Manifest};
use serde_json::{Map, Value};

use super::{Cause, Image, Kind};

/// What two values are, where they differ.
fn value(
    kind: Kind,
    at: &str,
    first: Option<&Value>,
    second: Option<&Value>,
    out: &mut Vec<Cause>,
) {
    if first != second {
        let text = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
        out.push(Cause::new(kind, at).between(text(first), text(second)));
    }
}

/// Two maps of text: one cause for each key.
fn maps(
    kind: Kind,
    first: &BTreeMap<String, String>,
    second: &BTreeMap<String, String>,
    out: &mut Vec<Cause>,
) {
    let keys: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    for key in keys {
        if first.get(key) != second.get(key) {
            let text = |map: &BTreeMap<String, String>| {
                map.get(key)
                    .map_or("nothing".to_owned(), |text| format!("\"{text}\""))
            };
            let at = oci::error::Shown::new(key);
            out.push(Cause::new(kind, format!("`{at}`")).between(text(first), text(second)));
        }
    }
}

fn option<T: ToString + PartialEq>(
    kind: Kind,
    first: Option<&T>,
    second: Option<&T>,
    out: &mut Vec<Cause>,
) {
    if first != second {
        let text = |value: Option<&T>| value.map_or("nothing".to_owned(), T::to_string);
        out.push(Cause::new(kind, "").between(text(first), text(second)));
    }
}

/// The same value in other bytes: white space, the order of keys, escapes, fields that are empty.
pub(super) fn form(what: &str, first: &[u8], second: &[u8]) -> Cause {
    let size = |bytes: &[u8]| format!("{} bytes", bytes.len());
    let largest = first.len().max(second.len()) as u64;
    Cause::new(Kind::JsonForm, format!("of the {what}"))
        .between(size(first), size(second))
        .of(largest)
}

/// Two indexes, apart from what they list.
pub(super) fn indexes(first: &Index, second: &Index) -> Vec<Cause> {
    let mut out = Vec::new();
    option(
        Kind::IndexMediaType,
        Some(&first.media_type),
        Some(&second.media_type),
        &mut out,
    );
    option(
        Kind::IndexArtifactType,
        first.artifact_type.as_ref(),
        second.artifact_type.as_ref(),
        &mut out,
    );
    subject(
        Kind::IndexSubject,
        first.subject.as_ref(),
        second.subject.as_ref(),
        &mut out,
    );
    maps(
        Kind::IndexAnnotations,
        &first.annotations,
        &second.annotations,
        &mut out,
    );
    others(Kind::IndexOther, &first.others, &second.others, &mut out);
    out
}

fn subject(
    kind: Kind,
    first: Option<&Descriptor>,
    second: Option<&Descriptor>,
    out: &mut Vec<Cause>,
) {
    let digest = |subject: Option<&Descriptor>| subject.map(|subject| subject.to_value());
    value(
        kind,
        "",
        digest(first).as_ref(),
        digest(second).as_ref(),
        out,
    );
}

fn others(
    kind: Kind,
    first: &Map<String, Value>,
    second: &Map<String, Value>,
    out: &mut Vec<Cause>,
) {
    let keys: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    for key in keys {
        let at = format!("`{}`", oci::error::Shown::new(key));
        value(kind, &at, first.get(key), second.get(key), out);
    }
}

/// What an index says of one image on both sides, apart from its digest.
pub(super) fn descriptors(first: &Descriptor, second: &Descriptor) -> Vec<Cause> {
    let mut out = Vec::new();
    if first.platform != second.platform {
        let text = |one: &Descriptor| {
            let platform = one.platform.as_ref();
            platform.map_or("nothing".to_owned(), |p| {
                Value::Object(p.to_object()).to_string()
            })
        };
        out.push(Cause::new(Kind::DescriptorPlatform, "").between(text(first), text(second)));
    }
    maps(
        Kind::DescriptorAnnotations,
        &first.annotations,
        &second.annotations,
        &mut out,
    );
    let rest = |one: &Descriptor| {
        let mut map = match one.to_value() {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        for key in ["digest", "size", "platform", "annotations", "mediaType"] {
            map.remove(key);
        }
        map
    };
    others(Kind::DescriptorOther, &rest(first), &rest(second), &mut out);
    out
}

/// Two manifests, apart from the config and the layers.
pub(super) fn manifests(first: &Manifest, second: &Manifest) -> Vec<Cause> {
    let mut out = Vec::new();
    option(
        Kind::ManifestMediaType,
        Some(&first.media_type),
        Some(&second.media_type),
        &mut out,
    );
    option(
        Kind::ManifestArtifactType,
        first.artifact_type.as_ref(),
        second.artifact_type.as_ref(),
        &mut out,
    );
    subject(
        Kind::ManifestSubject,
        first.subject.as_ref(),
        second.subject.as_ref(),
        &mut out,
    );
    maps(
        Kind::ManifestAnnotations,
        &first.annotations,
        &second.annotations,
        &mut out,
    );
    others(Kind::ManifestOther, &first.others, &second.others, &mut out);
    let (one, two) = (&first.config, &second.config);
    option(
        Kind::ConfigMediaType,
        Some(&one.media_type),
        Some(&two.media_type),
        &mut out,
    );
    let rest = |one: &Descriptor| {
        let mut plain = one.clone();
        (plain.digest, plain.size, plain.media_type) =
            (two.digest, two.size, two.media_type.clone());
        plain.to_value()
    };
    value(
        Kind::ManifestOther,
        "`config`",
        Some(&rest(one)),
        Some(&rest(two)),
        &mut out,
    );
    out
}

/// The keys of the inner `config`, and their causes.
const FIELDS: [(&str, Kind); 11] = [
    ("Cmd", Kind::ConfigCmd),
    ("Entrypoint", Kind::ConfigEntrypoint),
    ("Env", Kind::ConfigEnv),
    ("ExposedPorts", Kind::ConfigExposedPorts),
    ("Healthcheck", Kind::ConfigHealthcheck),
    ("Labels", Kind::ConfigLabels),
    ("Shell", Kind::ConfigShell),
    ("StopSignal", Kind::ConfigStopSignal),
    ("User", Kind::ConfigUser),
    ("Volumes", Kind::ConfigVolumes),
    ("WorkingDir", Kind::ConfigWorkingDir),
];

/// Two configs, apart from the diff_ids, which the layers tell.
pub(super) fn configs(first: &Image, second: &Image) -> Option<Cause> {
    let (Some(one), Some(two)) = (&first.config, &second.config) else {
        return Some(form("config", &first.config_bytes, &second.config_bytes));
    };
    let mut causes = Vec::new();
    let (a, b) = (one.document(), two.document());
    let mut platform = Vec::new();
    for key in ["architecture", "os", "variant", "os.version", "os.features"] {
        value(
            Kind::ConfigPlatform,
            &format!("`{key}`"),
            a.get(key),
            b.get(key),
            &mut platform,
        );
    }
    causes.extend(platform);
    value(
        Kind::ConfigCreated,
        "",
        a.get("created"),
        b.get("created"),
        &mut causes,
    );
    value(
        Kind::ConfigAuthor,
        "",
        a.get("author"),
        b.get("author"),
        &mut causes,
    );
    for (key, kind) in FIELDS {
        value(kind, "", one.field(key), two.field(key), &mut causes);
    }
    let inner = |config: &Config| {
        let inner = config.document().get("config").and_then(Value::as_object);
        let mut inner = inner.cloned().unwrap_or_default();
        for (key, _) in FIELDS {
            inner.remove(key);
        }
        inner.retain(|_, value| !value.is_null());
        inner
    };
    others(Kind::ConfigOther, &inner(one), &inner(two), &mut causes);
    let outer = |config: &Config| {
        let mut outer = config.document().clone();
        for key in [
            "architecture",
            "os",
            "variant",
            "os.version",
            "os.features",
            "created",
            "author",
            "config",
            "history",
        ] {
            outer.remove(key);
        }
        if let Some(Value::Object(rootfs)) = outer.get_mut("rootfs") {
            rootfs.remove("diff_ids");
        }
        outer
    };
    others(Kind::ConfigOther, &outer(one), &outer(two), &mut causes);
    causes.extend(history(one, two));
    let same_layers = one.diff_ids().ok() == two.diff_ids().ok();
    if causes.is_empty() && same_layers {
        causes.push(form("config", &first.config_bytes, &second.config_bytes));
    }
    (!causes.is_empty()).then(|| Cause::new(Kind::Config, "").because(causes))
}

fn history(one: &Config, two: &Config) -> Option<Cause> {
    let steps = |config: &Config| {
        let list = config.document().get("history").and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let (one, two) = (steps(one), steps(two));
    let mut causes = Vec::new();
    if one.len() != two.len() {
        let count = |steps: &[Value]| format!("{} steps", steps.len());
        causes.push(Cause::new(Kind::HistoryCount, "").between(count(&one), count(&two)));
    }
    for (at, (a, b)) in one.iter().zip(&two).enumerate() {
        let at = format!("step {}", at + 1);
        let empty = Map::new();
        let (a, b) = (
            a.as_object().unwrap_or(&empty),
            b.as_object().unwrap_or(&empty),
        );
        let known = [
            ("created", Kind::HistoryCreated),
            ("created_by", Kind::HistoryCreatedBy),
            ("comment", Kind::HistoryComment),
            ("author", Kind::HistoryAuthor),
            ("empty_layer", Kind::HistoryEmptyLayer),
        ];
        for (key, kind) in known {
            value(kind, &at, a.get(key), b.get(key), &mut causes);
        }
        let rest = |step: &Map<String, Value>| {
            let mut step = step.clone();
            for (key, _) in known {
                step.remove(key);
            }
            step
        };
        others(Kind::HistoryOther, &rest(a), &rest(b), &mut causes);
    }
    (!causes.is_empty()).then(|| Cause::new(Kind::History, "").because(causes))
}
