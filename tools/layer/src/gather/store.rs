//! Store paths: a file, a directory or a link, taken as it is, where it is.

use super::Gather;
use crate::attributes::Resolved;
use crate::error::{Error, Result};
use crate::item::{Content, Node, check_path, disk_path};
use crate::request::{StorePath, Tree};
use crate::select::{Select, Subject};
use oci::RawPath;

impl Gather {
    pub(super) fn store_path(
        &mut self,
        index: u32,
        store: &StorePath,
        defaults: &Resolved,
    ) -> Result<()> {
        let source = store.source.as_bytes();
        let path = match store.path.as_bytes() {
            [] => RawPath::new(source.strip_prefix(b"/").unwrap_or(source)),
            _ => store.path.clone(),
        };
        check_path(path.as_bytes()).map_err(|rule| self.path(index, &path, rule))?;
        let label = || self.labels[index as usize].clone();
        let input = |error| Error::Input {
            path: path.clone(),
            entry: label(),
            source: error,
        };
        let (node, subject) = match files::kind(disk_path(&store.source)).map_err(input)? {
            files::FoundKind::Directory => {
                let tree = Tree {
                    path,
                    source: store.source.clone(),
                    defaults: store.defaults.clone(),
                    overrides: store.overrides.clone(),
                    ..Tree::default()
                };
                return self.tree(index, &tree, defaults);
            }
            files::FoundKind::File => {
                let content = Content::Path(disk_path(&store.source).to_owned());
                (Node::File(content), Subject::File)
            }
            files::FoundKind::Symlink(target) => (Node::Symlink(target.into()), Subject::Symlink),
        };
        let wrong = |what| Error::Attribute {
            path: path.clone(),
            entry: label(),
            what,
        };
        let defaults = defaults.refined(&store.defaults).map_err(wrong)?;
        let none = crate::request::Select::default();
        let name = label();
        let mut select = Select::new(&name, &none, &store.overrides)?;
        let own = match subject {
            Subject::Symlink => defaults.own(),
            // The path itself is `.`, as the root of a tree is.
            _ => select.refine_root(defaults.own()).map_err(wrong)?,
        };
        select.finish()?;
        self.push(index, path.as_bytes(), node, own, &defaults);
        Ok(())
    }
}
