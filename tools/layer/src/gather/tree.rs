//! Trees: what a walk over a directory finds becomes items.
//!
//! Invariant: a directory that is there only for what it might hold goes away if it holds nothing.

use super::{Gather, subject};
use crate::attributes::Resolved;
use crate::error::{Error, Result};
use crate::item::{Content, Node, check_path, disk_path, join};
use crate::request::{Link, Tree, TreeSymlinks};
use crate::select::{Known, Needed, Pick, Select};
use files::{Found, FoundKind, Links, Visitor, Walk};
use oci::RawPath;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

impl Gather {
    pub(super) fn tree(&mut self, index: u32, tree: &Tree, defaults: &Resolved) -> Result<()> {
        let label = self.labels[index as usize].clone();
        let above = tree.path.as_bytes();
        if !above.is_empty() {
            check_path(above).map_err(|rule| self.path(index, &tree.path, rule))?;
        }
        let defaults = defaults
            .refined(&tree.defaults)
            .map_err(|what| self.attribute(index, &tree.path, what))?;
        let mut visitor = TreeVisitor {
            select: Select::new(&label, &tree.select, &tree.overrides)?,
            pick: Pick::Yes,
            all: tree.select.include.is_empty(),
            needed: Needed::default(),
            conditional: Vec::new(),
            link: tree.link.as_deref(),
            without: &tree.without,
            above,
            index,
            defaults: &defaults,
            gather: self,
        };
        let links = match tree.symlinks {
            TreeSymlinks::Keep => Links::Keep,
            TreeSymlinks::Follow => Links::Follow,
        };
        let first = visitor.gather.items.len();
        Walk {
            root: disk_path(&tree.source),
            links,
        }
        .run(&mut visitor)
        .map_err(|error| match error {
            WalkError::Ours(error) => error,
            WalkError::Disk(source) => Error::Tree {
                source_path: tree.source.clone(),
                entry: label.clone(),
                source,
            },
        })?;
        visitor.root(tree)?;
        let TreeVisitor {
            select,
            needed,
            conditional,
            ..
        } = visitor;
        select.finish()?;
        // Directories that were there only for what they might hold.
        let mut conditional = conditional.into_iter().peekable();
        let mut at = first;
        let kept = self.items.split_off(first).into_iter().filter(|item| {
            let conditional = conditional.next_if_eq(&at).is_some();
            at += 1;
            !conditional || needed.has(below(&item.path, above))
        });
        self.items.extend(kept.collect::<Vec<_>>());
        Ok(())
    }
}

/// Turns what a walk finds into items.
struct TreeVisitor<'a> {
    select: Select<'a>,
    /// What the last path that was asked for is.
    pick: Pick,
    /// Whether all is taken that is not excluded.
    all: bool,
    needed: Needed,
    /// Indices of items that are wanted only if something below them is.
    conditional: Vec<usize>,
    link: Option<&'a Link>,
    without: &'a [RawPath],
    above: &'a [u8],
    index: u32,
    defaults: &'a Resolved,
    gather: &'a mut Gather,
}

/// What can end a walk: the disk, or what was found on it.
enum WalkError {
    Disk(files::Error),
    Ours(Error),
}

impl From<files::Error> for WalkError {
    fn from(error: files::Error) -> Self {
        Self::Disk(error)
    }
}

impl From<Error> for WalkError {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl TreeVisitor<'_> {
    /// An item for the root of the tree, which a walk does not show.
    fn root(&mut self, tree: &Tree) -> Result<()> {
        let path = tree.path.as_bytes();
        if path.is_empty() {
            return Ok(());
        }
        let own = self
            .select
            .refine_root(self.defaults.own())
            .map_err(|what| self.gather.attribute(self.index, &tree.path, what))?;
        self.gather
            .push(self.index, path, Node::Directory, own, self.defaults);
        Ok(())
    }
}

impl Visitor for TreeVisitor<'_> {
    type Error = WalkError;

    fn wants(&mut self, relative: &[u8]) -> bool {
        if self.without.iter().any(|path| path.as_bytes() == relative) {
            return false;
        }
        self.pick = self.select.pick(relative, Known::ParentsTaken);
        self.pick != Pick::No
    }

    fn found(&mut self, found: Found<'_>) -> std::result::Result<(), WalkError> {
        let directory = found.kind == FoundKind::Directory;
        match self.pick {
            Pick::Yes if !self.all => self.needed.note(found.relative),
            Pick::Yes => {}
            Pick::ForChildren if directory => self.conditional.push(self.gather.items.len()),
            Pick::ForChildren | Pick::No => return Ok(()),
        }
        let path = join(self.above, found.relative);
        let raw = || RawPath::new(path.clone());
        check_path(&path).map_err(|rule| self.gather.path(self.index, &raw(), rule))?;
        let node = match found.kind {
            FoundKind::Directory => Node::Directory,
            kind => match linked(self.link, found.relative) {
                Linked::To(there) => match kind {
                    // Several packages have it, as `sbin` of `bin`, and it leads to the same here.
                    FoundKind::Symlink(target)
                        if is_folder_beside(&found.path, found.relative, &target) =>
                    {
                        Node::Symlink(target.into())
                    }
                    _ => Node::Symlink(there.into()),
                },
                Linked::Not => match kind {
                    FoundKind::Symlink(target) => Node::Symlink(target.into()),
                    _ => Node::File(Content::Path(found.path)),
                },
                // What the link leads to, where that is a file: a link would lead out of the image's
                // own files.
                Linked::Copied => match kind {
                    FoundKind::Symlink(target) if files::open(&found.path).is_err() => {
                        Node::Symlink(target.into())
                    }
                    _ => Node::File(Content::Path(found.path)),
                },
            },
        };
        let own = self
            .select
            .refine(found.relative, subject(&node), self.defaults.own())
            .map_err(|what| self.gather.attribute(self.index, &raw(), what))?;
        self.gather
            .push(self.index, &path, node, own, self.defaults);
        Ok(())
    }
}

/// What becomes of a file of a tree that may be linked to.
enum Linked {
    To(Vec<u8>),
    Copied,
    Not,
}

fn linked(link: Option<&Link>, relative: &[u8]) -> Linked {
    let Some(link) = link else { return Linked::Not };
    let is_below = |folder: &RawPath| {
        let rest = relative.strip_prefix(folder.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b"/"))
    };
    if link.copy.iter().any(is_below) {
        return Linked::Copied;
    }
    Linked::To(join(link.to.as_bytes(), relative))
}

/// Whether a link in a tree leads, by names alone, to a folder of the same tree.
fn is_folder_beside(path: &Path, relative: &[u8], target: &[u8]) -> bool {
    let mut depth = relative.iter().filter(|byte| **byte == b'/').count();
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" => return false,
            b"." => {}
            b".." if depth == 0 => return false,
            b".." => depth -= 1,
            _ => depth += 1,
        }
    }
    let there = path.with_file_name(OsStr::from_bytes(target));
    matches!(files::kind(&there), Ok(FoundKind::Directory))
}

/// The part of a path below the root of a tree.
fn below<'a>(path: &'a [u8], above: &[u8]) -> &'a [u8] {
    if above.is_empty() {
        path
    } else {
        path.get(above.len() + 1..).unwrap_or_default()
    }
}
