//! The plan: every entry of the layer in its order, each path once, parents before children.
//!
//! From gathered items to the plan all is pure, but that two files of other names that want one
//! path are compared. Invariants of a finished plan:
//! - items are sorted by [`Item::order`], no path comes twice;
//! - whatever lies above an item and is in the plan is a directory;
//! - a hard link leads to an item before it that is not a link: of a group, the first in order holds
//!   the content, whichever the request called the link.

use crate::error::{Error, Result};
use crate::gather::{self, Gathered};
use crate::item::{Item, ModeRule, Node, PARENT, parent};
use crate::request::{Duplicates, Hardlinks, Request};
use crate::{archive::Archive, same};
use oci::RawPath;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use ustar::Metadata;

/// What will be written.
pub(crate) struct Plan {
    pub(crate) items: Vec<Item>,
    pub(crate) metadata: Vec<Metadata>,
    pub(crate) archives: Vec<Archive>,
    labels: Vec<String>,
}

/// Makes the plan of a request. `output` is where scratch files may be made beside.
///
/// # Errors
/// [`Error::Level`], those of gathering, and those of [`Plan::new`].
pub(crate) fn plan(request: &Request, output: &Path) -> Result<Plan> {
    request.codec.check()?;
    let gathered = gather::gather(request, output)?;
    let mut plan = Plan::new(gathered, request.duplicates)?;
    if request.hardlinks == Hardlinks::ByContent {
        same::link_equal_files(&mut plan)?;
    }
    Ok(plan)
}

impl Plan {
    /// Orders what was gathered.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::BelowNonDirectory`], those that begin with `Link`, and
    /// [`Error::Input`] where files have to be compared.
    fn new(gathered: Gathered, duplicates: Duplicates) -> Result<Self> {
        let Gathered {
            items,
            metadata,
            archives,
            labels,
            parent,
        } = gathered;
        let mut plan = Self {
            items,
            metadata,
            archives,
            labels,
        };
        plan.merge(duplicates)?;
        plan.parents(parent)?;
        plan.hardlinks()?;
        Ok(plan)
    }

    /// What errors call the entry that an item comes from.
    pub(crate) fn label(&self, item: &Item) -> String {
        match self.labels.get(item.entry as usize) {
            Some(label) => label.clone(),
            None => "made as a parent".to_owned(),
        }
    }

    /// Sorts, and leaves one item for each path.
    fn merge(&mut self, duplicates: Duplicates) -> Result<()> {
        // The sort is stable: of equal paths the later entry of the request comes later.
        self.items.sort_by(Item::order);
        let mut kept: Vec<Item> = Vec::with_capacity(self.items.len());
        for item in std::mem::take(&mut self.items) {
            match kept.last() {
                Some(last) if last.path == item.path => {
                    if duplicates == Duplicates::LastWins {
                        let at = kept.len() - 1;
                        kept[at] = item;
                    } else if let Some(differ) = self.difference(last, &item)? {
                        return Err(Error::Conflict {
                            path: RawPath::new(&*item.path),
                            first: self.label(last),
                            second: self.label(&item),
                            differ,
                        });
                    }
                }
                _ => kept.push(item),
            }
        }
        self.items = kept;
        Ok(())
    }

    /// In what two items of one path differ; none if they are the same entry.
    fn difference(&self, a: &Item, b: &Item) -> Result<Option<&'static str>> {
        if std::mem::discriminant(&a.node) != std::mem::discriminant(&b.node) {
            return Ok(Some("kind"));
        }
        match (&a.node, &b.node) {
            // Rules that come to the same mode are no difference, one rule that does not is.
            (Node::File(x), Node::File(y)) => {
                if let Some(differ) = same::difference(self, (a, x), (b, y))? {
                    return Ok(Some(differ));
                }
            }
            (x, y) if x != y => {
                return Ok(Some(match x {
                    Node::Symlink(_) | Node::HardlinkPath(_) => "target",
                    _ => "device number",
                }));
            }
            // They have the attributes of what they lead to.
            (Node::HardlinkPath(_), _) => return Ok(None),
            _ if a.mode != b.mode => return Ok(Some("mode")),
            _ => {}
        }
        let (a, b) = (
            &self.metadata[a.metadata as usize],
            &self.metadata[b.metadata as usize],
        );
        let owner = |m: &Metadata| (m.uid, m.gid, m.uname.clone(), m.gname.clone());
        Ok(if a == b {
            None
        } else if owner(a) != owner(b) {
            Some("owner")
        } else if a.xattrs != b.xattrs {
            Some("extended attributes")
        } else {
            Some("time")
        })
    }

    /// Checks that only directories have something below them, and makes those that are missing.
    fn parents(&mut self, make: Option<(ModeRule, u32)>) -> Result<()> {
        let mut missing: BTreeSet<&[u8]> = BTreeSet::new();
        let mut checked: Option<&[u8]> = None;
        for item in &self.items {
            let mut above = parent(&item.path);
            // Siblings follow one another: what is above them is looked at once.
            if above == checked {
                continue;
            }
            checked = above;
            while let Some(path) = above {
                match self.find(path) {
                    // What is above it is looked at where it is.
                    Some(found) if found.node == Node::Directory => break,
                    Some(found) => {
                        return Err(Error::BelowNonDirectory {
                            path: RawPath::new(&*item.path),
                            entry: self.label(item),
                            above: RawPath::new(path),
                            above_entry: self.label(found),
                            kind: found.node.described(),
                        });
                    }
                    None if !missing.insert(path) => break,
                    None => {}
                }
                above = parent(path);
            }
        }
        if let Some((mode, metadata)) = make {
            let made: Vec<Item> = missing
                .into_iter()
                .map(|path| Item {
                    path: path.into(),
                    node: Node::Directory,
                    mode,
                    metadata,
                    entry: PARENT,
                })
                .collect();
            if !made.is_empty() {
                self.items.extend(made);
                self.items.sort_by(Item::order);
            }
        }
        Ok(())
    }

    /// The item of a path that is not a marker's.
    fn find(&self, path: &[u8]) -> Option<&Item> {
        self.index(path).map(|index| &self.items[index])
    }

    fn index(&self, path: &[u8]) -> Option<usize> {
        let probe = Item {
            path: path.into(),
            node: Node::Directory,
            mode: ModeRule::Given(0),
            metadata: 0,
            entry: PARENT,
        };
        self.items.binary_search_by(|item| item.order(&probe)).ok()
    }

    /// Lets every hard link lead to the first of its group.
    fn hardlinks(&mut self) -> Result<()> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for index in 0..self.items.len() {
            if matches!(self.items[index].node, Node::HardlinkPath(_)) {
                groups
                    .entry(self.link_target(index)?)
                    .or_default()
                    .push(index);
            }
        }
        for (target, links) in groups {
            self.link(target, links);
        }
        Ok(())
    }

    /// Makes one item of a group hold the content, the first, and the others hard links to it.
    pub(crate) fn link(&mut self, target: usize, links: Vec<usize>) {
        let first = links
            .iter()
            .copied()
            .chain([target])
            .min()
            .unwrap_or(target);
        let Item {
            mode,
            metadata,
            entry,
            ..
        } = self.items[target];
        let content = std::mem::replace(&mut self.items[target].node, Node::Fifo);
        // Errors of reading the content blame the entry that named it.
        self.items[target].entry = std::mem::replace(&mut self.items[first].entry, entry);
        let number =
            u32::try_from(first).expect("four thousand million items do not fit in memory");
        for index in links.into_iter().chain([target]) {
            let item = &mut self.items[index];
            (item.mode, item.metadata) = (mode, metadata);
            item.node = Node::Hardlink(number);
        }
        self.items[first].node = content;
    }

    /// Lets hard links to items that have become links themselves lead to what those lead to.
    pub(crate) fn straighten(&mut self) {
        for index in 0..self.items.len() {
            if let Node::Hardlink(to) = self.items[index].node
                && let Node::Hardlink(further) = self.items[to as usize].node
            {
                self.items[index].node = Node::Hardlink(further);
            }
        }
    }

    /// The item that holds what a hard link leads to, over other hard links.
    fn link_target(&self, from: usize) -> Result<usize> {
        let link = &self.items[from];
        let path = || RawPath::new(&*link.path);
        let mut at = from;
        for _ in 0..=self.items.len() {
            let Node::HardlinkPath(target) = &self.items[at].node else {
                return Ok(at);
            };
            let raw = || RawPath::new(&**target);
            at = self.index(target).ok_or_else(|| Error::LinkTargetMissing {
                path: path(),
                entry: self.label(link),
                target: raw(),
            })?;
            if self.items[at].node == Node::Directory {
                let kind = self.items[at].node.described();
                return Err(Error::LinkTargetKind {
                    path: path(),
                    entry: self.label(link),
                    target: raw(),
                    kind,
                });
            }
            if at == from {
                break;
            }
        }
        Err(Error::LinkCycle {
            path: path(),
            entry: self.label(link),
        })
    }
}
