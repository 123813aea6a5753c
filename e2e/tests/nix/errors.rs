//! What bad input gets: an error that names the attribute, and what to do.

use crate::world::World;

/// An attribute of `errors` in `e2e/nix/packages.nix`, and what is said of it.
const ERRORS: &[(&str, &[&str])] = &[
    (
        "unknown_argument",
        &[
            "rules_container: buildImage.content: there is no such argument",
            "fix: take it out, or use one of: annotations author",
        ],
    ),
    (
        "missing_argument",
        &[
            "rules_container: buildImage.name: it has to be given",
            "fix: add `name = …;`",
        ],
    ),
    (
        "not_a_list",
        &[
            "rules_container: buildImage.tags: it is string",
            "fix: give a list",
        ],
    ),
    (
        "not_a_set",
        &[
            "rules_container: buildImage.files: it is list",
            "fix: give a set",
        ],
    ),
    (
        "not_a_bool",
        &[
            "rules_container: buildImage.thin: it is string",
            "fix: give `true` or `false`",
        ],
    ),
    (
        "not_an_env",
        &[
            "rules_container: buildImage.config.Env: it is string",
            "fix: give a set, or a list",
        ],
    ),
    (
        "not_a_file",
        &[
            "rules_container: buildImage.files.etc/x: it is int",
            "fix: give a set, as",
        ],
    ),
    (
        "no_text",
        &[
            "rules_container: buildImage.name: it is int",
            "fix: give a string",
        ],
    ),
    (
        "not_a_number",
        &[
            "rules_container: buildImage.maxLayers: it is 200",
            "fix: give a number from 1 to 127",
        ],
    ),
    (
        "user_without_group",
        &[
            "rules_container: buildImage.users.app.group: there is no group `staff`",
            "fix: add `groups.staff = { gid = 1000; };`, or give `gid`",
        ],
    ),
    (
        "unknown_user",
        &[
            "rules_container: buildImage.config.User: there is no user `www`",
            "fix: add `users.www = { uid = 1000; … };`, or give a number",
        ],
    ),
    (
        "no_uid",
        &[
            "rules_container: buildImage.users.app.uid: it has to be given",
            "fix: add `uid = 1000;`",
        ],
    ),
    (
        "unknown_config",
        &[
            "rules_container: buildImage.config.Command: there is no such field",
            "fix: use Cmd, Entrypoint, Env",
        ],
    ),
    (
        "not_a_package",
        &[
            "rules_container: buildImage.contents: it is int",
            "fix: give a package, or a path of your sources",
        ],
    ),
    (
        "not_in_the_store",
        &[
            "rules_container: buildImage.contents: `/usr` is not in /nix/store",
            "fix: give a package",
        ],
    ),
    (
        "absolute_link_in_etc",
        &[
            "rules_container: buildImage.files.etc/resolv.conf: an absolute link in /etc",
            "fix: make it relative, or give `source`",
        ],
    ),
    (
        "file_of_two_contents",
        &[
            "rules_container: buildImage.files.etc/x: it has 2 of text, source",
            "fix: give exactly one",
        ],
    ),
    (
        "no_such_image",
        &[
            "rules_container: pullImage.name: there is no image `debain` in the lock file",
            "fix: run `pull lock debain=REFERENCE`, or take one of: debian",
        ],
    ),
    (
        "not_a_lock",
        &[
            "rules_container: pullImage.lock: it is not a lock file of version 1",
            "fix: write it with `pull lock`",
        ],
    ),
    (
        "no_such_platform",
        &[
            "rules_container: pullImage.platform: `debian` has no image for linux/amd64",
            "fix: take one of: linux/s390x",
        ],
    ),
    (
        "run_as_root",
        &[
            "rules_container: dockerTools.buildImage.runAsRoot: it runs a shell",
            "fix: make a derivation of it",
        ],
    ),
    (
        "other_owner",
        &[
            "rules_container: dockerTools.buildLayeredImage.uid: files of packages belong to root here",
            "fix: set owners",
        ],
    ),
    (
        "now",
        &[
            "rules_container: dockerTools.buildImage.created: `now` differs in every build",
            "fix: give a time",
        ],
    ),
    (
        "no_such_package",
        &[
            "rules_container: imageFromName: there is no package `hallo`",
            "fix: take a name of the package set",
        ],
    ),
    (
        "no_programs",
        &[
            "rules_container: mkLib.tool: no programs are published for `riscv64-linux` yet",
            "fix: give `tool`",
        ],
    ),
    (
        "archive_of_receipts",
        &[
            "rules_container: buildImage.thin: an archive is whole",
            "fix: leave out `form` or `thin`",
        ],
    ),
    // The programs' own.
    (
        "two_packages_want_one_file",
        &[
            "layer: x: two inputs want the path `bin/greet`",
            "first:          buildImage.contents (greet-1)",
            "second:         buildImage.contents (rival-1)",
            "hint: give one of them another destination",
        ],
    ),
    (
        "wrong_platform",
        &[
            "assemble: greet: no image in `",
            "is for the platform linux/arm64",
            "hint: give one of the platforms, or another base",
        ],
    ),
    (
        "over_budget",
        &[
            "layer: greet: a change of the application `greet` moves",
            "and may move 1000",
            "hint: ",
        ],
    ),
    (
        "no_layer_left",
        &[
            "rules_container: buildImage.maxLayers: the base and the layers on it are 1 already, of 1",
            "fix: raise `maxLayers`",
        ],
    ),
    (
        "too_many_base_layers",
        &["layer: greet: ", "hint: raise `max_layers` above "],
    ),
    (
        "not_in_the_closure",
        &[
            "-greet-1` is not in the graph, and `packed` names it",
            "hint: the plan that those layers were made by is not of this graph",
        ],
    ),
    (
        "no_graph",
        &[
            "has no attribute `closure`",
            "hint: give the derivation `exportReferencesGraph.closure`",
        ],
    ),
];

/// Each of them; and a builder that is killed half-way leaves nothing.
pub(crate) fn all(world: &World) {
    let text = std::fs::read_to_string(world.folder.join("packages.nix")).unwrap();
    let listed = text.split("errors = {").nth(1).unwrap();
    let count = listed
        .lines()
        .filter(|line| {
            line.starts_with("    ") && line[4..].starts_with(|c: char| c.is_ascii_lowercase())
        })
        .count();
    let mut wrong = Vec::new();
    for (attribute, expected) in ERRORS {
        let said = world.nix.refused(&format!("errors.{attribute}"));
        for part in *expected {
            if !said.contains(part) {
                wrong.push(format!("{attribute}: no `{part}` in\n{said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(count, ERRORS.len(), "an error has no check");
}
