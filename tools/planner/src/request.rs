//! The request: types, no meaning.

use crate::output::Plan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is to be planned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The graph, in any order.
    pub nodes: Vec<Node>,
    /// How many layers, and how small.
    #[serde(default)]
    pub limits: Limits,
    /// Paths that the base image has already: they get no layer. Those that are not in the graph are
    /// ignored, for the list is the base's whole inventory.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub base_paths: BTreeSet<String>,
    /// How a change travels.
    #[serde(default)]
    pub change_model: ChangeModel,
    /// What changes often and what seldom. Later hints win over earlier ones; what a node says
    /// itself wins over all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<Hint>,
    /// The plan of the release before: a path leaves its layer only where that is worth the bytes.
    /// The named strategies know no such thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// What a change may move at most: more is an error.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Budget>,
    /// How layers are found.
    #[serde(default)]
    pub strategy: Strategy,
}

/// One path of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// The whole path: a Nix store path, or where a runfile lies.
    pub path: String,
    /// What stays the same from release to release; absent: taken from the path by
    /// [`stable_names`](crate::stable_names).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The bytes that move when it moves: compressed where that is known, else as unpacked.
    pub size: u64,
    /// The paths it refers to; itself may be among them.
    #[serde(default)]
    pub references: BTreeSet<String>,
    /// How often it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volatility: Option<Volatility>,
    /// How often it changes against the others, instead of what its volatility stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub weight: Option<u32>,
}

/// Limits of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The most layers that the image may have, those of its base included: 1 to 127.
    #[schemars(range(min = 1, max = 127))]
    pub max_layers: u32,
    /// How many of them the base has, and whatever else is laid on top of the plan.
    pub base_layers: u32,
    /// Smaller layers are merged with others, in bytes. A layer of applications alone is exempt: it is
    /// the one that moves every time, and a minimum would make it move more.
    pub min_layer_size: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_layers: 100,
            base_layers: 0,
            min_layer_size: 0,
        }
    }
}

/// How a change travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeModel {
    /// To everything that depends on it, for a dependency's hash is in its dependents' bytes.
    #[default]
    Nix,
    /// Not at all: only the path itself has other bytes.
    Runfiles,
}

/// How often a path changes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Volatility {
    /// Seldom: a language's runtime, a C library. An eighth of a dependency.
    Runtime,
    /// Now and then.
    Dependency,
    /// At every release. Where nobody says so of any path, these are the paths that nothing refers to.
    Application,
}

/// What is known about the paths whose names match a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hint {
    /// A glob over names, `*` and `?` and `[…]` and `{…}`; it must match something.
    pub pattern: String,
    /// How often they change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volatility: Option<Volatility>,
    /// How often each changes against others: 8 is any dependency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub weight: Option<u32>,
}

/// The release before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// Its plan.
    pub plan: Plan,
    /// The names whose bytes are not what they were then; absent: not known, and every layer counts
    /// as one that could be kept. Names that are new or gone need not be listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<BTreeSet<String>>,
    /// After how many changes a path's move must have paid for itself.
    #[serde(default = "horizon")]
    #[schemars(range(min = 1, max = 1000))]
    pub horizon: u32,
}

fn horizon() -> u32 {
    10
}

/// "This change may move at most that many bytes."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Which change.
    pub change: Change,
    /// How much it may move.
    pub max_bytes: u64,
}

/// A change that a budget is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Any application: the worst of them counts.
    Application,
    /// These names, all at once.
    Names(BTreeSet<String>),
    /// The release at hand, against the previous plan and what changed since; without those, all is new.
    Update,
}

/// How layers are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// By the bytes that likely changes move again.
    #[default]
    Cost,
    /// As dockerTools did until 2024: the most referenced paths get a layer each, the rest share one.
    Popularity,
    /// As dockerTools does now: by which large paths need a path.
    AutoLayer,
    /// As nix2container does: by the number of routes that lead to a path.
    Nix2container,
    /// As Nixery does: by what dominates a path; never more than 94 layers.
    Nixery,
}
