//! Patterns on the paths of a tree or tar: which are taken, and which get attributes of their own.
//!
//! Invariant: a pattern that never matched is reported at the end, for it is a mistake.

use crate::attributes::Own;
use crate::error::{Error, Result};
use crate::item::parent;
use crate::request::{self, Attributes, OverrideKind};
use globset::{GlobBuilder, GlobMatcher};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The patterns of one tree or tar, compiled.
pub(crate) struct Select<'a> {
    entry: &'a str,
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
    overrides: Vec<(Pattern, OverrideKind, &'a Attributes)>,
}

struct Pattern {
    text: String,
    matcher: GlobMatcher,
    used: bool,
}

/// What overrides can be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    File,
    Directory,
    /// Has an owner and a time; the system gives modes and capabilities of links no meaning, and
    /// refuses to set them.
    Symlink,
    /// A device or a fifo.
    Special,
    /// A hard link has the attributes of what it leads to, a whiteout has none.
    None,
}

/// Whether a path is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    /// It is.
    Yes,
    /// It is not, and nothing below it.
    No,
    /// If it is a directory and something below it is.
    ForChildren,
}

impl<'a> Select<'a> {
    /// Compiles the patterns; `entry` is what errors call the tree or tar.
    ///
    /// # Errors
    /// [`Error::Pattern`].
    pub(crate) fn new(
        entry: &'a str,
        select: &request::Select,
        overrides: &'a [request::Override],
    ) -> Result<Self> {
        let compile = |patterns: &[String]| -> Result<Vec<Pattern>> {
            patterns
                .iter()
                .map(|text| Pattern::new(entry, text))
                .collect()
        };
        Ok(Self {
            entry,
            include: compile(&select.include)?,
            exclude: compile(&select.exclude)?,
            overrides: overrides
                .iter()
                .map(|o| Ok((Pattern::new(entry, &o.paths)?, o.kind, &o.attributes)))
                .collect::<Result<_>>()?,
        })
    }

    /// Whether the path, below the root of the tree or tar, is taken. `known` says that those above
    /// it have been asked and were not [`Pick::No`].
    pub(crate) fn pick(&mut self, path: &[u8], known: Known) -> Pick {
        if any(&mut self.exclude, path, known == Known::Nothing) {
            return Pick::No;
        }
        if self.include.is_empty() || any(&mut self.include, path, true) {
            return Pick::Yes;
        }
        Pick::ForChildren
    }

    /// Applies the overrides that match the path.
    ///
    /// # Errors
    /// What is wrong with a value.
    pub(crate) fn refine(
        &mut self,
        path: &[u8],
        subject: Subject,
        mut own: Own,
    ) -> std::result::Result<Own, String> {
        for (pattern, kind, attributes) in &mut self.overrides {
            let applies = match kind {
                OverrideKind::Any => subject != Subject::None,
                OverrideKind::File => subject == Subject::File,
                OverrideKind::Directory => subject == Subject::Directory,
            };
            if applies && pattern.matches(path) {
                own = match subject {
                    Subject::Symlink => own.refined(&Attributes {
                        mode: None,
                        xattrs: BTreeMap::new(),
                        capabilities: None,
                        ..(*attributes).clone()
                    })?,
                    _ => own.refined(attributes)?,
                };
            }
        }
        Ok(own)
    }

    /// Applies the overrides for the root of the tree: those whose pattern is `.`.
    ///
    /// # Errors
    /// What is wrong with a value.
    pub(crate) fn refine_root(&mut self, mut own: Own) -> std::result::Result<Own, String> {
        for (pattern, kind, attributes) in &mut self.overrides {
            if pattern.text == "." && *kind != OverrideKind::File {
                pattern.used = true;
                own = own.refined(attributes)?;
            }
        }
        Ok(own)
    }

    /// Ends the selection.
    ///
    /// # Errors
    /// [`Error::PatternUnused`] for the first pattern that has matched nothing.
    pub(crate) fn finish(self) -> Result<()> {
        let overrides: Vec<_> = self
            .overrides
            .into_iter()
            .map(|(pattern, ..)| pattern)
            .collect();
        for (field, patterns) in [
            ("select.include", &self.include),
            ("select.exclude", &self.exclude),
            ("overrides", &overrides),
        ] {
            if let Some(unused) = patterns.iter().find(|pattern| !pattern.used) {
                return Err(Error::PatternUnused {
                    pattern: unused.text.clone(),
                    field,
                    entry: self.entry.to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// What a caller of [`Select::pick`] knows of the directories above a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// None of them is excluded: a walk has come through them.
    ParentsTaken,
    /// Nothing: an archive names paths in any order.
    Nothing,
}

/// Which of the directories with [`Pick::ForChildren`] have something below them.
#[derive(Default)]
pub(crate) struct Needed(BTreeSet<Vec<u8>>);

impl Needed {
    /// Notes a path that is taken.
    pub(crate) fn note(&mut self, path: &[u8]) {
        let mut above = parent(path);
        while let Some(directory) = above {
            if !self.0.insert(directory.to_vec()) {
                break;
            }
            above = parent(directory);
        }
    }

    /// Whether something below the directory is taken.
    pub(crate) fn has(&self, directory: &[u8]) -> bool {
        self.0.contains(directory)
    }
}

impl Pattern {
    fn new(entry: &str, text: &str) -> Result<Self> {
        let glob = GlobBuilder::new(text)
            .literal_separator(true)
            .backslash_escape(true)
            .build();
        let glob = glob.map_err(|source| Error::Pattern {
            pattern: text.to_owned(),
            entry: entry.to_owned(),
            source,
        })?;
        Ok(Self {
            text: text.to_owned(),
            matcher: glob.compile_matcher(),
            used: false,
        })
    }

    fn matches(&mut self, path: &[u8]) -> bool {
        let matches = self.matcher.is_match(OsStr::from_bytes(path));
        self.used |= matches;
        matches
    }
}

/// Whether a pattern matches the path or, if `above`, a directory above it. All patterns that match
/// count as used.
fn any(patterns: &mut [Pattern], path: &[u8], above: bool) -> bool {
    let mut found = false;
    for pattern in patterns {
        let mut at = Some(path);
        while let Some(candidate) = at {
            found |= pattern.matches(candidate);
            at = if above { parent(candidate) } else { None };
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(include: &[&str], exclude: &[&str]) -> Select<'static> {
        let strings = |texts: &[&str]| texts.iter().map(|&t| t.to_owned()).collect();
        let select = request::Select {
            include: strings(include),
            exclude: strings(exclude),
        };
        Select::new("//t", &select, &[]).unwrap()
    }

    #[test]
    fn a_star_stays_within_a_name() {
        let mut s = select(&["*.txt", "doc/**/*.md", "lib/{a,b}?.so"], &[]);
        for (path, pick) in [
            ("a.txt", Pick::Yes),
            ("d/a.txt", Pick::ForChildren),
            ("doc/x.md", Pick::Yes),
            ("doc/y/z/x.md", Pick::Yes),
            ("lib/a1.so", Pick::Yes),
            ("lib/c1.so", Pick::ForChildren),
        ] {
            assert_eq!(s.pick(path.as_bytes(), Known::Nothing), pick, "{path}");
        }
        s.finish().unwrap();
    }

    #[test]
    fn a_matched_directory_stands_for_what_is_below() {
        let mut s = select(&["keep"], &["keep/not", "**/*.tmp"]);
        for (path, pick) in [
            ("keep", Pick::Yes),
            ("keep/x/y", Pick::Yes),
            ("keep/not", Pick::No),
            ("keep/not/x", Pick::No),
            ("keep/x/a.tmp", Pick::No),
            ("other", Pick::ForChildren),
        ] {
            assert_eq!(s.pick(path.as_bytes(), Known::Nothing), pick, "{path}");
        }
        s.finish().unwrap();
    }

    #[test]
    fn unused_and_malformed_patterns_are_mistakes() {
        let mut s = select(&[], &["nothing*"]);
        s.pick(b"something", Known::Nothing);
        assert!(matches!(
            s.finish(),
            Err(Error::PatternUnused {
                field: "select.exclude",
                ..
            })
        ));
        let bad = request::Select {
            include: vec!["[".into()],
            exclude: vec![],
        };
        assert!(matches!(
            Select::new("//t", &bad, &[]),
            Err(Error::Pattern { .. })
        ));
    }
}
