//! The plan as a document: small enough to be checked in, keyed by names and not by hashes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `kind` of a plan.
pub const KIND: &str = "layer_plan";
/// The version of the plan's form.
pub const VERSION: u32 = 1;

/// Layers in their order, bottom first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Always [`KIND`].
    pub kind: String,
    /// Always [`VERSION`].
    pub version: u32,
    /// The layers, what seldom changes first.
    pub layers: Vec<Layer>,
    /// What the plan is expected to move again.
    pub expected: Expected,
    /// What left its layer of the previous plan though its bytes did not change, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Move>,
}

impl Plan {
    /// The plan of a graph none of whose paths wants a layer.
    pub fn empty() -> Self {
        Self {
            kind: KIND.to_owned(),
            version: VERSION,
            layers: Vec::new(),
            expected: Expected::default(),
            moves: Vec::new(),
        }
    }
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// What it is called from release to release: the key it had, else the name of its largest member.
    pub key: String,
    /// The names of its members, sorted.
    pub members: Vec<String>,
    /// The sum of their sizes.
    pub size: u64,
}

/// The bytes that each kind of change moves again on average.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// One application changes.
    pub application: Moved,
    /// One path changes, by weight.
    pub one_path: Moved,
    /// Ten paths change at once, by weight.
    pub ten_paths: Moved,
    /// One path in eight changes at once, by weight, as with another release of a package set.
    pub update: Moved,
}

/// Bytes moved again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// By this plan.
    pub bytes: u64,
    /// By one layer for each path, below which no plan can come.
    pub unavoidable: u64,
}

/// A path that left its layer though its bytes did not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// Which.
    pub name: String,
    /// The key of the layer where it was.
    pub from: String,
    /// The key of the layer where it is.
    pub to: String,
    /// How many bytes less are moved within the horizon than if it had stayed, its own move counted;
    /// absent where the layer in which it was does not go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saves: Option<i64>,
}
