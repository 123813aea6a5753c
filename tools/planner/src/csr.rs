//! Lists of numbers for each of many things, in two flat vectors.

/// For each row, a sorted list without duplicates.
#[derive(Debug, Clone)]
pub(crate) struct Csr {
    start: Vec<u32>,
    items: Vec<u32>,
}

impl Csr {
    /// From pairs of row and item, in any order; duplicates count once.
    pub(crate) fn new(rows: usize, mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut start = vec![0u32; rows + 1];
        for &(row, _) in &pairs {
            start[row as usize + 1] += 1;
        }
        for row in 0..rows {
            start[row + 1] += start[row];
        }
        Self {
            start,
            items: pairs.into_iter().map(|(_, item)| item).collect(),
        }
    }

    /// The same pairs turned around.
    pub(crate) fn transposed(&self, rows: usize) -> Self {
        let mut pairs = Vec::with_capacity(self.items.len());
        for row in 0..self.rows() {
            pairs.extend(self.of(row).iter().map(|&item| (item, row as u32)));
        }
        Self::new(rows, pairs)
    }

    pub(crate) fn rows(&self) -> usize {
        self.start.len() - 1
    }

    pub(crate) fn of(&self, row: usize) -> &[u32] {
        &self.items[self.start[row] as usize..self.start[row + 1] as usize]
    }
}
