//! Causes: names that never change, what they say of the content, and the field that mends them.

use std::collections::BTreeMap;
use std::fmt::Display;

use schemars::JsonSchema;
use serde::Serialize;

/// How many files of a layer are told one by one.
pub(crate) const TOLD: usize = 5;

/// The most characters of a place: paths are of any length.
const LONGEST: usize = 1000;

/// How many causes of a kind stand one beside the other.
const BESIDE: usize = 20;

macro_rules! kinds {
    ($($name:ident $id:literal $content:ident $field:literal)*) => {
        /// What makes two images differ.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Kind { $($name,)* }

        impl Kind {
            #[cfg(test)]
            pub(crate) const ALL: &'static [Kind] = &[$(Kind::$name,)*];

            /// Its name.
            pub(crate) fn id(self) -> &'static str {
                match self { $(Kind::$name => $id,)* }
            }

            /// Whether what a container sees is the same all the same.
            pub(crate) fn keeps_content(self) -> bool {
                match self { $(Kind::$name => kinds!(@ $content),)* }
            }

            /// The field of a request that mends it.
            pub(crate) fn field(self) -> &'static str {
                match self { $(Kind::$name => $field,)* }
            }
        }
    };
    (@ form) => { true };
    (@ content) => { false };
}

kinds! {
    LayoutTags "layout.tags" form "assemble: tags"
    IndexOrImage "index.kind" form "assemble: make"
    IndexMediaType "index.media_type" form "assemble: make.index"
    IndexArtifactType "index.artifact_type" form "assemble: make.index.artifact_type"
    IndexSubject "index.subject" form "assemble: make.index.subject"
    IndexAnnotations "index.annotations" form "assemble: make.index.annotations"
    IndexOrder "index.order" form "assemble: make.index.entries"
    IndexOther "index.other" form "assemble: make.index"
    Image "image" form ""
    Attestation "attestation" form ""
    AttestationAdded "attestation.added" form "assemble: make.index.entries"
    AttestationRemoved "attestation.removed" form "assemble: make.index.entries"
    PlatformAdded "platform.added" content "assemble: make.index.entries"
    PlatformRemoved "platform.removed" content "assemble: make.index.entries"
    DescriptorPlatform "descriptor.platform" content "assemble: make.index.entries[].platform"
    DescriptorAnnotations "descriptor.annotations" form "assemble: make.index.entries[].annotations"
    DescriptorOther "descriptor.other" form "assemble: make.index.entries"
    JsonForm "json.form" form "make it with the same release of the same tool"
    ManifestMediaType "manifest.media_type" form "assemble: make.image"
    ManifestArtifactType "manifest.artifact_type" form "assemble: make.image.artifact_type"
    ManifestSubject "manifest.subject" form "assemble: make.image.subject"
    ManifestAnnotations "manifest.annotations" form "assemble: make.image.annotations"
    ManifestOther "manifest.other" form "assemble: make.image"
    Config "config" form ""
    ConfigMediaType "config.media_type" form "assemble: make.image"
    ConfigDiffIds "config.diff_ids" form "make it with `assemble`, which takes diff_ids from receipts"
    ConfigPlatform "config.platform" content "assemble: make.image.platform"
    ConfigCreated "config.created" form "assemble: make.image.created"
    ConfigAuthor "config.author" form "assemble: make.image.author"
    ConfigEntrypoint "config.entrypoint" content "assemble: make.image.config.entrypoint"
    ConfigCmd "config.cmd" content "assemble: make.image.config.cmd"
    ConfigEnv "config.env" content "assemble: make.image.config.env"
    ConfigUser "config.user" content "assemble: make.image.config.user"
    ConfigWorkingDir "config.working_dir" content "assemble: make.image.config.working_dir"
    ConfigLabels "config.labels" content "assemble: make.image.config.labels"
    ConfigExposedPorts "config.exposed_ports" content "assemble: make.image.config.exposed_ports"
    ConfigVolumes "config.volumes" content "assemble: make.image.config.volumes"
    ConfigStopSignal "config.stop_signal" content "assemble: make.image.config.stop_signal"
    ConfigShell "config.shell" content "assemble: make.image.config.shell"
    ConfigHealthcheck "config.healthcheck" content "assemble: make.image.config.healthcheck"
    ConfigOther "config.other" content "assemble: make.image.fragment"
    History "history" form ""
    HistoryCount "history.count" form "assemble: make.image.history; layer: history"
    HistoryCreated "history.created" form "assemble: make.image.created"
    HistoryCreatedBy "history.created_by" form "layer: history.created_by"
    HistoryComment "history.comment" form "layer: history.comment"
    HistoryAuthor "history.author" form "layer: history.author"
    HistoryEmptyLayer "history.empty_layer" form "assemble: make.image.history"
    HistoryOther "history.other" form "assemble: make.image.history"
    LayersAdded "layers.added" form "assemble: make.image.layers"
    LayersRemoved "layers.removed" form "assemble: make.image.layers"
    LayersOrder "layers.order" form "assemble: make.image.layers"
    Layer "layer" form ""
    LayerMediaType "layer.media_type" form "layer: codec"
    LayerAnnotations "layer.annotations" form "layer: annotations"
    LayerOther "layer.other" form "assemble: make.image.layers"
    LayerUnread "layer.unread" content "give the layer, or listings of both sides"
    CompressorAlgorithm "compressor.algorithm" form "layer: codec"
    CompressorHeader "compressor.header" form "layer: codec"
    CompressorLevel "compressor.level" form "layer: codec.level"
    CompressorFlush "compressor.flush" form "layer: codec"
    TarOrder "tar.order" form "make it with `layer`, which has one order"
    TarAdded "tar.added" content "layer: entries"
    TarRemoved "tar.removed" content "layer: entries"
    TarType "tar.type" content "layer: entries"
    TarMode "tar.mode" content "layer: defaults.file_mode, defaults.directory_mode, attributes.mode"
    TarOwner "tar.owner" content "layer: defaults.uid, defaults.gid, attributes.uid, attributes.gid"
    TarOwnerName "tar.owner_name" form "layer: defaults.uname, defaults.gname"
    TarTime "tar.time" form "layer: defaults.mtime, attributes.mtime"
    TarLink "tar.link" content "layer: entries[].symlink.target, entries[].hardlink.target"
    TarDevice "tar.device" content "layer: entries[].character_device, entries[].block_device"
    TarXattrs "tar.xattrs" content "layer: attributes.xattrs, attributes.capabilities"
    TarPaxKeys "tar.pax_keys" form "make it with `layer`, which writes pax only where ustar is too small"
    TarPathForm "tar.path_form" form "make it with `layer`, which writes paths in one form"
    TarFormat "tar.format" form "make it with `layer`, which writes ustar and pax"
    TarHeader "tar.header" form "make it with `layer`"
    TarPadding "tar.padding" form "make it with `layer`, which ends a tar with two blocks of zeros"
    ContentText "content.text" content "layer: entries"
    ContentBytes "content.bytes" content "layer: entries"
}

/// One cause, with those below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Cause {
    /// Its name.
    pub(crate) cause: &'static str,
    /// Where: a platform, a layer, a path, a field.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) at: String,
    /// What the first side has.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) first: String,
    /// What the second side has.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) second: String,
    /// How many bytes are concerned: of a value its JSON, of a header its blocks, of a file its content.
    pub(crate) bytes: u64,
    /// How many entries or values are concerned; the first of them is told.
    pub(crate) count: u64,
    /// The field of a request that mends it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) mend: &'static str,
    /// The lines of a small text that differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) lines: Vec<String>,
    /// What it is made of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) causes: Vec<Cause>,
    #[serde(skip)]
    #[schemars(skip)]
    keeps: bool,
}

impl Cause {
    /// A cause of this kind.
    pub(crate) fn new(kind: Kind, at: impl Display) -> Self {
        Cause {
            cause: kind.id(),
            at: place(&at.to_string()),
            first: String::new(),
            second: String::new(),
            bytes: 0,
            count: 1,
            mend: kind.field(),
            lines: Vec::new(),
            causes: Vec::new(),
            keeps: kind.keeps_content(),
        }
    }

    /// With what the two sides have.
    pub(crate) fn between(mut self, first: impl Display, second: impl Display) -> Self {
        let shown = |text: String| oci::error::Shown::new(text).to_string();
        let (first, second) = (first.to_string(), second.to_string());
        if self.bytes == 0 {
            self.bytes = first.len().max(second.len()) as u64;
        }
        self.first = shown(first);
        self.second = shown(second);
        self
    }

    /// With so many bytes.
    pub(crate) fn of(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// Made of these; their bytes add up.
    pub(crate) fn because(mut self, causes: Vec<Cause>) -> Self {
        self.bytes = causes.iter().map(|cause| cause.bytes).sum();
        self.causes = bounded(causes);
        self
    }

    /// Whether the content is the same in spite of it. Of layers the files tell, taken together; no container sees
    /// what an attestation says.
    pub(crate) fn keeps_content(&self) -> bool {
        let below = || self.causes.iter().all(Cause::keeps_content);
        let apart = [Kind::Layer.id(), Kind::Attestation.id()].contains(&self.cause);
        apart || self.keeps && below()
    }

    /// Lines for people, indented by what they are below.
    pub(crate) fn render(&self, depth: usize, out: &mut String) {
        use std::fmt::Write;
        let indent = "  ".repeat(depth);
        let _ = write!(out, "{indent}{}", self.cause);
        if !self.at.is_empty() {
            let _ = write!(out, " {}", self.at);
        }
        if !self.first.is_empty() || !self.second.is_empty() {
            let _ = write!(out, ": {} → {}", self.first, self.second);
        }
        if self.count > 1 {
            let _ = write!(out, ", and {} more", self.count - 1);
        }
        let seen = match self.causes.is_empty() && !self.keeps {
            true => ", seen in a container",
            false => "",
        };
        let _ = writeln!(out, " ({} bytes{seen})", self.bytes);
        for line in &self.lines {
            let _ = writeln!(out, "{indent}    {line}");
        }
        for cause in &self.causes {
            cause.render(depth + 1, out);
        }
        if self.causes.is_empty() && !self.mend.is_empty() {
            let _ = writeln!(out, "{indent}  mend: {}", self.mend);
        }
    }

    /// The innermost causes, each in a line with the way to it.
    pub(crate) fn leaves(&self, above: &str, out: &mut Vec<String>) {
        let here = match self.at.is_empty() {
            true => self.cause.to_owned(),
            false => format!("{} {}", self.cause, self.at),
        };
        let here = match above.is_empty() {
            true => here,
            false => format!("{above} › {here}"),
        };
        if self.causes.is_empty() {
            let more = match self.count {
                1 => String::new(),
                count => format!(", and {} more", count - 1),
            };
            let between = match self.first.is_empty() && self.second.is_empty() {
                true => String::new(),
                false => format!(": {} → {}", self.first, self.second),
            };
            let mend = match self.mend.is_empty() {
                true => String::new(),
                false => format!("; mend: {}", self.mend),
            };
            out.push(format!("{here}{between}{more}{mend}"));
        }
        for cause in &self.causes {
            cause.leaves(&here, out);
        }
    }
}

/// A place as it is shown: names come from the image, and a terminal does what they say.
fn place(text: &str) -> String {
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == LONGEST {
            out.push('…');
            break;
        }
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

/// At most [`BESIDE`] causes of each kind: the last of them stands for the rest, and counts them.
pub(crate) fn bounded(causes: Vec<Cause>) -> Vec<Cause> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut kept: Vec<Cause> = Vec::new();
    for cause in causes {
        let (count, last) = counts.entry(cause.cause).or_default();
        *count += 1;
        if *count <= BESIDE {
            *last = kept.len();
            kept.push(cause);
            continue;
        }
        let last = &mut kept[*last];
        last.keeps &= cause.keeps_content();
        last.count += cause.count;
        last.bytes += cause.bytes;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many there are, few are told, all are counted, and none changes the verdict for being folded.
    #[test]
    fn bounded_and_counted() {
        let env = |at: usize| Cause::new(Kind::ConfigEnv, at).of(2);
        let mut causes: Vec<Cause> = (0..50_000).map(env).collect();
        causes.push(Cause::new(Kind::ConfigUser, ""));
        let causes = bounded(causes);
        assert_eq!(causes.len(), BESIDE + 1);
        let last = &causes[BESIDE - 1];
        assert_eq!((last.count, last.bytes), (50_000 - 19, 2 * (50_000 - 19)));
        assert_eq!(causes[BESIDE].cause, "config.user");
        let image = |inside| Cause::new(Kind::Image, "").because(vec![Cause::new(inside, "")]);
        let mut images: Vec<Cause> = (0..BESIDE).map(|_| image(Kind::ConfigCreated)).collect();
        assert!(bounded(images.clone()).iter().all(Cause::keeps_content));
        images.push(image(Kind::ConfigEnv));
        assert!(!bounded(images).iter().all(Cause::keeps_content));
    }

    /// Each name is one, and what mends it names real fields.
    #[test]
    #[allow(
        clippy::disallowed_methods,
        reason = "the schemas are beside the sources"
    )]
    fn names_and_fields() {
        let mut ids: Vec<_> = Kind::ALL.iter().map(|kind| kind.id()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            for part in kind.field().split("; ") {
                let Some((tool, fields)) = part.split_once(": ") else {
                    continue;
                };
                let path = format!(
                    "{}/../../docs/schemas/{tool}.schema.json",
                    env!("CARGO_MANIFEST_DIR")
                );
                let schema = std::fs::read_to_string(path).unwrap();
                let words = fields
                    .split([',', '.', ' '])
                    .map(|word| word.trim_end_matches("[]"));
                for word in words.filter(|word| !word.is_empty() && *word != "attributes") {
                    assert!(
                        schema.contains(&format!("\"{word}\"")),
                        "{}: `{word}`",
                        kind.id()
                    );
                }
            }
        }
    }

    /// docs/requests/verify.md lists every cause.
    #[test]
    #[allow(
        clippy::disallowed_methods,
        reason = "the document is beside the sources"
    )]
    fn the_document_lists_each() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/requests/verify.md");
        let text = std::fs::read_to_string(path).unwrap();
        for kind in Kind::ALL {
            assert!(text.contains(&format!("`{}`", kind.id())), "{}", kind.id());
        }
    }
}
