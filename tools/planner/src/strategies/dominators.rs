//! Dominators of the graph below a root that refers to given knots (Cooper, Harvey and Kennedy's
//! way; on a graph without cycles one pass is enough).

use crate::graph::Graph;

/// For each knot the knot right below the root that dominates it, or is it. `at_root` says which
/// knots the root refers to; every knot must be below one of them.
pub(super) fn top_dominators(graph: &Graph, at_root: &[bool]) -> Vec<u32> {
    const ROOT: u32 = u32::MAX;
    let knots = graph.knots();
    // The immediate dominator. Users have larger numbers, so they come first when going down.
    let mut above = vec![ROOT; knots];
    for knot in (0..knots).rev() {
        if at_root[knot] {
            continue;
        }
        let mut users = graph.users.of(knot).iter();
        let Some(&first) = users.next() else {
            continue;
        };
        let mut common = first;
        for &user in users {
            let mut other = user;
            while common != other && common != ROOT && other != ROOT {
                if common < other {
                    common = above[common as usize];
                } else {
                    other = above[other as usize];
                }
            }
            if common != other {
                common = ROOT;
            }
            if common == ROOT {
                break;
            }
        }
        above[knot] = common;
    }
    let mut top: Vec<u32> = (0..knots as u32).collect();
    for knot in (0..knots).rev() {
        if above[knot] != ROOT {
            top[knot] = top[above[knot] as usize];
        }
    }
    top
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategies::{roots, tests::letters};

    #[test]
    fn what_two_need_is_below_the_root() {
        let (graph, names) = letters(&["A B", "B S T", "C S", "S U", "T", "U"], &[]);
        let mut at_root = vec![false; graph.knots()];
        for root in roots(&graph) {
            at_root[root as usize] = true;
        }
        let top = top_dominators(&graph, &at_root);
        let found: Vec<&str> = (0..names.len())
            .map(|node| super::super::name(&graph, &names, top[graph.knot[node] as usize]))
            .collect();
        // Of A, B, C, S, T, U.
        assert_eq!(found, ["A", "A", "C", "S", "A", "S"]);
    }
}
