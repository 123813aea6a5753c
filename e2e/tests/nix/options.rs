//! The page of other tools' options says of each what is true.

use std::collections::BTreeMap;
use std::fs;

use e2e::programs;

use crate::world::World;

pub(crate) fn all(world: &World) {
    let options = world.nix.attribute("options");
    let (_, taken) = world.nix.succeed("nix", &["eval", "--json", &options]);
    let taken: BTreeMap<String, BTreeMap<String, bool>> = serde_json::from_str(&taken).unwrap();
    let page = programs::workspace().join("docs/nix/options.md");
    let said = said(&fs::read_to_string(page).unwrap());
    let mut wrong = Vec::new();
    for ((function, option), state) in &said {
        match (
            taken.get(function).and_then(|of| of.get(option)),
            state.as_str(),
        ) {
            (Some(true), "done") | (Some(false), "not") => {}
            (Some(_), "differently" | "not needed" | "ignored") => {}
            (found, state) => wrong.push(format!("{function}.{option}: {state}, and {found:?}")),
        }
    }
    for (function, options) in &taken {
        for option in options.keys() {
            let key = (function.clone(), option.clone());
            if !said.contains_key(&key) {
                wrong.push(format!("{function}.{option} is not on the page"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(said.len() >= 50, "{}", said.len());
}

/// What the tables say: of each function and option its state. Functions of their own, as `copyTo`, have
/// no options.
fn said(page: &str) -> BTreeMap<(String, String), String> {
    let mut said = BTreeMap::new();
    let mut function = String::new();
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            function = title.split(':').next().unwrap_or_default().to_owned();
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, options, state, ..] = cells[..] else {
            continue;
        };
        for option in options
            .split(", ")
            .filter_map(|name| name.strip_prefix('`'))
        {
            let option = option.trim_end_matches('`');
            let option = match option.split_once('.') {
                Some((of, option)) => {
                    function = of.to_owned();
                    option
                }
                None => option,
            };
            if !option.starts_with("copyTo") || option == "copyToRoot" {
                said.insert((function.clone(), option.to_owned()), state.to_owned());
            }
        }
    }
    said.retain(|(_, option), _| option != "pullImageFromManifest");
    said
}
