//! Medians over the applications, as Markdown.

use crate::measure::{LAYERS, Row, STRATEGIES};
use std::collections::BTreeMap;
use std::fmt::Write;

const CHANGES: [&str; 6] = [
    "application",
    "one package",
    "ten packages",
    "real",
    "real, not travelling",
    "series",
];

type Case<'a> = BTreeMap<&'a str, (f64, f64)>;

/// All tables.
pub(crate) fn tables(rows: &[Row]) -> String {
    let mut cases: BTreeMap<(u32, &str, &str), Case> = BTreeMap::new();
    for row in rows {
        let case = cases
            .entry((row.layers, row.change, &row.application))
            .or_default();
        case.insert(row.strategy, (row.bytes, row.unavoidable));
    }
    let mut text = String::from(
        "Bytes moved ÷ unavoidable bytes, medians over the applications; excess: ours ÷ that of the best other, medians;\nworst: the largest ours ÷ best other of a single application.\n\n| layers | change |",
    );
    let mut labels: Vec<&str> = STRATEGIES.iter().map(|(_, label)| *label).collect();
    labels.push("sticky");
    for label in &labels {
        let _ = write!(text, " {label} |");
    }
    let _ = writeln!(text, " excess | sum of excess | worst |");
    let _ = writeln!(text, "|---|---|{}", "---|".repeat(labels.len() + 3));
    for layers in LAYERS {
        for change in CHANGES {
            let of: Vec<(&str, &Case)> = (cases.iter())
                .filter(|((l, c, _), _)| *l == layers && *c == change)
                .map(|((_, _, application), case)| (*application, case))
                .collect();
            let _ = write!(text, "| {layers} | {change} |");
            for label in &labels {
                let ratios = of.iter().filter_map(|(_, case)| case.get(label)).map(ratio);
                let _ = match median(ratios.collect()) {
                    Some(ratio) => write!(text, " {ratio:.3} |"),
                    None => write!(text, " |"),
                };
            }
            let sticky = change == "series" || change.starts_with("real");
            let ours = if sticky { "sticky" } else { "cost" };
            let _ = writeln!(text, "{}", against(&of, ours));
        }
    }
    text
}

fn ratio((bytes, unavoidable): &(f64, f64)) -> f64 {
    if *unavoidable > 0.0 {
        bytes / unavoidable
    } else {
        1.0
    }
}

/// Ours against the best other: the excess, and the worst case.
fn against(of: &[(&str, &Case)], ours: &str) -> String {
    let (mut excess, mut worst) = (Vec::new(), (0.0, ""));
    let (mut mine, mut theirs) = (0.0, 0.0);
    for (application, case) in of {
        let Some(&(bytes, unavoidable)) = case.get(ours) else {
            continue;
        };
        let others = case
            .iter()
            .filter(|(label, _)| !["cost", "sticky"].contains(*label));
        let best = others
            .map(|(_, (bytes, _))| *bytes)
            .fold(f64::INFINITY, f64::min);
        mine += bytes - unavoidable;
        theirs += best - unavoidable;
        if best - unavoidable > 0.5 {
            excess.push((bytes - unavoidable) / (best - unavoidable));
        }
        if best > 0.0 && bytes / best > worst.0 {
            worst = (bytes / best, application);
        }
    }
    let excess = median(excess).map_or("-".to_owned(), |excess| format!("{excess:.3}"));
    let sum = if theirs > 0.5 {
        format!("{:.3}", mine / theirs)
    } else {
        "-".to_owned()
    };
    format!(" {excess} | {sum} | {:.3} {} |", worst.0, worst.1)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[half]),
        _ => Some((values[half - 1] + values[half]) / 2.0),
    }
}
