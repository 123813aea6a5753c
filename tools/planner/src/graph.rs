//! The graph with its cycles collapsed: what lies on one cycle changes together and is one *knot*.
//!
//! Knots are numbered so that whatever a knot refers to has a smaller number, and in a way that
//! depends on names and references alone.

use crate::check::Checked;
use crate::csr::Csr;
use crate::request::Request;

/// Knots, their sizes and their references.
pub(crate) struct Graph {
    /// For each knot its nodes, ascending.
    pub(crate) nodes: Csr,
    /// For each node its knot.
    pub(crate) knot: Vec<u32>,
    /// For each knot the bytes of its nodes that the base does not have.
    pub(crate) size: Vec<u64>,
    /// Whether any of its nodes needs a layer.
    pub(crate) placed: Vec<bool>,
    /// What each knot refers to.
    pub(crate) references: Csr,
    /// What refers to each knot.
    pub(crate) users: Csr,
    /// The longest way down from each knot.
    pub(crate) depth: Vec<u32>,
}

impl Graph {
    pub(crate) fn new(request: &Request, checked: &Checked) -> Self {
        let count = checked.names.len();
        let references = Csr::new(count, checked.references.clone());
        let knot = knots(&references);
        let knots = knot.iter().map(|&k| k as usize + 1).max().unwrap_or(0);
        let mut size = vec![0; knots];
        let mut placed = vec![false; knots];
        for (node, &place) in checked.places.iter().enumerate() {
            let node_of = &request.nodes[place];
            if !request.base_paths.contains(&node_of.path) {
                size[knot[node] as usize] += node_of.size;
                placed[knot[node] as usize] = true;
            }
        }
        let between = checked
            .references
            .iter()
            .map(|&(from, to)| (knot[from as usize], knot[to as usize]))
            .filter(|(from, to)| from != to)
            .collect();
        let references = Csr::new(knots, between);
        let mut depth = vec![0; knots];
        for k in 0..knots {
            depth[k] = (references.of(k).iter())
                .map(|&below| depth[below as usize] + 1)
                .max()
                .unwrap_or(0);
        }
        let nodes = Csr::new(
            knots,
            (0..count as u32)
                .map(|node| (knot[node as usize], node))
                .collect(),
        );
        Self {
            users: references.transposed(knots),
            nodes,
            knot,
            size,
            placed,
            references,
            depth,
        }
    }

    pub(crate) fn knots(&self) -> usize {
        self.size.len()
    }

    /// The knots that need a layer, ascending.
    pub(crate) fn to_place(&self) -> Vec<u32> {
        (0..self.knots() as u32)
            .filter(|&k| self.placed[k as usize])
            .collect()
    }

    /// The knots that change when these do, ascending.
    pub(crate) fn with_users(&self, changed: &[u32]) -> Vec<u32> {
        closure(&self.users, changed)
    }

    /// The knot, and whatever it refers to, near and far, ascending.
    pub(crate) fn closure(&self, knot: u32) -> Vec<u32> {
        closure(&self.references, &[knot])
    }
}

fn closure(edges: &Csr, from: &[u32]) -> Vec<u32> {
    let mut seen = vec![false; edges.rows()];
    let mut todo = from.to_vec();
    let mut found = Vec::new();
    while let Some(at) = todo.pop() {
        if !std::mem::replace(&mut seen[at as usize], true) {
            found.push(at);
            todo.extend_from_slice(edges.of(at as usize));
        }
    }
    found.sort_unstable();
    found
}

/// Tarjan's strongly connected components, without recursion: for each node its component, those
/// that are referred to first.
fn knots(references: &Csr) -> Vec<u32> {
    const NONE: u32 = u32::MAX;
    let count = references.rows();
    let mut index = vec![NONE; count];
    let mut low = vec![0u32; count];
    let mut knot = vec![NONE; count];
    let (mut stack, mut path, mut next, mut knots) = (Vec::new(), Vec::new(), 0u32, 0u32);
    for root in 0..count {
        if index[root] != NONE {
            continue;
        }
        path.push((root, 0usize));
        while let Some(&(at, edge)) = path.last() {
            if edge == 0 {
                index[at] = next;
                low[at] = next;
                next += 1;
                stack.push(at);
            }
            if let Some(&to) = references.of(at).get(edge) {
                let to = to as usize;
                if let Some(top) = path.last_mut() {
                    top.1 += 1;
                }
                if index[to] == NONE {
                    path.push((to, 0));
                } else if knot[to] == NONE {
                    low[at] = low[at].min(index[to]);
                }
                continue;
            }
            path.pop();
            if let Some(&(above, _)) = path.last() {
                low[above] = low[above].min(low[at]);
            }
            if low[at] == index[at] {
                while let Some(member) = stack.pop() {
                    knot[member] = knots;
                    if member == at {
                        break;
                    }
                }
                knots += 1;
            }
        }
    }
    knot
}
