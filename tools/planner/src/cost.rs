//! What a layer costs, from its size and from how probable it is that it changes.
//!
//! Four kinds of change count the same: each is measured in multiples of what it cannot avoid. So
//! an application of 50 kB keeps its own layer although a gigabyte of libraries lies below it. A kind
//! counts more often only where `regret` finds that a plan neglects it.

/// How many paths change in the third kind of change.
const BURST: u32 = 10;
/// One path in so many changes in the fourth.
const UPDATE: usize = 8;
/// Every kind counts once.
pub(crate) const ALIKE: Bytes = Bytes {
    application: 1.0,
    one_path: 1.0,
    ten_paths: 1.0,
    update: 1.0,
};

/// The probabilities that one change falls into a set of paths.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Chance {
    /// A change of one application.
    pub(crate) application: f64,
    /// A change of any one path.
    pub(crate) any: f64,
}

impl Chance {
    /// That a change of so many paths falls into the set.
    fn of(self, paths: u32) -> f64 {
        let (mut base, mut left, mut none) = ((1.0 - self.any).max(0.0), paths, 1.0);
        while left > 0 {
            if left % 2 == 1 {
                none *= base;
            }
            base *= base;
            left /= 2;
        }
        1.0 - none
    }
}

/// One number for each of the four kinds of change: expected bytes, or how often the kind counts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Bytes {
    pub(crate) application: f64,
    pub(crate) one_path: f64,
    pub(crate) ten_paths: f64,
    pub(crate) update: f64,
}

/// The price of a byte under each kind of change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prices {
    each: Bytes,
    /// How often each kind counts.
    counts: Bytes,
    /// How many paths an update changes.
    paths: u32,
}

impl Prices {
    /// Prices under which each kind costs 1 where it moves no more than it must, which is `unavoidable`.
    /// `paths` is how many there are.
    pub(crate) fn new(unavoidable: Bytes, paths: usize) -> Self {
        let price = |bytes: f64| if bytes > 0.0 { 1.0 / bytes } else { 0.0 };
        Self {
            each: Bytes {
                application: price(unavoidable.application),
                one_path: price(unavoidable.one_path),
                ten_paths: price(unavoidable.ten_paths),
                update: price(unavoidable.update),
            },
            counts: ALIKE,
            paths: u32::try_from(paths.div_ceil(UPDATE)).unwrap_or(u32::MAX),
        }
    }

    /// The same prices, where each kind counts that often.
    pub(crate) fn counted(&self, counts: Bytes) -> Self {
        let each = self.each.with(self.counts, |price, was| price / was);
        Self {
            each: each.with(counts, |price, count| price * count),
            counts,
            paths: self.paths,
        }
    }

    /// The same prices in bytes for each change: a plan that moves no more than it must costs what
    /// one path's change moves on average.
    pub(crate) fn in_bytes(&self, unavoidable: Bytes) -> Self {
        let counts = self.counts;
        let kinds = counts.application + counts.one_path + counts.ten_paths + counts.update;
        let each = unavoidable.one_path / kinds;
        Self {
            each: self.each.with(ALIKE, |price, _| price * each),
            ..*self
        }
    }

    /// The same prices for updates of one path in eight, in four and in two.
    pub(crate) fn updates(&self) -> [Self; 3] {
        [1, 2, 4].map(|times| Self {
            paths: self.paths.saturating_mul(times),
            ..*self
        })
    }

    /// What a layer of `size` bytes moves.
    pub(crate) fn bytes(&self, size: f64, chance: Chance) -> Bytes {
        Bytes {
            application: size * chance.application,
            one_path: size * chance.any,
            ten_paths: size * chance.of(BURST),
            update: size * chance.of(self.paths),
        }
    }

    /// What a layer costs.
    pub(crate) fn of(&self, size: f64, chance: Chance) -> f64 {
        let bytes = self.bytes(size, chance);
        self.each.application * bytes.application
            + self.each.one_path * bytes.one_path
            + self.each.ten_paths * bytes.ten_paths
            + self.each.update * bytes.update
    }
}

impl Bytes {
    /// Kind by kind.
    pub(crate) fn with(self, other: Self, both: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            application: both(self.application, other.application),
            one_path: both(self.one_path, other.one_path),
            ten_paths: both(self.ten_paths, other.ten_paths),
            update: both(self.update, other.update),
        }
    }

    /// The largest of the four.
    pub(crate) fn largest(self) -> f64 {
        (self.application.max(self.one_path)).max(self.ten_paths.max(self.update))
    }
}

impl std::ops::AddAssign for Bytes {
    fn add_assign(&mut self, other: Self) {
        *self = self.with(other, |a, b| a + b);
    }
}
