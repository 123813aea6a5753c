//! What can be wrong with a request, in the words of who reads it at two in the morning.

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of a request. All of them are the request's; none is the machine's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Two nodes with one path.
    #[error("the path `{path}` is in the graph twice")]
    DuplicatePath {
        /// The path.
        path: String,
    },
    /// Two nodes with one given name.
    #[error("two paths have the name `{name}`")]
    DuplicateName {
        /// The name.
        name: String,
        /// One path.
        first: String,
        /// The other.
        second: String,
    },
    /// A reference that leads out of the graph.
    #[error("`{path}` refers to `{reference}`, which is not in the graph")]
    UnknownReference {
        /// Who refers.
        path: String,
        /// To what.
        reference: String,
    },
    /// A path or a name without a letter in it.
    #[error("{what} of node {node} is empty")]
    Empty {
        /// `the path` or `the name`.
        what: &'static str,
        /// Which node of the request, from 0.
        node: usize,
    },
    /// Sizes that add up to more than 8 PiB.
    #[error("the sizes add up to more than {limit} bytes")]
    SizeOverflow {
        /// The most that is planned.
        limit: u64,
        /// The path at which the sum passed it.
        path: String,
        /// That path's own size.
        size: u64,
    },
    /// More nodes than numbers for them.
    #[error("the graph has {nodes} nodes, more than {limit}")]
    TooManyNodes {
        /// How many it has.
        nodes: usize,
        /// How many it may have.
        limit: usize,
    },
    /// A layer limit that no image can have.
    #[error("`max_layers` is {given}, it must be from 1 to 127")]
    MaxLayers {
        /// What was given.
        given: u32,
    },
    /// No layer is left for the plan.
    #[error("the base has {base_layers} layers and the image may have {max_layers}: none is left")]
    NoLayerLeft {
        /// How many the base has.
        base_layers: u32,
        /// How many the image may have.
        max_layers: u32,
    },
    /// A glob that cannot be read.
    #[error("the pattern `{pattern}` is malformed: {reason}")]
    Pattern {
        /// The glob.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A glob that matches no name.
    #[error("the pattern `{pattern}` of a hint matches no name")]
    PatternUnused {
        /// The glob.
        pattern: String,
    },
    /// A hint that says nothing.
    #[error("the hint for `{pattern}` gives neither a volatility nor a weight")]
    HintEmpty {
        /// Its glob.
        pattern: String,
    },
    /// A weight or a horizon out of bounds.
    #[error("{what} is {given}, it must be from 1 to {largest}")]
    OutOfBounds {
        /// Whose, as `the weight of …` or `the horizon`.
        what: String,
        /// What was given.
        given: u32,
        /// The most it may be.
        largest: u32,
    },
    /// A previous plan that is another document.
    #[error("the previous plan is a `{found}` of version {version}")]
    PlanVersion {
        /// Its kind.
        found: String,
        /// Its version.
        version: u32,
    },
    /// A previous plan that has one name in two places.
    #[error("the previous plan has `{name}` in two layers")]
    PlanDuplicate {
        /// The name.
        name: String,
        /// The key of one layer.
        first: String,
        /// The key of the other.
        second: String,
    },
    /// A name that no node has.
    #[error("{what} names `{name}`, which is not in the graph")]
    UnknownName {
        /// Who does, as `a budget`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A change that moves more than it may.
    #[error("a change of {change} moves {moved} bytes, and may move {max}")]
    Budget {
        /// What changes.
        change: String,
        /// How much it moves.
        moved: u64,
        /// How much it may move.
        max: u64,
        /// How much no plan can avoid.
        unavoidable: u64,
        /// The layers that move, largest first: key and size.
        layers: Vec<(String, u64)>,
    },
}

/// The most layers that an error names.
const SHOWN: usize = 8;

impl Error {
    /// Where: lines of a label and its value.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::DuplicateName { first, second, .. } => {
                vec![("first", first.clone()), ("second", second.clone())]
            }
            Self::PlanDuplicate { first, second, .. } => {
                vec![("first", first.clone()), ("second", second.clone())]
            }
            Self::SizeOverflow { path, size, .. } => {
                vec![("passed at", format!("{path} ({size} bytes)"))]
            }
            Self::Budget {
                unavoidable,
                layers,
                ..
            } => {
                let mut lines = vec![("unavoidable", format!("{unavoidable} bytes"))];
                for (key, size) in layers.iter().take(SHOWN) {
                    lines.push(("moves", format!("layer {key} ({size} bytes)")));
                }
                if layers.len() > SHOWN {
                    lines.push(("moves", format!("{} more", layers.len() - SHOWN)));
                }
                lines
            }
            _ => Vec::new(),
        }
    }

    /// What to do about it, in the imperative, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::DuplicatePath { .. } => "list each path once".into(),
            Self::DuplicateName { .. } => {
                "give them different names, or none: then they are made from the paths".into()
            }
            Self::UnknownReference { .. } => {
                "give the whole closure; what the base image has goes into `base_paths` as well"
                    .into()
            }
            Self::MaxLayers { .. } => "leave it out for 100".into(),
            Self::NoLayerLeft { base_layers, .. } => {
                if *base_layers < 127 {
                    format!("raise `max_layers` above {base_layers}, or use a base of fewer layers")
                } else {
                    "use a base of fewer layers".into()
                }
            }
            Self::PatternUnused { .. } => {
                "correct it or remove the hint; it is matched with names, not with paths".into()
            }
            Self::HintEmpty { .. } => "give one of them, or remove the hint".into(),
            Self::PlanVersion { .. } => {
                "make the plan with the same release of the tools that reads it".into()
            }
            Self::PlanDuplicate { .. } => {
                "remove one of the two, or make the plan anew without a previous one".into()
            }
            Self::UnknownName { .. } => "name a node of the graph".into(),
            Self::Budget {
                unavoidable, max, ..
            } if unavoidable > max => {
                "raise the budget: the paths that change are larger than it".into()
            }
            Self::Budget { .. } => {
                "allow more layers, hint at what changes, or raise the budget".into()
            }
            _ => return None,
        })
    }
}
