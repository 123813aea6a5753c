//! From the entries of a request to items: trees are walked and archives indexed; no content is
//! read but the archives'.
//!
//! This is where the disk is asked; what it says is names, kinds and link targets. All that follows
//! is pure.

mod store;
mod tree;

use crate::archive::{self, Archive};
use crate::attributes::{Own, Resolved};
use crate::error::{Error, PathRule, Result};
use crate::item::{Content, Item, ModeRule, Node, check_path, disk_path, join, parent};
use crate::request::{self, Attributes, Entry, Parents, Request};
use crate::select::{Needed, Pick, Select, Subject};
use files::FoundKind;
use oci::RawPath;
use std::collections::BTreeMap;
use std::path::Path;
use ustar::{Metadata, OCTAL_7};

/// All that goes in, in the order of the request.
pub(crate) struct Gathered {
    pub(crate) items: Vec<Item>,
    pub(crate) metadata: Vec<Metadata>,
    pub(crate) archives: Vec<Archive>,
    /// What errors call each entry of the request.
    pub(crate) labels: Vec<String>,
    /// How directories that no entry makes are to be; none if they are not to be made.
    pub(crate) parent: Option<(ModeRule, u32)>,
}

/// Gathers the entries of a request. `output` is where scratch files may be made beside.
///
/// # Errors
/// Those of the request's entries and of the files that they name.
pub(crate) fn gather(request: &Request, output: &Path) -> Result<Gathered> {
    let origin = |what| Error::Attribute {
        path: RawPath::from("defaults"),
        entry: request.origin.clone(),
        what,
    };
    let defaults = Resolved::new(&request.defaults).map_err(origin)?;
    let mut gather = Gather {
        items: Vec::with_capacity(request.entries.len()),
        metadata: BTreeMap::new(),
        archives: Vec::new(),
        labels: request
            .entries
            .iter()
            .enumerate()
            .map(|(i, entry)| label(entry, i))
            .collect(),
    };
    for (index, entry) in request.entries.iter().enumerate() {
        let index =
            u32::try_from(index).expect("four thousand million entries do not fit in memory");
        gather.entry(index, entry, &defaults, request, output)?;
    }
    let parent = match &request.parents {
        Parents::Omit => None,
        Parents::Create(attributes) => {
            let own = defaults
                .own()
                .refined(attributes)
                .map_err(|what| Error::Attribute {
                    path: RawPath::from("parents"),
                    entry: request.origin.clone(),
                    what,
                })?;
            let mode = own.mode.map_or(defaults.directory_mode(), ModeRule::Given);
            Some((mode, gather.intern(own.metadata)))
        }
    };
    let mut metadata: Vec<_> = gather.metadata.into_iter().collect();
    metadata.sort_by_key(|(_, index)| *index);
    Ok(Gathered {
        items: gather.items,
        metadata: metadata.into_iter().map(|(metadata, _)| metadata).collect(),
        archives: gather.archives,
        labels: gather.labels,
        parent,
    })
}

/// What errors call an entry: the user's own name for it and its file, or its place.
fn label(entry: &Entry, index: usize) -> String {
    let (origin, source) = match entry {
        Entry::File(file) => (&file.origin, file.source.as_ref()),
        Entry::Tree(tree) => (&tree.origin, Some(&tree.source)),
        Entry::StorePath(path) => (&path.origin, Some(&path.source)),
        Entry::Tar(tar) => (&tar.origin, Some(&tar.source)),
        Entry::Directory(directory) | Entry::Fifo(directory) => (&directory.origin, None),
        Entry::Symlink(link) => (&link.origin, None),
        Entry::Hardlink(link) => (&link.origin, None),
        Entry::CharacterDevice(device) | Entry::BlockDevice(device) => (&device.origin, None),
        Entry::Whiteout(whiteout) | Entry::OpaqueWhiteout(whiteout) => (&whiteout.origin, None),
    };
    match (origin, source) {
        (Some(origin), Some(source)) => format!("{origin} ({source})"),
        (Some(origin), None) => origin.to_string(),
        (None, Some(source)) => source.to_string(),
        (None, None) => format!("entries[{index}]"),
    }
}

struct Gather {
    items: Vec<Item>,
    metadata: BTreeMap<Metadata, u32>,
    archives: Vec<Archive>,
    labels: Vec<String>,
}

impl Gather {
    fn entry(
        &mut self,
        index: u32,
        entry: &Entry,
        defaults: &Resolved,
        request: &Request,
        output: &Path,
    ) -> Result<()> {
        let (path, node, attributes) = match entry {
            Entry::File(file) => {
                if let Some(target) = link_itself(file) {
                    let mut own =
                        self.refined(index, &file.path, defaults.own(), &file.attributes)?;
                    // A link has no mode.
                    own.mode = None;
                    return self.single(index, &file.path, Node::Symlink(target), own, defaults);
                }
                let content = self.content(index, file)?;
                (&file.path, Node::File(content), &file.attributes)
            }
            Entry::Directory(directory) => {
                (&directory.path, Node::Directory, &directory.attributes)
            }
            Entry::Fifo(fifo) => (&fifo.path, Node::Fifo, &fifo.attributes),
            Entry::Symlink(link) => {
                let target = link.target.as_bytes();
                if target.is_empty() || target.contains(&0) {
                    return Err(self.attribute(
                        index,
                        &link.path,
                        "a target that is empty or has a NUL byte",
                    ));
                }
                (&link.path, Node::Symlink(target.into()), &link.attributes)
            }
            Entry::CharacterDevice(device) | Entry::BlockDevice(device) => {
                let (major, minor) = (device.major, device.minor);
                if u64::from(major.max(minor)) > OCTAL_7 {
                    return Err(self.attribute(
                        index,
                        &device.path,
                        "a device number over 2097151, more than tar can hold",
                    ));
                }
                let node = match entry {
                    Entry::CharacterDevice(_) => Node::CharacterDevice(major, minor),
                    _ => Node::BlockDevice(major, minor),
                };
                (&device.path, node, &device.attributes)
            }
            Entry::Hardlink(link) => {
                check_path(link.target.as_bytes())
                    .map_err(|rule| self.path(index, &link.target, rule))?;
                let node = Node::HardlinkPath(link.target.as_bytes().into());
                return self.single(index, &link.path, node, defaults.own(), defaults);
            }
            Entry::Whiteout(whiteout) => {
                return self.whiteout(index, &whiteout.path, None, defaults);
            }
            Entry::OpaqueWhiteout(whiteout) => {
                return self.whiteout(index, &whiteout.path, Some(b".wh..wh..opq"), defaults);
            }
            Entry::Tree(tree) => return self.tree(index, tree, defaults),
            Entry::StorePath(path) => return self.store_path(index, path, defaults),
            Entry::Tar(tar) => return self.tar(index, tar, defaults, request, output),
        };
        let own = self.refined(index, path, defaults.own(), attributes)?;
        self.single(index, path, node, own, defaults)
    }

    /// An item for an entry that makes one.
    fn single(
        &mut self,
        index: u32,
        path: &RawPath,
        node: Node,
        own: Own,
        defaults: &Resolved,
    ) -> Result<()> {
        check_path(path.as_bytes()).map_err(|rule| self.path(index, path, rule))?;
        self.push(index, path.as_bytes(), node, own, defaults);
        Ok(())
    }

    fn push(&mut self, entry: u32, path: &[u8], node: Node, own: Own, defaults: &Resolved) {
        let mode = own
            .mode
            .map_or_else(|| default_mode(&node, defaults), ModeRule::Given);
        let metadata = self.intern(own.metadata);
        self.items.push(Item {
            path: path.into(),
            node,
            mode,
            metadata,
            entry,
        });
    }

    fn intern(&mut self, metadata: Metadata) -> u32 {
        if let Some(index) = self.metadata.get(&metadata) {
            return *index;
        }
        let index =
            u32::try_from(self.metadata.len()).expect("each takes more than one byte of memory");
        self.metadata.insert(metadata, index);
        index
    }

    fn content(&self, index: u32, file: &request::File) -> Result<Content> {
        let entry = || self.labels[index as usize].clone();
        let path = || file.path.clone();
        match (&file.source, &file.text, &file.base64) {
            (Some(source), None, None) => Ok(Content::Path(disk_path(source).to_owned())),
            (None, Some(text), None) => Ok(Content::Inline(text.as_bytes().into())),
            (None, None, Some(base64)) => data_encoding::BASE64
                .decode(base64.as_bytes())
                .map(|bytes| Content::Inline(bytes.into()))
                .map_err(|source| Error::Base64 {
                    path: path(),
                    entry: entry(),
                    source,
                }),
            (source, text, base64) => {
                let given = [source.is_some(), text.is_some(), base64.is_some()];
                let count = given.into_iter().filter(|given| *given).count();
                Err(Error::Content {
                    path: path(),
                    entry: entry(),
                    count,
                })
            }
        }
    }

    fn whiteout(
        &mut self,
        index: u32,
        path: &RawPath,
        marker: Option<&[u8]>,
        defaults: &Resolved,
    ) -> Result<()> {
        let hidden = path.as_bytes();
        let at = match marker {
            // The root itself can be made opaque.
            Some(marker) if hidden.is_empty() => marker.to_vec(),
            Some(marker) => {
                check_path(hidden).map_err(|rule| self.path(index, path, rule))?;
                join(hidden, marker)
            }
            None => {
                check_path(hidden).map_err(|rule| self.path(index, path, rule))?;
                marker_of(hidden)
            }
        };
        self.push(index, &at, Node::Marker, defaults.own(), defaults);
        Ok(())
    }

    fn tar(
        &mut self,
        index: u32,
        tar: &request::Tar,
        defaults: &Resolved,
        request: &Request,
        output: &Path,
    ) -> Result<()> {
        let label = self.labels[index as usize].clone();
        let above = tar.path.as_bytes();
        if !above.is_empty() {
            check_path(above).map_err(|rule| self.path(index, &tar.path, rule))?;
        }
        let defaults = defaults
            .refined(&tar.defaults)
            .map_err(|what| self.attribute(index, &tar.path, what))?;
        let archive = u32::try_from(self.archives.len()).expect("as many as entries at most");
        let mut select = Select::new(&label, &tar.select, &tar.overrides)?;
        let (opened, members) =
            archive::index(tar, &label, archive, request.limits, &mut select, output)?;
        self.archives.push(opened);
        let mut needed = Needed::default();
        for (_, member) in members.iter().filter(|(pick, _)| *pick == Pick::Yes) {
            needed.note(&member.path);
        }
        for (pick, member) in members {
            let wanted = match pick {
                Pick::Yes => true,
                Pick::No => false,
                Pick::ForChildren => member.node == Node::Directory && needed.has(&member.path),
            };
            if wanted {
                let own = member.own(&defaults, tar.keep);
                let own = select
                    .refine(&member.path, subject(&member.node), own)
                    .map_err(|what| self.attribute(index, &RawPath::new(&*member.path), what))?;
                let node = match member.node {
                    Node::HardlinkPath(target) => Node::HardlinkPath(join(above, &target).into()),
                    node => node,
                };
                self.push(index, &join(above, &member.path), node, own, &defaults);
            }
        }
        select.finish()
    }

    fn refined(
        &self,
        index: u32,
        path: &RawPath,
        own: Own,
        attributes: &Attributes,
    ) -> Result<Own> {
        own.refined(attributes)
            .map_err(|what| self.attribute(index, path, what))
    }

    fn attribute(&self, index: u32, path: &RawPath, what: impl Into<String>) -> Error {
        let entry = self.labels[index as usize].clone();
        Error::Attribute {
            path: path.clone(),
            entry,
            what: what.into(),
        }
    }

    fn path(&self, index: u32, path: &RawPath, rule: PathRule) -> Error {
        Error::Path {
            path: path.clone(),
            entry: self.labels[index as usize].clone(),
            rule,
        }
    }
}

/// The target of a file's source, where that is a link for its own sake. What is not there, or cannot be, is told
/// when it is opened.
fn link_itself(file: &request::File) -> Option<Box<[u8]>> {
    let (Some(source), Some(from)) = (&file.source, &file.placed_from) else {
        return None;
    };
    let Ok(FoundKind::Symlink(target)) = files::kind(disk_path(source)) else {
        return None;
    };
    let rest = target.strip_suffix(from.as_bytes());
    let placed = target.starts_with(b"/") && rest.is_some_and(|rest| rest.ends_with(b"/"));
    (!placed).then(|| target.into())
}

/// The mode of what is given none: of a file by the defaults, of others by their kind.
fn default_mode(node: &Node, defaults: &Resolved) -> ModeRule {
    match node {
        Node::File(_) => defaults.file_mode(),
        Node::Directory => defaults.directory_mode(),
        Node::Symlink(_) => ModeRule::Given(0o777),
        // A hard link takes the mode of what it leads to.
        Node::HardlinkPath(_)
        | Node::Hardlink(_)
        | Node::CharacterDevice(..)
        | Node::BlockDevice(..)
        | Node::Fifo
        | Node::Marker => ModeRule::Given(0o644),
    }
}

/// What overrides see in it.
fn subject(node: &Node) -> Subject {
    match node {
        Node::File(_) => Subject::File,
        Node::Directory => Subject::Directory,
        Node::Symlink(_) => Subject::Symlink,
        Node::HardlinkPath(_) | Node::Hardlink(_) | Node::Marker => Subject::None,
        Node::CharacterDevice(..) | Node::BlockDevice(..) | Node::Fifo => Subject::Special,
    }
}

/// The name of the marker that hides a path: `.wh.` before its last part.
pub(crate) fn marker_of(hidden: &[u8]) -> Vec<u8> {
    let cut = parent(hidden).map_or(0, |parent| parent.len() + 1);
    [&hidden[..cut], b".wh.", &hidden[cut..]].concat()
}
