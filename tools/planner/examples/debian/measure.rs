//! What each strategy's plan moves, for each kind of change.

use crate::index::{Index, View};
use planner::{ChangeModel, Limits, Node, Plan, Previous, Request, Strategy, plan};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub(crate) const LAYERS: [u32; 3] = [20, 60, 100];
pub(crate) const STRATEGIES: [(Strategy, &str); 5] = [
    (Strategy::Cost, "cost"),
    (Strategy::Popularity, "popularity"),
    (Strategy::AutoLayer, "auto_layer"),
    (Strategy::Nix2container, "nix2container"),
    (Strategy::Nixery, "nixery"),
];
/// The real changes, as Nix has them and as runfiles do.
const REAL: [(ChangeModel, &str); 2] = [
    (ChangeModel::Nix, "real"),
    (ChangeModel::Runfiles, "real, not travelling"),
];
/// Draws of ten packages at once.
const DRAWS: usize = 200;
/// Into how many updates the change between the two indexes is cut for the series.
const STEPS: u64 = 10;

/// One measured figure.
pub(crate) struct Row {
    pub(crate) application: String,
    pub(crate) nodes: usize,
    pub(crate) layers: u32,
    pub(crate) change: &'static str,
    pub(crate) strategy: &'static str,
    /// Means over the changes of that kind.
    pub(crate) bytes: f64,
    pub(crate) unavoidable: f64,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\t{}\t{}\t{}\t{}\t{:.0}\t{:.0}",
            self.application,
            self.nodes,
            self.layers,
            self.change,
            self.strategy,
            self.bytes,
            self.unavoidable
        )
    }
}

/// A closure with numbers for names.
struct Closure {
    nodes: Vec<Node>,
    number: BTreeMap<String, usize>,
    users: Vec<Vec<usize>>,
}

impl Closure {
    fn new(nodes: Vec<Node>) -> Self {
        let number: BTreeMap<String, usize> = (nodes.iter().enumerate())
            .map(|(at, node)| (node.path.clone(), at))
            .collect();
        let mut users = vec![Vec::new(); nodes.len()];
        for (at, node) in nodes.iter().enumerate() {
            for reference in &node.references {
                users[number[reference]].push(at);
            }
        }
        Self {
            nodes,
            number,
            users,
        }
    }

    /// Which nodes have other bytes when these are changed.
    fn affected(&self, changed: &[usize], changes: ChangeModel) -> Vec<bool> {
        let mut affected = vec![false; self.nodes.len()];
        let mut todo = changed.to_vec();
        while let Some(at) = todo.pop() {
            if !std::mem::replace(&mut affected[at], true) && changes == ChangeModel::Nix {
                todo.extend(&self.users[at]);
            }
        }
        affected
    }

    fn size(&self, of: &[bool]) -> f64 {
        let sizes = self.nodes.iter().zip(of).filter(|(_, is)| **is);
        sizes.map(|(node, _)| node.size as f64).sum()
    }

    fn request(&self, layers: u32, strategy: Strategy, changes: ChangeModel) -> Request {
        Request {
            nodes: self.nodes.clone(),
            limits: Limits {
                max_layers: layers,
                ..Limits::default()
            },
            change_model: changes,
            strategy,
            ..Request::default()
        }
    }

    fn previous(&self, plan: &Plan, changed: &[usize]) -> Previous {
        let names = changed.iter().map(|&at| self.nodes[at].path.clone());
        Previous {
            plan: plan.clone(),
            changed: Some(names.collect()),
            horizon: 10,
        }
    }

    fn layer_of(&self, plan: &Plan) -> Vec<usize> {
        let mut layer_of = vec![usize::MAX; self.nodes.len()];
        for (at, layer) in plan.layers.iter().enumerate() {
            for name in &layer.members {
                layer_of[self.number[name]] = at;
            }
        }
        layer_of
    }

    /// The bytes of the layers with an affected node.
    fn moved(&self, plan: &Plan, layer_of: &[usize], affected: &[bool]) -> f64 {
        let mut moves = vec![false; plan.layers.len()];
        for (at, _) in affected.iter().enumerate().filter(|(_, is)| **is) {
            moves[layer_of[at]] = true;
        }
        let layers = plan.layers.iter().zip(moves).filter(|(_, moves)| *moves);
        layers.map(|(layer, _)| layer.size as f64).sum()
    }

    /// The bytes of the layers that the old image does not have.
    fn updated(&self, old: &Plan, new: &Plan, affected: &[bool]) -> f64 {
        let had: BTreeSet<&[String]> = old.layers.iter().map(|l| l.members.as_slice()).collect();
        let layers = new.layers.iter().filter(|layer| {
            !had.contains(layer.members.as_slice())
                || layer.members.iter().any(|name| affected[self.number[name]])
        });
        layers.map(|layer| layer.size as f64).sum()
    }
}

fn planned(request: &Request) -> Plan {
    plan(request).expect("an index is a valid graph").plan
}

/// All figures of one application.
pub(crate) fn application(old: &Index, new: &Index, name: &str, rows: &mut Vec<Row>) {
    let both = [old, new]
        .iter()
        .all(|index| index.packages.contains_key(name));
    if !both {
        return;
    }
    let (was, is) = (
        Closure::new(old.view().closure(name)),
        Closure::new(new.view().closure(name)),
    );
    let updated = changed(&old.view(), &new.view(), &was, &is);
    for layers in LAYERS {
        for (strategy, label) in STRATEGIES {
            let mut put = |change, (bytes, unavoidable)| {
                rows.push(Row {
                    application: name.to_owned(),
                    nodes: is.nodes.len(),
                    layers,
                    change,
                    strategy: label,
                    bytes,
                    unavoidable,
                });
            };
            let plan = planned(&is.request(layers, strategy, ChangeModel::Nix));
            let layer_of = is.layer_of(&plan);
            let mean = |sets: &[Vec<usize>]| {
                let mut sum = (0.0, 0.0);
                for set in sets {
                    let affected = is.affected(set, ChangeModel::Nix);
                    sum.0 += is.moved(&plan, &layer_of, &affected);
                    sum.1 += is.size(&affected);
                }
                (sum.0 / sets.len() as f64, sum.1 / sets.len() as f64)
            };
            put("application", mean(&[vec![is.number[name]]]));
            let each: Vec<Vec<usize>> = (0..is.nodes.len()).map(|at| vec![at]).collect();
            put("one package", mean(&each));
            put("ten packages", mean(&draws(is.nodes.len())));
            for (changes, change) in REAL {
                let before = planned(&was.request(layers, strategy, changes));
                let after = planned(&is.request(layers, strategy, changes));
                let affected = is.affected(&updated, changes);
                let bytes = is.updated(&before, &after, &affected);
                put(change, (bytes, is.size(&affected)));
            }
        }
        for (changes, change) in REAL {
            let before = planned(&was.request(layers, Strategy::Cost, changes));
            let mut sticky = is.request(layers, Strategy::Cost, changes);
            sticky.previous = Some(is.previous(&before, &updated));
            let after = planned(&sticky);
            let affected = is.affected(&updated, changes);
            rows.push(Row {
                application: name.to_owned(),
                nodes: is.nodes.len(),
                layers,
                change,
                strategy: "sticky",
                bytes: is.updated(&before, &after, &affected),
                unavoidable: is.size(&affected),
            });
        }
        series(old, new, name, layers, rows);
    }
}

/// The nodes of `is` that are new or of another version.
fn changed(old: &View, new: &View, was: &Closure, is: &Closure) -> Vec<usize> {
    let version =
        |view: &View, name: &str| view.package(name).map(|package| package.version.clone());
    let same =
        |name: &str| was.number.contains_key(name) && version(old, name) == version(new, name);
    (is.nodes.iter().enumerate())
        .filter(|(_, node)| !same(&node.path))
        .map(|(at, _)| at)
        .collect()
}

/// Ten nodes at once, drawn by a fixed generator (Knuth's MMIX constants).
fn draws(nodes: usize) -> Vec<Vec<usize>> {
    let mut state = 1u64;
    let mut next = || {
        state =
            (state.wrapping_mul(6_364_136_223_846_793_005)).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % nodes
    };
    (0..DRAWS)
        .map(|_| {
            let mut set = BTreeSet::new();
            while set.len() < nodes.min(10) {
                set.insert(next());
            }
            set.into_iter().collect()
        })
        .collect()
}

/// The changes between the indexes in steps, each a tenth of the sources: the sum of what is moved,
/// each plan made from the one before, each made anew, and by the other strategies.
fn series(old: &Index, new: &Index, name: &str, layers: u32, rows: &mut Vec<Row>) {
    let bucket = move |source: &str| {
        let hash = source
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
            });
        (hash >> 32) % STEPS
    };
    let mut sums: BTreeMap<&'static str, f64> = BTreeMap::new();
    let mut unavoidable = 0.0;
    let mut index = old.view();
    let mut was = Closure::new(index.closure(name));
    let mut plans: BTreeMap<&'static str, Plan> = BTreeMap::new();
    for (strategy, label) in STRATEGIES {
        plans.insert(
            label,
            planned(&was.request(layers, strategy, ChangeModel::Nix)),
        );
    }
    plans.insert("sticky", plans["cost"].clone());
    for step in 0..STEPS {
        let next = old.with(new, move |source| bucket(source) <= step);
        let is = Closure::new(next.closure(name));
        let updated = changed(&index, &next, &was, &is);
        let affected = is.affected(&updated, ChangeModel::Nix);
        unavoidable += is.size(&affected);
        let mut after: BTreeMap<&'static str, Plan> = BTreeMap::new();
        let mut sticky = is.request(layers, Strategy::Cost, ChangeModel::Nix);
        sticky.previous = Some(is.previous(&plans["sticky"], &updated));
        after.insert("sticky", planned(&sticky));
        for (strategy, label) in STRATEGIES {
            after.insert(
                label,
                planned(&is.request(layers, strategy, ChangeModel::Nix)),
            );
        }
        for (&label, plan) in &after {
            *sums.entry(label).or_default() += is.updated(&plans[label], plan, &affected);
        }
        plans = after;
        index = next;
        was = is;
    }
    for (label, bytes) in sums {
        rows.push(Row {
            application: name.to_owned(),
            nodes: was.nodes.len(),
            layers,
            change: "series",
            strategy: label,
            bytes,
            unavoidable,
        });
    }
}
