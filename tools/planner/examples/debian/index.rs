//! A Debian package index as graphs: a package refers to the first of each dependency's
//! alternatives that exists, or else to its first provider by name.

use planner::Node;
use std::collections::{BTreeMap, BTreeSet};

/// What is kept of a package.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) version: String,
    pub(crate) source: String,
    /// Bytes.
    pub(crate) size: u64,
    dependencies: Vec<Vec<String>>,
}

#[derive(Default)]
pub(crate) struct Index {
    pub(crate) packages: BTreeMap<String, Package>,
    providers: BTreeMap<String, String>,
}

impl Index {
    pub(crate) fn parse(text: &str) -> Self {
        let mut packages = BTreeMap::new();
        let mut provides: Vec<(String, String)> = Vec::new();
        for stanza in text.split("\n\n") {
            let field = |name: &str| {
                (stanza.lines())
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                    .unwrap_or("")
            };
            let name = field("Package").to_owned();
            if name.is_empty() || packages.contains_key(&name) {
                continue;
            }
            for provided in field("Provides").split(',') {
                provides.push((word(provided), name.clone()));
            }
            let mut source = word(field("Source"));
            if source.is_empty() {
                source.clone_from(&name);
            }
            let mut dependencies = Vec::new();
            for list in [field("Pre-Depends"), field("Depends")] {
                for group in list.split(',').filter(|group| !group.trim().is_empty()) {
                    dependencies.push(group.split('|').map(word).collect());
                }
            }
            let package = Package {
                version: field("Version").to_owned(),
                source,
                size: field("Installed-Size").parse::<u64>().unwrap_or(0) * 1024,
                dependencies,
            };
            packages.insert(name, package);
        }
        provides.sort();
        let mut providers = BTreeMap::new();
        for (provided, by) in provides {
            providers.entry(provided).or_insert(by);
        }
        Self {
            packages,
            providers,
        }
    }

    /// This index, with those packages of `newer` whose source is chosen, and all that only it has.
    pub(crate) fn with<'a>(
        &'a self,
        newer: &'a Self,
        chosen: impl Fn(&str) -> bool + 'a,
    ) -> View<'a> {
        View {
            old: self,
            newer: Some((newer, Box::new(chosen))),
        }
    }

    /// This index as it is.
    pub(crate) fn view(&self) -> View<'_> {
        View {
            old: self,
            newer: None,
        }
    }
}

type Chosen<'a> = Box<dyn Fn(&str) -> bool + 'a>;

/// An index, with some packages of a newer one.
pub(crate) struct View<'a> {
    old: &'a Index,
    newer: Option<(&'a Index, Chosen<'a>)>,
}

impl View<'_> {
    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        let old = self.old.packages.get(name);
        let newer = (self.newer.as_ref()).and_then(|(newer, chosen)| {
            (newer.packages.get(name)).filter(|package| old.is_none() || chosen(&package.source))
        });
        newer.or(old)
    }

    fn provider(&self, name: &str) -> Option<&String> {
        let newer = self.newer.as_ref().map(|(newer, _)| *newer);
        (self.old.providers.get(name)).or_else(|| newer?.providers.get(name))
    }

    /// The closure of a package, sorted by name.
    pub(crate) fn closure(&self, root: &str) -> Vec<Node> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut todo = vec![root.to_owned()];
        while let Some(name) = todo.pop() {
            if found.contains_key(&name) {
                continue;
            }
            let references: BTreeSet<String> = (self.package(&name).into_iter())
                .flat_map(|package| &package.dependencies)
                .filter_map(|alternatives| self.resolve(alternatives))
                .map(str::to_owned)
                .collect();
            todo.extend(references.iter().cloned());
            found.insert(name, references);
        }
        (found.into_iter())
            .map(|(name, references)| Node {
                size: self.package(&name).map_or(0, |package| package.size),
                path: name,
                name: None,
                references,
                volatility: None,
                weight: None,
            })
            .collect()
    }

    fn resolve<'a>(&'a self, alternatives: &'a [String]) -> Option<&'a str> {
        alternatives.iter().find_map(|name| {
            if self.package(name).is_some() {
                return Some(name.as_str());
            }
            self.provider(name).map(String::as_str)
        })
    }
}

/// The first word, without what follows it.
fn word(text: &str) -> String {
    let text = text.trim();
    let end = text.find([' ', ':', '(']).unwrap_or(text.len());
    text[..end].to_owned()
}
