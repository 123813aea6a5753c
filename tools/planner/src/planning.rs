//! From a request to a plan: checks, the graph, layers, their order and keys, budgets.

use crate::budget::Checks;
use crate::check::Checked;
use crate::construct::{Layers, groups, layers_of};
use crate::cost::Bytes;
use crate::error::Result;
use crate::graph::Graph;
use crate::hints::Weights;
use crate::model::Model;
use crate::order;
use crate::output::{Expected, KIND, Layer, Move, Moved, Plan, VERSION};
use crate::previous::Homes;
use crate::refine::Bounds;
use crate::regret::without_regret;
use crate::request::{ChangeModel, Request, Strategy};
use crate::sticky::{gain, sticky};
use crate::strategies::named;
use std::collections::{BTreeMap, BTreeSet};

/// A plan, with what it was made from.
pub struct Planned {
    /// The plan itself.
    pub plan: Plan,
    /// For each layer the places of its members in the request's `nodes`, in the order of the plan.
    pub members: Vec<Vec<usize>>,
    pub(crate) names: Vec<String>,
    pub(crate) graph: Graph,
    pub(crate) model: Model,
    pub(crate) layers: Layers,
    /// For each layer its nodes, ascending.
    pub(crate) nodes: Vec<Vec<u32>>,
    pub(crate) changes: ChangeModel,
}

/// Layers, and for each layer the previous one that it continues.
#[derive(Default)]
struct Found {
    layers: Layers,
    origins: Vec<Option<u32>>,
    /// What each knot that left its layer gains by it; nothing where that layer is gone.
    gains: BTreeMap<u32, Option<f64>>,
}

/// Plans.
///
/// # Errors
/// Any of [`Error`](crate::Error): what is wrong with the request, and budgets that the plan does
/// not keep.
pub fn plan(request: &Request) -> Result<Planned> {
    let checked = Checked::new(request)?;
    let graph = Graph::new(request, &checked);
    let weights = Weights::new(request, &checked, &graph)?;
    let homes = Homes::new(request, &checked, &graph)?;
    let mut model = Model::new(&graph, &weights, request.change_model);
    let found = find(request, &checked, &graph, &mut model, homes.as_ref());

    let in_base: BTreeSet<u32> = (0..checked.names.len() as u32)
        .filter(|&node| {
            let place = checked.places[node as usize];
            request.base_paths.contains(&request.nodes[place].path)
        })
        .collect();
    let nodes_of = |layer: &[u32]| -> Vec<u32> {
        let mut nodes: Vec<u32> = (layer.iter())
            .flat_map(|&knot| graph.nodes.of(knot as usize))
            .copied()
            .filter(|node| !in_base.contains(node))
            .collect();
        nodes.sort_unstable();
        nodes
    };
    let size_of = |node: u32| request.nodes[checked.places[node as usize]].size;
    let named: Vec<(Vec<u32>, Option<&str>)> = (found.layers.iter().zip(&found.origins))
        .map(|(layer, origin)| {
            let old = origin
                .zip(homes.as_ref())
                .map(|(origin, homes)| homes.keys[origin as usize].as_str());
            (nodes_of(layer), old)
        })
        .collect();
    let keys = order::keys(&checked.names, &named, size_of);
    // Only the planner's own way heeds the previous plan.
    let heeded = homes
        .as_ref()
        .filter(|_| request.strategy == Strategy::Cost);
    let moves = moves(&checked.names, &graph, &found, &keys, heeded);
    let (layers, keys) = order::order(&graph, &weights, found.layers, keys);
    let nodes: Vec<Vec<u32>> = layers.iter().map(|layer| nodes_of(layer)).collect();

    let is_other = |node: u32| (homes.as_ref()).is_none_or(|homes| homes.other[node as usize]);
    let updated: Vec<u32> = (graph.to_place().into_iter())
        .filter(|&knot| (graph.nodes.of(knot as usize).iter()).any(|&node| is_other(node)))
        .collect();
    let is_intact = |nodes: &Vec<u32>| (homes.as_ref()).is_some_and(|homes| homes.is_intact(nodes));
    Checks {
        request,
        graph: &graph,
        weights: &weights,
        names: &checked.names,
        layers: &layers,
        keys: &keys,
        updated: &updated,
        intact: &nodes.iter().map(is_intact).collect::<Vec<bool>>(),
    }
    .run()?;

    let documents = (nodes.iter().zip(keys).zip(&layers))
        .map(|((nodes, key), layer)| Layer {
            key,
            members: (nodes.iter())
                .map(|&node| checked.names[node as usize].clone())
                .collect(),
            size: layer.iter().map(|&knot| graph.size[knot as usize]).sum(),
        })
        .collect();
    Ok(Planned {
        plan: Plan {
            kind: KIND.to_owned(),
            version: VERSION,
            layers: documents,
            expected: expected(&graph, &model, &layers),
            moves,
        },
        members: (nodes.iter())
            .map(|nodes| {
                nodes
                    .iter()
                    .map(|&node| checked.places[node as usize])
                    .collect()
            })
            .collect(),
        names: checked.names,
        changes: request.change_model,
        graph,
        model,
        layers,
        nodes,
    })
}

fn find(
    request: &Request,
    checked: &Checked,
    graph: &Graph,
    model: &mut Model,
    homes: Option<&Homes>,
) -> Found {
    if let Some(layers) = named(request.strategy, graph, &checked.names, checked.layers) {
        return Found {
            origins: vec![None; layers.len()],
            layers,
            gains: BTreeMap::new(),
        };
    }
    let bounds = Bounds {
        layers: checked.layers,
        min_size: request.limits.min_layer_size,
    };
    let mut all = groups(graph, model, |knot| {
        homes.and_then(|homes| homes.of_knot(graph, knot))
    });
    let prices = model.prices;
    let slots = without_regret(graph, model, &checked.names, &mut all, bounds);
    let Some(homes) = homes else {
        model.prices = prices;
        let layers = layers_of(&all, &slots);
        return Found {
            origins: vec![None; layers.len()],
            layers,
            gains: BTreeMap::new(),
        };
    };
    let before = homes.before(graph, &all);
    let kept = sticky(model, &mut all, &slots, &before, bounds);
    let mut gains = BTreeMap::new();
    for (at, layer) in kept.iter().enumerate() {
        for &number in &layer.slot.groups {
            let group = &all[number as usize];
            if group.home.is_some() && group.home != layer.origin {
                let gain = gain(model, &all, &kept, &before, at, number);
                gains.extend(group.knots.iter().map(|&knot| (knot, gain)));
            }
        }
    }
    model.prices = prices;
    let (slots, origins): (Vec<_>, Vec<_>) = (kept.into_iter())
        .map(|kept| (kept.slot, kept.origin))
        .unzip();
    Found {
        layers: layers_of(&all, &slots),
        origins,
        gains,
    }
}

/// What left its layer though its bytes are the same.
fn moves(
    names: &[String],
    graph: &Graph,
    found: &Found,
    keys: &[String],
    homes: Option<&Homes>,
) -> Vec<Move> {
    let Some(homes) = homes else {
        return Vec::new();
    };
    let mut moves = Vec::new();
    for (at, layer) in found.layers.iter().enumerate() {
        for &knot in layer {
            for &node in graph.nodes.of(knot as usize) {
                let home = homes.of_node[node as usize]
                    .filter(|&home| found.origins[at] != Some(home) && !homes.other[node as usize]);
                if let Some(home) = home {
                    let gain = found.gains.get(&knot).copied().flatten();
                    moves.push(Move {
                        name: names[node as usize].clone(),
                        from: homes.keys[home as usize].clone(),
                        to: keys[at].clone(),
                        saves: gain.map(|gain| gain.round() as i64),
                    });
                }
            }
        }
    }
    moves.sort_by(|a, b| a.name.cmp(&b.name));
    moves
}

fn expected(graph: &Graph, model: &Model, layers: &Layers) -> Expected {
    let mut bytes = Bytes::default();
    for layer in layers {
        let set = model.union(graph, layer);
        bytes += model.prices.bytes(set.size as f64, model.chance(&set));
    }
    let least = &model.unavoidable;
    let moved = |bytes: f64, unavoidable: f64| Moved {
        bytes: bytes.round() as u64,
        unavoidable: unavoidable.round() as u64,
    };
    Expected {
        application: moved(bytes.application, least.application),
        one_path: moved(bytes.one_path, least.one_path),
        ten_paths: moved(bytes.ten_paths, least.ten_paths),
        update: moved(bytes.update, least.update),
    }
}
