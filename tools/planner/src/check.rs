//! From what was typed to numbered nodes: names, references, sizes and limits are checked here, and
//! nothing after this can be wrong with the graph.
//!
//! Invariant: nodes are numbered in the order of their names, so the order of the request is gone.

use crate::error::{Error, Result};
use crate::names::stable_names;
use crate::request::Request;
use std::collections::BTreeMap;

/// The most bytes that are planned: up to here every sum is exact.
pub(crate) const LARGEST: u64 = 1 << 53;
/// The most nodes.
const NODES: usize = 1 << 24;
/// The most layers of an image.
const LAYERS: u32 = 127;

/// The nodes of a request, numbered.
pub(crate) struct Checked {
    /// For each node its name, ascending.
    pub(crate) names: Vec<String>,
    /// For each node its place in the request.
    pub(crate) places: Vec<usize>,
    /// Who refers to whom, without references to itself.
    pub(crate) references: Vec<(u32, u32)>,
    /// How many layers the plan may have.
    pub(crate) layers: usize,
}

impl Checked {
    /// # Errors
    /// All but those of hints, previous plans and budgets.
    pub(crate) fn new(request: &Request) -> Result<Self> {
        let layers = layers(request)?;
        let nodes = &request.nodes;
        if nodes.len() > NODES {
            return Err(Error::TooManyNodes {
                nodes: nodes.len(),
                limit: NODES,
            });
        }
        let names = names(request)?;
        let mut places: Vec<usize> = (0..nodes.len()).collect();
        places.sort_by(|&a, &b| (&names[a], &nodes[a].path).cmp(&(&names[b], &nodes[b].path)));
        for pair in places.windows(2) {
            if names[pair[0]] == names[pair[1]] {
                return Err(Error::DuplicateName {
                    name: names[pair[0]].clone(),
                    first: nodes[pair[0]].path.clone(),
                    second: nodes[pair[1]].path.clone(),
                });
            }
        }
        let mut total = 0u64;
        let mut by_path: BTreeMap<&str, u32> = BTreeMap::new();
        for (id, &place) in places.iter().enumerate() {
            let node = &nodes[place];
            total = total
                .checked_add(node.size)
                .filter(|&total| total <= LARGEST)
                .ok_or_else(|| Error::SizeOverflow {
                    limit: LARGEST,
                    path: node.path.clone(),
                    size: node.size,
                })?;
            if by_path.insert(&node.path, id as u32).is_some() {
                return Err(Error::DuplicatePath {
                    path: node.path.clone(),
                });
            }
        }
        let mut references = Vec::new();
        for (id, &place) in places.iter().enumerate() {
            for reference in &nodes[place].references {
                let Some(&to) = by_path.get(reference.as_str()) else {
                    return Err(Error::UnknownReference {
                        path: nodes[place].path.clone(),
                        reference: reference.clone(),
                    });
                };
                if to != id as u32 {
                    references.push((id as u32, to));
                }
            }
        }
        drop(by_path);
        let mut names: Vec<Option<String>> = names.into_iter().map(Some).collect();
        let names = places
            .iter()
            .map(|&place| names[place].take().unwrap_or_default())
            .collect();
        Ok(Self {
            names,
            places,
            references,
            layers,
        })
    }
}

fn layers(request: &Request) -> Result<usize> {
    let limits = &request.limits;
    if !(1..=LAYERS).contains(&limits.max_layers) {
        return Err(Error::MaxLayers {
            given: limits.max_layers,
        });
    }
    if limits.base_layers >= limits.max_layers {
        return Err(Error::NoLayerLeft {
            base_layers: limits.base_layers,
            max_layers: limits.max_layers,
        });
    }
    Ok((limits.max_layers - limits.base_layers) as usize)
}

/// For each node of the request its name: the given one, else one made from its path among all
/// paths without a given one.
fn names(request: &Request) -> Result<Vec<String>> {
    let nodes = &request.nodes;
    for (at, node) in nodes.iter().enumerate() {
        let what = if node.path.is_empty() {
            "the path"
        } else if node.name.as_deref() == Some("") {
            "the name"
        } else {
            continue;
        };
        return Err(Error::Empty { what, node: at });
    }
    let mut paths: Vec<&str> = Vec::new();
    for node in nodes.iter().filter(|node| node.name.is_none()) {
        paths.push(&node.path);
    }
    let mut sorted = paths.clone();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::DuplicatePath {
            path: pair[0].to_owned(),
        });
    }
    let mut made = stable_names(&paths).into_iter();
    Ok(nodes
        .iter()
        .map(|node| {
            node.name
                .clone()
                .or_else(|| made.next())
                .unwrap_or_default()
        })
        .collect())
}
