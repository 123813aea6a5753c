//! What holds for every graph.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use planner::Strategy as Way;
use planner::{
    ChangeModel, Expected, Limits, Moved, Node, Plan, Previous, Reason, Request, Volatility, plan,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const NAMED: [Way; 4] = [
    Way::Popularity,
    Way::AutoLayer,
    Way::Nix2container,
    Way::Nixery,
];

/// A graph of up to `most` nodes, cycles and references to itself included, with hints and limits.
fn requests(most: usize) -> impl Strategy<Value = Request> {
    let node = (
        0u64..2000,
        prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        0u8..12,
    );
    (
        prop::collection::vec(node, 1..most),
        1u32..30,
        any::<bool>(),
        prop_oneof![Just(0u64), 1u64..3000],
        prop::collection::vec(any::<prop::sample::Index>(), 0..3),
    )
        .prop_map(|(nodes, layers, runfiles, min, base)| {
            let count = nodes.len();
            let path = |at: usize| format!("p{at:03}");
            let nodes: Vec<Node> = (nodes.into_iter().enumerate())
                .map(|(at, (size, references, told))| Node {
                    path: path(at),
                    name: None,
                    size,
                    // Mostly downwards; one in five nodes may refer anywhere, and so make cycles.
                    references: (references.into_iter())
                        .map(|index| path(index.index(if at % 5 == 0 { count } else { at + 1 })))
                        .collect(),
                    volatility: match told {
                        0 => Some(Volatility::Runtime),
                        1 => Some(Volatility::Dependency),
                        2 => Some(Volatility::Application),
                        _ => None,
                    },
                    weight: (told == 3).then_some(77),
                })
                .collect();
            Request {
                base_paths: base.iter().map(|index| path(index.index(count))).collect(),
                nodes,
                limits: Limits {
                    max_layers: layers + 3,
                    base_layers: 3,
                    min_layer_size: min,
                },
                change_model: if runfiles {
                    ChangeModel::Runfiles
                } else {
                    ChangeModel::Nix
                },
                ..Request::default()
            }
        })
}

fn made(request: &Request) -> Plan {
    plan(request).unwrap().plan
}

fn layer_of(plan: &Plan) -> BTreeMap<&str, &str> {
    let mut found = BTreeMap::new();
    for layer in &plan.layers {
        for name in &layer.members {
            assert!(found.insert(name.as_str(), layer.key.as_str()).is_none());
        }
    }
    found
}

fn kinds(expected: &Expected) -> [Moved; 4] {
    [
        expected.application,
        expected.one_path,
        expected.ten_paths,
        expected.update,
    ]
}

/// The objective: each kind of change as a multiple of what it cannot avoid.
fn objective(plan: &Plan) -> f64 {
    let expected = &plan.expected;
    kinds(expected)
        .iter()
        .filter(|moved| moved.unavoidable > 0)
        .map(|moved| moved.bytes as f64 / moved.unavoidable as f64)
        .sum()
}

/// What a rounding to whole bytes can do to the objective.
fn rounding(plan: &Plan) -> f64 {
    let expected = &plan.expected;
    kinds(expected)
        .iter()
        .filter(|moved| moved.unavoidable > 0)
        .map(|moved| {
            (1.0 + moved.bytes as f64 / moved.unavoidable as f64) / moved.unavoidable as f64
        })
        .sum()
}

/// The paths that change as applications do: on a cycle with one that is told to be one, or, where
/// none is told, on a cycle that nothing else refers to.
fn applications(request: &Request) -> BTreeSet<String> {
    let reaches: BTreeMap<&str, BTreeSet<&str>> = (request.nodes.iter())
        .map(|node| {
            let mut found = BTreeSet::new();
            let mut todo = vec![node.path.as_str()];
            while let Some(path) = todo.pop() {
                if found.insert(path) {
                    let node = request.nodes.iter().find(|node| node.path == path).unwrap();
                    todo.extend(node.references.iter().map(String::as_str));
                }
            }
            (node.path.as_str(), found)
        })
        .collect();
    let cycle = |path: &str| -> Vec<&Node> {
        (request.nodes.iter())
            .filter(|other| {
                reaches[path].contains(other.path.as_str())
                    && reaches[other.path.as_str()].contains(path)
            })
            .collect()
    };
    let is = |node: &Node| node.volatility == Some(Volatility::Application);
    let told = request.nodes.iter().any(is);
    (request.nodes.iter())
        .filter(|node| {
            let own = cycle(&node.path);
            if told {
                return own.iter().any(|node| is(node));
            }
            // Of a cycle that nothing else refers to, all but those told to be something else.
            let alone = (request.nodes.iter())
                .filter(|other| reaches[other.path.as_str()].contains(node.path.as_str()))
                .all(|other| own.iter().any(|own| own.path == other.path));
            alone && own.iter().any(|node| node.volatility.is_none())
        })
        .map(|node| node.path.clone())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_path_is_in_exactly_one_layer(request in requests(60)) {
        for strategy in NAMED.into_iter().chain([Way::Cost]) {
            let request = Request { strategy, ..request.clone() };
            let planned = plan(&request).unwrap();
            let made = &planned.plan;
            let wanted: BTreeSet<&str> = (request.nodes.iter())
                .map(|node| node.path.as_str())
                .filter(|path| !request.base_paths.contains(*path))
                .collect();
            let found = layer_of(made);
            prop_assert_eq!(found.keys().copied().collect::<BTreeSet<_>>(), wanted);
            let limit = request.limits.max_layers - request.limits.base_layers;
            prop_assert!(made.layers.len() <= limit as usize);
            let keys: BTreeSet<&str> = made.layers.iter().map(|layer| layer.key.as_str()).collect();
            prop_assert_eq!(keys.len(), made.layers.len());
            for (layer, places) in made.layers.iter().zip(&planned.members) {
                prop_assert!(!layer.members.is_empty());
                let names: Vec<&str> =
                    places.iter().map(|&place| request.nodes[place].path.as_str()).collect();
                prop_assert_eq!(&names, &layer.members);
                let size: u64 = places.iter().map(|&place| request.nodes[place].size).sum();
                prop_assert_eq!(size, layer.size);
            }
        }
    }

    #[test]
    fn the_order_of_the_nodes_changes_nothing(
        (request, shuffled) in requests(40).prop_flat_map(|request| {
            let nodes = Just(request.nodes.clone()).prop_shuffle();
            (Just(request), nodes)
        })
    ) {
        for strategy in NAMED.into_iter().chain([Way::Cost]) {
            let one = Request { strategy, ..request.clone() };
            let other = Request { nodes: shuffled.clone(), ..one.clone() };
            prop_assert_eq!(made(&one), made(&other));
        }
    }

    #[test]
    fn no_named_strategy_is_cheaper(mut request in requests(60)) {
        request.limits.min_layer_size = 0;
        let ours = made(&request);
        for strategy in NAMED {
            let theirs = made(&Request { strategy, ..request.clone() });
            let slack = rounding(&ours) + rounding(&theirs) + 1e-9;
            prop_assert!(objective(&ours) <= objective(&theirs) + slack, "{:?}", strategy);
        }
    }

    #[test]
    fn one_layer_for_each_path_moves_what_is_unavoidable(mut request in requests(25)) {
        request.limits = Limits::default();
        let expected = made(&request).expected;
        for moved in kinds(&expected) {
            // The same sums in another order: they can be rounded to neighbours.
            prop_assert!(moved.bytes.abs_diff(moved.unavoidable) <= 1);
        }
    }

    #[test]
    fn layers_keep_the_minimum_size(request in requests(60)) {
        let made = made(&request);
        let applications = applications(&request);
        for layer in made.layers.iter().filter(|l| l.size < request.limits.min_layer_size) {
            let exempt = layer.members.iter().all(|name| applications.contains(name));
            prop_assert!(exempt || made.layers.len() == 1, "{:?}", layer);
        }
    }

    #[test]
    fn with_nothing_changed_nothing_moves(request in requests(50)) {
        let first = made(&request);
        let mut again = request.clone();
        again.previous = Some(Previous {
            plan: first.clone(),
            changed: Some(BTreeSet::new()),
            horizon: 1,
        });
        let second = made(&again);
        prop_assert_eq!(&second.moves, &Vec::new());
        prop_assert_eq!(&first.layers, &second.layers);
    }

    #[test]
    fn what_leaves_its_layer_is_told(
        request in requests(50),
        changed in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let first = made(&request);
        let mut next = request.clone();
        let names: BTreeSet<String> = (changed.iter())
            .map(|index| request.nodes[index.index(request.nodes.len())].path.clone())
            .collect();
        next.previous = Some(Previous { plan: first.clone(), changed: Some(names.clone()), horizon: 10 });
        let second = made(&next);
        let (was, is) = (layer_of(&first), layer_of(&second));
        let told: BTreeMap<&str, (&str, &str)> = (second.moves.iter())
            .map(|moved| (moved.name.as_str(), (moved.from.as_str(), moved.to.as_str())))
            .collect();
        for (name, (from, to)) in &told {
            prop_assert_eq!(was[name], *from);
            prop_assert_eq!(is[name], *to);
            prop_assert_ne!(from, to);
        }
        if request.change_model == ChangeModel::Runfiles {
            for (name, key) in &is {
                if was[name] != *key && !names.contains(*name) {
                    prop_assert!(told.contains_key(name), "{} left {} for {}", name, was[name], key);
                }
            }
        }
        // The same request gives the same plan.
        prop_assert_eq!(&second, &made(&next));
    }

    #[test]
    fn everything_is_explained(request in requests(40)) {
        let planned = plan(&request).unwrap();
        let explained = planned.explain();
        let found = layer_of(&planned.plan);
        prop_assert_eq!(explained.paths.len(), found.len());
        for path in &explained.paths {
            prop_assert_eq!(found[path.name.as_str()], path.layer.as_str());
            if path.reason == Reason::Alone {
                prop_assert_eq!(path.moves.is_some(), true);
            }
        }
    }
}
