//! How long a plan of a large graph takes: `cargo run --release -p planner --example scale -- NODES`.
//!
//! The graph is made by a fixed generator: each node refers to a few that came before it, mostly to
//! those that are much referred to, as libraries are.

#![allow(
    clippy::print_stdout,
    reason = "a measurement at the command line, not a tool of the build"
)]

use planner::{Node, Request, plan};
use std::time::Instant;

fn main() {
    for argument in std::env::args().skip(1) {
        let nodes = argument.parse().expect("a number of nodes");
        let request = Request {
            nodes: graph(nodes),
            ..Request::default()
        };
        let start = Instant::now();
        let planned = plan(&request).expect("the graph is valid");
        let expected = planned.plan.expected;
        println!(
            "{nodes} nodes: {:.2} s, {} layers; one path moves {} bytes, {} unavoidable",
            start.elapsed().as_secs_f64(),
            planned.plan.layers.len(),
            expected.one_path.bytes,
            expected.one_path.unavoidable
        );
    }
}

fn graph(nodes: u64) -> Vec<Node> {
    let mut state = 1u64;
    let mut next = move |below: u64| {
        state =
            (state.wrapping_mul(6_364_136_223_846_793_005)).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below.max(1)
    };
    let path = |at: u64| format!("package-{at:06}");
    (0..nodes)
        .map(|at| Node {
            path: path(at),
            name: None,
            size: 1 << (10 + next(14)),
            references: (0..next(8).min(at))
                .map(|_| {
                    // A number below `at`, small ones far more often.
                    let far = next(at);
                    path(if next(3) == 0 { far } else { next(far.max(1)) })
                })
                .collect(),
            volatility: None,
            weight: None,
        })
        .collect()
}
