//! Golden files: what a case's run must leave, byte for byte.
//!
//! | file | is |
//! |---|---|
//! | `listing.ndjson` | `layer`: its own listing; others: a line for each file of the output |
//! | `digests.json` | digests of the output, computed here |
//! | `plan.json`, `receipt.json` | where the case has them: what `--plan` prints, the receipt |
//! | `warnings.txt` | standard error of a run that succeeds, where it says something |
//! | `error.txt` | standard error of a run that fails, then `exit N` |
//!
//! `UPDATE_GOLDEN=1` rewrites them instead: a case is an error's if its run fails.

use std::fs;

use serde_json::Value;

use crate::blob;
use crate::case::Case;
use crate::run::Outcome;

/// Compares a run, and its plan where it succeeded, with the case's golden files.
/// What is wrong comes back as text for a human.
pub fn check(case: &Case, outcome: &Outcome, plan: Option<&Outcome>) -> Result<(), String> {
    let update = ::golden::updating();
    let failed = if update {
        outcome.code != 0
    } else {
        case.fails()
    };
    let mut wrong = Vec::new();
    if outcome.code == 70 {
        return Err(format!("a bug, which is never golden:\n{}", outcome.stderr));
    }
    if !outcome.stdout.is_empty() {
        wrong.push(format!(
            "standard output is not silent:\n{}",
            outcome.stdout
        ));
    }
    if !outcome.stray.is_empty() {
        wrong.push(format!("files came, went or changed: {:?}", outcome.stray));
    }
    let goldens = if failed {
        error(outcome, &mut wrong)
    } else {
        success(case, outcome, plan, &mut wrong)?
    };
    for (file, got) in goldens {
        let path = case.golden(file);
        match got {
            Some(text) if update => fs::write(path, text).unwrap(),
            None if update => _ = fs::remove_file(path),
            got => {
                let want = fs::read_to_string(path).ok();
                if want != got {
                    let diff = diff(want.as_deref().unwrap_or(""), got.as_deref().unwrap_or(""));
                    wrong.push(format!("{file} differs (- golden, + this run):\n{diff}"));
                }
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

type Goldens = Vec<(&'static str, Option<String>)>;

/// A failed run says why and leaves nothing.
fn error(outcome: &Outcome, wrong: &mut Vec<String>) -> Goldens {
    let left = [
        ("output", outcome.out.is_some()),
        ("receipt", outcome.receipt.is_some()),
        ("listing", outcome.listing.is_some()),
    ];
    for (what, _) in left.iter().filter(|(_, is)| *is) {
        wrong.push(format!(
            "the run ended with exit {} and left a {what}",
            outcome.code
        ));
    }
    let text = format!("{}exit {}\n", outcome.stderr, outcome.code);
    let mut goldens = vec![("error.txt", Some(text))];
    goldens.extend(["listing.ndjson", "digests.json", "warnings.txt"].map(|file| (file, None)));
    goldens
}

/// A run that succeeds leaves its output, its receipt, and nothing else.
fn success(
    case: &Case,
    outcome: &Outcome,
    plan: Option<&Outcome>,
    wrong: &mut Vec<String>,
) -> Result<Goldens, String> {
    if outcome.code != 0 {
        return Err(format!("exit {}:\n{}", outcome.code, outcome.stderr));
    }
    let out = outcome
        .out
        .as_ref()
        .ok_or("exit 0, but there is no output")?;
    let receipt = outcome
        .receipt
        .as_deref()
        .ok_or("exit 0, but there is no receipt")?;
    let read: Value = serde_json::from_str(receipt).map_err(|error| format!("receipt: {error}"))?;
    let (listing, digests) = if case.tool == "layer" {
        let Some(crate::tree::Node::File(bytes)) = out.get(std::path::Path::new("")) else {
            return Err("the output of `layer` is not a file".into());
        };
        let digests = blob::layer_digests(bytes).map_err(|error| format!("blob: {error}"))?;
        for field in ["digest", "diff_id", "size"] {
            if read[field] != digests[field] {
                let (said, is) = (&read[field], &digests[field]);
                wrong.push(format!(
                    "the receipt says {field} {said}, the blob has {is}"
                ));
            }
        }
        (
            outcome
                .listing
                .clone()
                .ok_or("exit 0, but there is no listing")?,
            digests,
        )
    } else {
        let listing = blob::tree_listing(out).map_err(|error| format!("output: {error}"))?;
        (listing, blob::tree_digests(out))
    };
    let digests = format!("{digests:#}\n");
    let mut goldens: Goldens = vec![
        ("listing.ndjson", Some(listing)),
        ("digests.json", Some(digests)),
        (
            "warnings.txt",
            Some(outcome.stderr.clone()).filter(|text| !text.is_empty()),
        ),
        ("error.txt", None),
    ];
    if case.golden("receipt.json").exists() {
        goldens.push(("receipt.json", Some(pretty(receipt)?)));
    }
    if let Some(plan) = plan {
        if plan.code != 0 || plan.out.is_some() || !plan.stray.is_empty() {
            wrong.push(format!(
                "--plan: exit {}, wrote {:?}",
                plan.code, plan.stray
            ));
        }
        let text = pretty(&plan.stdout)?;
        if case.golden("plan.json").exists() {
            goldens.push(("plan.json", Some(text)));
        }
    }
    Ok(goldens)
}

/// A JSON document as a reader wants it. Key order and values stay as they were written.
fn pretty(text: &str) -> Result<String, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("JSON: {error}"))?;
    Ok(format!("{value:#}\n"))
}

/// The lines that differ, without the equal ones before and after; at most forty of a side.
pub fn diff(want: &str, got: &str) -> String {
    let (want, got): (Vec<_>, Vec<_>) = (want.lines().collect(), got.lines().collect());
    let same = want.iter().zip(&got).take_while(|(a, b)| a == b).count();
    let (want, got) = (&want[same..], &got[same..]);
    let tail = want
        .iter()
        .rev()
        .zip(got.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let mut text = format!("    line {}\n", same + 1);
    for (mark, lines) in [
        ('-', &want[..want.len() - tail]),
        ('+', &got[..got.len() - tail]),
    ] {
        for line in lines.iter().take(40) {
            text.push_str(&format!("    {mark} {line}\n"));
        }
        if lines.len() > 40 {
            text.push_str(&format!("    {mark} … {} more lines\n", lines.len() - 40));
        }
    }
    text
}
