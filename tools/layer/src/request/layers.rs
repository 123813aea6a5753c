//! The request for several layers at once: a graph of paths, and how it is cut into layers.

use super::{Codec, Defaults, Entry, Hardlinks, Limits, Parents};
use planner::{Budget, ChangeModel, Hint, Strategy, Volatility};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The input manifest of a run of `layer` that makes several layers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Layers {
    /// Always `layers`.
    #[schemars(extend("const" = "layers"))]
    pub(crate) kind: String,
    /// Always 1.
    #[schemars(range(min = 1, max = 1))]
    pub(crate) version: u32,
    /// The user's own name for these layers; errors begin with it.
    pub(crate) origin: String,
    /// How each tar is compressed.
    #[serde(default)]
    pub(crate) codec: Codec,
    /// Attributes of every entry that does not give its own.
    #[serde(default)]
    pub(crate) defaults: Defaults,
    /// What happens to directories that entries lie in and that no entry makes.
    #[serde(default)]
    pub(crate) parents: Parents,
    /// Which files of a layer become hard links.
    #[serde(default)]
    pub(crate) hardlinks: Hardlinks,
    /// Bounds on what archives may unpack to.
    #[serde(default)]
    pub(crate) limits: Limits,
    /// What goes in, and what needs what.
    pub(crate) graph: Graph,
    /// Graphs of paths that the image has already, of its base and of other layers: they get no layer.
    #[serde(default)]
    pub(crate) subtract: Vec<NixGraph>,
    /// Paths of the graph that other layers of this image hold: they get no layer. One that is not in the
    /// graph is an error, for then those layers were made by a plan that is not this graph's.
    #[serde(default)]
    pub(crate) packed: BTreeSet<String>,
    /// Paths whose files are copied elsewhere: they get no layer, unless another path needs them.
    #[serde(default)]
    pub(crate) copied: BTreeSet<String>,
    /// How the graph is cut into layers.
    #[serde(default)]
    pub(crate) planning: Planning,
    /// What is made.
    #[serde(default)]
    pub(crate) make: Make,
}

/// What is made of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Make {
    /// Layers: their receipts and their bytes.
    #[default]
    Blobs,
    /// Receipts alone: whoever needs the bytes makes them again from the requests.
    Receipts,
    /// The plan and its explanation.
    Plan,
}

impl action::Request for Layers {
    const KIND: &'static str = "layers";
    const VERSION: u32 = 1;
    fn head(&self) -> (&str, u32) {
        (&self.kind, self.version)
    }
}

/// What goes in, and what needs what.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Graph {
    /// A closure as Nix tells of it: each store path comes to lie where it is.
    Nix(NixGraph),
    /// Nodes that say themselves what they bring.
    Nodes(Vec<Node>),
}

/// Where the JSON of Nix's `exportReferencesGraph` is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NixGraph {
    /// In the structured attribute of this name.
    Attribute(String),
    /// In a file.
    File(PathBuf),
}

/// One node.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Node {
    /// What it is called in references: any text.
    pub(crate) path: String,
    /// What stays the same from release to release; absent: taken from the path.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// The bytes that move when it moves; absent: the sizes of its files, together.
    #[serde(default)]
    pub(crate) size: Option<u64>,
    /// The nodes that it needs.
    #[serde(default)]
    pub(crate) references: BTreeSet<String>,
    /// How often it changes.
    #[serde(default)]
    pub(crate) volatility: Option<Volatility>,
    /// How often it changes against the others, instead of what its volatility stands for.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) weight: Option<u32>,
    /// What it brings into its layer.
    pub(crate) entries: Vec<Entry>,
}

/// How a graph is cut into layers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Planning {
    /// The most layers that the image may have, those of its base included: 1 to 127. By default 100.
    #[schemars(range(min = 1, max = 127))]
    pub(crate) max_layers: u32,
    /// How many of them the base has, and whatever else is in the image besides these.
    pub(crate) base_layers: u32,
    /// Receipts that tell of more of them, which are counted too: of an image by `assemble`, or
    /// `layers.json` of other layers.
    pub(crate) below: Vec<PathBuf>,
    /// Smaller layers are merged with others, in bytes.
    pub(crate) min_layer_size: u64,
    /// How a change travels. By default to all that depends on it for a closure of Nix, and not at all
    /// for nodes.
    pub(crate) change_model: Option<ChangeModel>,
    /// What changes often and what seldom.
    pub(crate) hints: Vec<Hint>,
    /// What a change may move at most: more is an error.
    pub(crate) budgets: Vec<Budget>,
    /// How layers are found. By default by the bytes that likely changes move again.
    pub(crate) strategy: Strategy,
    /// The file of the plan of the release before: what `--plan` printed, and what `plan.json` of the
    /// output holds.
    pub(crate) previous: Option<PathBuf>,
    /// The names whose bytes are not what they were then; absent: not known.
    pub(crate) changed: Option<BTreeSet<String>>,
    /// After how many changes the move of a path must have paid for itself. By default 10.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) horizon: u32,
}

impl Default for Planning {
    fn default() -> Self {
        Self {
            max_layers: 100,
            base_layers: 0,
            below: Vec::new(),
            min_layer_size: 0,
            change_model: None,
            hints: Vec::new(),
            budgets: Vec::new(),
            strategy: Strategy::default(),
            previous: None,
            changed: None,
            horizon: 10,
        }
    }
}
