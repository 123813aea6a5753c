//! Which knots get a column: all of them in a small graph, else a sample that stands for all.
//!
//! The sample is systematic: along the order of a walk that keeps a knot near what it refers to,
//! one knot every so much weight. It is a function of the graph, and holds as many knots whatever
//! the graph's size, so memory is linear.

use crate::graph::Graph;
use crate::hints::Weights;

/// The most knots that all get a column.
pub(crate) const EXACT: usize = 2048;
/// How many columns a sample has.
const SAMPLED: usize = 1024;
/// The most applications that all get a column beside the sample.
const APPLICATIONS: usize = 128;

/// Columns of the model.
pub(crate) struct Columns {
    /// For each column its knot, its weight, and its weight as an application.
    pub(crate) columns: Vec<(u32, f64, f64)>,
    /// Whether every knot has a column.
    pub(crate) exact: bool,
}

impl Columns {
    pub(crate) fn new(graph: &Graph, weights: &Weights) -> Self {
        let knots = graph.knots() as u32;
        let application = |k: u32| f64::from(u8::from(weights.application[k as usize]));
        if knots as usize <= EXACT {
            return Self {
                columns: (0..knots)
                    .map(|k| (k, weights.any[k as usize], application(k)))
                    .collect(),
                exact: true,
            };
        }
        let applications: Vec<u32> = (0..knots)
            .filter(|&k| weights.application[k as usize])
            .collect();
        let all = applications.len() <= APPLICATIONS;
        let mut columns: Vec<(u32, f64, f64)> = Vec::new();
        if all {
            columns.extend(
                (applications.iter()).map(|&k| (k, weights.any[k as usize], application(k))),
            );
        } else {
            // They are leaves of the walk for the most part; every so manieth stands for its neighbours.
            let step = applications.len().div_ceil(APPLICATIONS);
            let chosen: Vec<u32> = applications.iter().copied().step_by(step).collect();
            let each = applications.len() as f64 / chosen.len() as f64;
            columns.extend(chosen.iter().map(|&k| (k, 0.0, each)));
        }
        let rest: Vec<u32> = (0..knots)
            .filter(|&k| !(all && weights.application[k as usize]))
            .collect();
        let total: f64 = rest.iter().map(|&k| weights.any[k as usize]).sum();
        let step = total / SAMPLED as f64;
        let (mut passed, mut due) = (0.0, step / 2.0);
        for &k in &rest {
            passed += weights.any[k as usize];
            let mut stands_for = 0.0;
            while passed > due {
                stands_for += step;
                due += step;
            }
            if stands_for > 0.0 {
                columns.push((k, stands_for, 0.0));
            }
        }
        Self {
            columns,
            exact: false,
        }
    }
}
