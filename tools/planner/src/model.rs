//! For every knot, which changes reach it: a row of bits, one for each column.
//!
//! In a small graph each knot is a column and a set's chance is exact: the weight of the union of
//! the rows. In a large one the columns are a sample. Then a set's own members count by their own
//! weights, exactly, and the sample tells only of changes that come from outside the set: a row has a
//! second half, with the columns that are the knot itself, and these are taken away from the union.
//! Under [`ChangeModel::Runfiles`] nothing comes from outside, so there are no columns and all is exact.

use crate::cost::{Bytes, Chance, Prices};
use crate::graph::Graph;
use crate::hints::Weights;
use crate::request::ChangeModel;
use crate::sample::Columns;

/// Bits of a word.
const WORD: usize = 64;

/// Rows of bits and the weights of their columns.
pub(crate) struct Model {
    /// Words of the first half of a row.
    half: usize,
    /// Words of a row.
    pub(crate) stride: usize,
    rows: Vec<u64>,
    /// The weights of each column, as chances.
    columns: Vec<Chance>,
    /// The weight of every column of a word, where they are equal.
    uniform: Vec<Option<Chance>>,
    /// For each knot what it counts by itself; nothing where its column says it.
    own: Vec<Chance>,
    application: Vec<bool>,
    /// The prices of bytes.
    pub(crate) prices: Prices,
    /// What no plan can avoid.
    pub(crate) unavoidable: Bytes,
}

/// A set of knots: one, or a layer.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    /// The union of their rows.
    pub(crate) row: Vec<u64>,
    /// The sum of what they count by themselves.
    pub(crate) own: Chance,
    /// The sum of their sizes.
    pub(crate) size: u64,
    /// Whether all of them are applications.
    pub(crate) applications: bool,
}

impl Model {
    pub(crate) fn new(graph: &Graph, weights: &Weights, changes: ChangeModel) -> Self {
        let knots = graph.knots();
        let mut columns = match changes {
            ChangeModel::Nix => Columns::new(graph, weights),
            ChangeModel::Runfiles => Columns {
                columns: Vec::new(),
                exact: false,
            },
        };
        // Equal weights side by side, so that most words are counted at once.
        columns.columns.sort_by(|a, b| {
            (b.2.total_cmp(&a.2))
                .then(b.1.total_cmp(&a.1))
                .then(a.0.cmp(&b.0))
        });
        let any: f64 = weights.any.iter().sum();
        let applications = weights.application.iter().filter(|&&is| is).count() as f64;
        let part = |weight: f64, of: f64| if of > 0.0 { weight / of } else { 0.0 };
        let chances: Vec<Chance> = (columns.columns.iter())
            .map(|&(_, weight, application)| Chance {
                application: part(application, applications),
                any: part(weight, any),
            })
            .collect();
        let half = chances.len().div_ceil(WORD);
        let stride = if columns.exact { half } else { 2 * half };
        let own = (0..knots)
            .map(|k| {
                if columns.exact {
                    return Chance::default();
                }
                Chance {
                    application: part(f64::from(u8::from(weights.application[k])), applications),
                    any: part(weights.any[k], any),
                }
            })
            .collect();
        let mut model = Self {
            half,
            stride,
            rows: vec![0; knots * stride],
            uniform: (chances.chunks(WORD))
                .map(|word| word.iter().all(|c| c == &word[0]).then_some(word[0]))
                .collect(),
            columns: chances,
            own,
            application: weights.application.clone(),
            prices: Prices::new(Bytes::default(), knots),

            unavoidable: Bytes::default(),
        };
        model.fill(graph, &columns);
        for k in graph.to_place() {
            let size = graph.size[k as usize] as f64;
            let chance = model.chance(&model.set(graph, k));
            model.unavoidable += model.prices.bytes(size, chance);
        }
        model.prices = Prices::new(model.unavoidable, knots);
        model
    }

    fn fill(&mut self, graph: &Graph, columns: &Columns) {
        for (column, &(knot, _, _)) in columns.columns.iter().enumerate() {
            let (word, bit) = (column / WORD, 1u64 << (column % WORD));
            let row = knot as usize * self.stride;
            self.rows[row + word] |= bit;
            if !columns.exact {
                self.rows[row + self.half + word] |= bit;
            }
        }
        // Smaller numbers first: what a knot refers to is complete before it.
        for knot in 0..graph.knots() {
            for &below in graph.references.of(knot) {
                let (done, rest) = self.rows.split_at_mut(knot * self.stride);
                let from = below as usize * self.stride;
                for (to, from) in rest.iter_mut().zip(&done[from..from + self.half]) {
                    *to |= from;
                }
            }
        }
    }

    pub(crate) fn row(&self, knot: u32) -> &[u64] {
        &self.rows[knot as usize * self.stride..][..self.stride]
    }

    /// A knot as a set.
    pub(crate) fn set(&self, graph: &Graph, knot: u32) -> Set {
        Set {
            row: self.row(knot).to_vec(),
            own: self.own[knot as usize],
            size: graph.size[knot as usize],
            applications: self.application[knot as usize],
        }
    }

    /// Several knots as a set.
    pub(crate) fn union(&self, graph: &Graph, knots: &[u32]) -> Set {
        let mut set = self.empty();
        for &knot in knots {
            set.size += graph.size[knot as usize];
            set.own = add(set.own, self.own[knot as usize]);
            set.applications &= self.application[knot as usize];
            for (to, from) in set.row.iter_mut().zip(self.row(knot)) {
                *to |= from;
            }
        }
        set
    }

    /// The set of nothing.
    pub(crate) fn empty(&self) -> Set {
        Set {
            row: vec![0; self.stride],
            own: Chance::default(),
            size: 0,
            applications: true,
        }
    }

    /// The chance that a change reaches the set.
    pub(crate) fn chance(&self, set: &Set) -> Chance {
        self.count(set.own, |word| set.row[word])
    }

    /// The chance that a change reaches either set.
    pub(crate) fn chance_of_both(&self, a: &Set, b: &Set) -> Chance {
        self.count(add(a.own, b.own), |word| a.row[word] | b.row[word])
    }

    /// What each byte of the set costs as a layer.
    pub(crate) fn unit(&self, set: &Set) -> f64 {
        self.prices.of(1.0, self.chance(set))
    }

    /// What the set costs as a layer.
    pub(crate) fn cost(&self, set: &Set) -> f64 {
        set.size as f64 * self.unit(set)
    }

    /// What both cost as one layer.
    pub(crate) fn cost_of_both(&self, a: &Set, b: &Set) -> f64 {
        self.prices
            .of((a.size + b.size) as f64, self.chance_of_both(a, b))
    }

    /// How many columns there are, those of the last word that stand for nothing included.
    pub(crate) fn columns(&self) -> usize {
        self.half * WORD
    }

    /// Calls `each` with every column of the set's union.
    pub(crate) fn each_column(&self, set: &Set, mut each: impl FnMut(usize)) {
        for (at, &word) in set.row[..self.half].iter().enumerate() {
            let mut bits = word;
            while bits != 0 {
                each(at * WORD + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }

    /// The weight of the bits that `word` gives, and `own`.
    pub(crate) fn count(&self, own: Chance, word: impl Fn(usize) -> u64) -> Chance {
        let mut sum = own;
        let sampled = self.stride > self.half;
        for at in 0..self.half {
            let mut bits = word(at);
            if sampled {
                bits &= !word(self.half + at);
            }
            if bits == 0 {
                continue;
            }
            if let Some(each) = self.uniform[at] {
                let ones = f64::from(bits.count_ones());
                sum.application += ones * each.application;
                sum.any += ones * each.any;
                continue;
            }
            while bits != 0 {
                let each = self.columns[at * WORD + bits.trailing_zeros() as usize];
                sum = add(sum, each);
                bits &= bits - 1;
            }
        }
        sum
    }
}

/// Both chances added up.
pub(crate) fn add(a: Chance, b: Chance) -> Chance {
    Chance {
        application: a.application + b.application,
        any: a.any + b.any,
    }
}

/// Puts `from` into `into`.
pub(crate) fn absorb(into: &mut Set, from: &Set) {
    into.size += from.size;
    into.own = add(into.own, from.own);
    into.applications &= from.applications;
    for (to, from) in into.row.iter_mut().zip(&from.row) {
        *to |= from;
    }
}
