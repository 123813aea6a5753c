//! The graph: a closure as Nix tells of it, or nodes that say what they bring.

use crate::error::{Error, Result};
use crate::gather::gather;
use crate::item::{Content, Node as Kind};
use crate::request::{self, Graph, Layers, NixGraph};
use planner::Node;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;

/// The most bytes of a graph that is read from a file.
const GRAPH: u64 = 1 << 30;

/// One path, as `exportReferencesGraph` tells of it. What else it tells, and newer releases of Nix may
/// tell, is of no use here.
#[derive(Deserialize)]
struct NixPath {
    path: String,
    #[serde(rename = "narSize")]
    size: u64,
    references: BTreeSet<String>,
}

/// The graph, ready to be planned.
pub(super) struct Closure {
    /// Sizes and references, in the order of the request, or of the paths.
    pub(super) nodes: Vec<Node>,
    /// The paths that get no layer here.
    pub(super) elsewhere: BTreeSet<String>,
    /// Whether the nodes are store paths, each of which brings itself.
    pub(super) is_store: bool,
}

impl Closure {
    /// # Errors
    /// See [`super::plan`].
    pub(super) fn read(request: &Layers, output: &Path) -> Result<Self> {
        let (nodes, is_store) = match &request.graph {
            Graph::Nix(graph) => (nix(graph)?, true),
            Graph::Nodes(nodes) => (given(nodes, request, output)?, false),
        };
        let mut elsewhere = BTreeSet::new();
        for graph in &request.subtract {
            elsewhere.extend(nix(graph)?.into_iter().map(|node| node.path));
        }
        let known: BTreeSet<&str> = nodes.iter().map(|node| node.path.as_str()).collect();
        for (field, paths) in [("packed", &request.packed), ("copied", &request.copied)] {
            if let Some(path) = paths.iter().find(|path| !known.contains(path.as_str())) {
                return Err(Error::NotInGraph {
                    field,
                    path: path.clone(),
                });
            }
        }
        elsewhere.extend(request.packed.iter().cloned());
        elsewhere.extend(unneeded(&nodes, &request.copied));
        Ok(Self {
            nodes,
            elsewhere,
            is_store,
        })
    }

    /// Whether no path wants a layer.
    pub(super) fn wants_nothing(&self) -> bool {
        (self.nodes.iter()).all(|node| self.elsewhere.contains(&node.path))
    }
}

/// Those of `copied` that no path needs which is not one of them itself.
fn unneeded(nodes: &[Node], copied: &BTreeSet<String>) -> BTreeSet<String> {
    let mut unneeded = copied.clone();
    // Whoever is needed needs its own references: until nothing changes.
    loop {
        let before = unneeded.len();
        for node in nodes {
            if !unneeded.contains(&node.path) {
                for reference in &node.references {
                    unneeded.remove(reference);
                }
            }
        }
        if unneeded.len() == before {
            return unneeded;
        }
    }
}

fn nix(graph: &NixGraph) -> Result<Vec<Node>> {
    let paths: Vec<NixPath> = match graph {
        NixGraph::Attribute(key) => action::Arguments::attribute(key)?,
        NixGraph::File(path) => {
            let bytes = files::read_at_most(path, GRAPH)?;
            serde_json::from_slice(&bytes).map_err(|source| Error::NixGraph {
                path: path.clone(),
                source,
            })?
        }
    };
    Ok((paths.into_iter())
        .map(|path| Node {
            path: path.path,
            name: None,
            size: path.size,
            references: path.references,
            volatility: None,
            weight: None,
        })
        .collect())
}

fn given(nodes: &[request::Node], request: &Layers, output: &Path) -> Result<Vec<Node>> {
    let mut all = Vec::with_capacity(nodes.len());
    for node in nodes {
        all.push(Node {
            path: node.path.clone(),
            name: node.name.clone(),
            size: match node.size {
                Some(size) => size,
                None => size_of(node, request, output)?,
            },
            references: node.references.clone(),
            volatility: node.volatility,
            weight: node.weight,
        });
    }
    Ok(all)
}

/// The sizes of a node's files, together.
fn size_of(node: &request::Node, layers: &Layers, output: &Path) -> Result<u64> {
    let layer = request::Request {
        kind: String::new(),
        version: 1,
        origin: layers.origin.clone(),
        codec: layers.codec,
        defaults: layers.defaults.clone(),
        parents: layers.parents.clone(),
        duplicates: request::Duplicates::default(),
        hardlinks: layers.hardlinks,
        limits: layers.limits,
        annotations: std::collections::BTreeMap::new(),
        history: None,
        entries: node.entries.clone(),
        unused: Vec::new(),
    };
    let mut sum = 0u64;
    for item in gather(&layer, output)?.items {
        let Kind::File(content) = &item.node else {
            continue;
        };
        sum = sum.saturating_add(match content {
            Content::Path(path) => files::open(path)?.size,
            Content::Inline(bytes) => bytes.len() as u64,
            Content::Slice { size, .. } => *size,
        });
    }
    Ok(sum)
}
