//! How often each knot changes, from what nodes say, from hints, and from the graph.

use crate::check::Checked;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::request::{Request, Volatility};
use globset::GlobBuilder;

/// The weight of a dependency; 8 so that a runtime can have less.
const DEPENDENCY: u32 = 8;
const RUNTIME: u32 = 1;
/// The largest weight.
const LARGEST: u32 = 1_000_000;

/// For each knot how often it changes against the others, and whether it is an application.
pub(crate) struct Weights {
    pub(crate) any: Vec<f64>,
    pub(crate) application: Vec<bool>,
    pub(crate) volatility: Vec<Volatility>,
}

#[derive(Clone, Copy, Default)]
struct Said {
    volatility: Option<Volatility>,
    weight: Option<u32>,
}

impl Weights {
    /// # Errors
    /// [`Error::Pattern`], [`Error::PatternUnused`], [`Error::HintEmpty`], [`Error::OutOfBounds`].
    pub(crate) fn new(request: &Request, checked: &Checked, graph: &Graph) -> Result<Self> {
        let said = said(request, checked)?;
        let told = said
            .iter()
            .any(|said| said.volatility == Some(Volatility::Application));
        let knots = graph.knots();
        let mut weights = Self {
            any: vec![0.0; knots],
            application: vec![false; knots],
            volatility: vec![Volatility::Runtime; knots],
        };
        for (node, said) in said.iter().enumerate() {
            let knot = graph.knot[node] as usize;
            let volatility = said.volatility.unwrap_or_else(|| {
                if !told && graph.users.of(knot).is_empty() {
                    Volatility::Application
                } else {
                    Volatility::Dependency
                }
            });
            let weight = said.weight.unwrap_or(match volatility {
                Volatility::Runtime => RUNTIME,
                Volatility::Dependency | Volatility::Application => DEPENDENCY,
            });
            weights.any[knot] += f64::from(weight);
            weights.application[knot] |= volatility == Volatility::Application;
            weights.volatility[knot] = weights.volatility[knot].max(volatility);
        }
        Ok(weights)
    }
}

fn said(request: &Request, checked: &Checked) -> Result<Vec<Said>> {
    let mut said = vec![Said::default(); checked.names.len()];
    for hint in &request.hints {
        if hint.volatility.is_none() && hint.weight.is_none() {
            return Err(Error::HintEmpty {
                pattern: hint.pattern.clone(),
            });
        }
        check(hint.weight, || format!("the weight of `{}`", hint.pattern))?;
        let glob = GlobBuilder::new(&hint.pattern)
            .build()
            .map_err(|error| Error::Pattern {
                pattern: hint.pattern.clone(),
                reason: error.kind().to_string(),
            })?
            .compile_matcher();
        let mut used = false;
        for (said, name) in said.iter_mut().zip(&checked.names) {
            if glob.is_match(name) {
                used = true;
                said.volatility = hint.volatility.or(said.volatility);
                said.weight = hint.weight.or(said.weight);
            }
        }
        if !used {
            return Err(Error::PatternUnused {
                pattern: hint.pattern.clone(),
            });
        }
    }
    for (said, &place) in said.iter_mut().zip(&checked.places) {
        let node = &request.nodes[place];
        check(node.weight, || format!("the weight of `{}`", node.path))?;
        said.volatility = node.volatility.or(said.volatility);
        said.weight = node.weight.or(said.weight);
    }
    Ok(said)
}

fn check(weight: Option<u32>, what: impl Fn() -> String) -> Result<()> {
    match weight {
        Some(given) if !(1..=LARGEST).contains(&given) => Err(Error::OutOfBounds {
            what: what(),
            given,
            largest: LARGEST,
        }),
        _ => Ok(()),
    }
}
