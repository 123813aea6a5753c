//! `container_digest_test` and its like, when they pass and when they do not.

use std::fs;

use e2e::bazel::{self, Bazel};

use crate::{ONE, module, scratch};

/// Tests of images: what they pass, and what they say where they do not.
#[test]
fn tests_of_images() {
    if !bazel::can("tests of images by Bazel rules") {
        return;
    }
    let _one = ONE.lock();
    let folder = scratch();
    let build = "\
        load(\"@rules_container//rules:defs.bzl\", \"container_digest_test\", \"container_index\", \"container_reproducible_test\", \"container_structure_test\", \"expected_file\")\n\
        load(\":zone.bzl\", \"zone\")\n\
        container_image(name = \"image\", os = \"linux\", architecture = \"amd64\", layers = [\":layer\"], env = {\"A\": \"b\"}, entrypoint = [\"/file\"], check_entrypoint = \"ignore\")\n\
        container_index(name = \"index\", images = [\":image\"])\n\
        container_digest_test(name = \"digest_test\", image = \":image\", expected = \"image.digest\")\n\
        container_digest_test(name = \"documents_test\", image = \":index\", expected = \"index.json\")\n\
        [container_structure_test(name = \"structure_test_of_\" + image, image = image, env = {\"A\": \"b\"}, no_env = [\"B\"], entrypoint = [\"/file\"], cmd = [], layers = 1, platform = \"linux/amd64\") for image in [\"image\", \"index\"]]\n\
        container_structure_test(name = \"files_test\", image = \":image\", files = {\"/file\": expected_file(type = \"file\", mode = \"0644\", size = 4)}, absent = [\"/other\"])\n\
        container_structure_test(name = \"wrong_structure_test\", image = \":image\", user = \"nobody\", files = {\"/file\": expected_file(mode = \"0755\")}, absent = [\"/file\"])\n\
        container_image(name = \"previous\", os = \"linux\", architecture = \"amd64\", layers = [\":layer\"], env = {\"OLD\": \"value\"})\n\
        container_digest_test(name = \"explained_test\", image = \":image\", expected = \"previous.txt\", previous = \":previous\")\n\
        container_reproducible_test(name = \"reproducible_test\", image = \":index\")\n\
        zone(name = \"zone\")\n\
        container_layer(name = \"zone_layer\", srcs = {\"/zone\": \":zone\"})\n\
        container_image(name = \"of_zone\", os = \"linux\", architecture = \"amd64\", layers = [\":zone_layer\"])\n\
        container_reproducible_test(name = \"irreproducible_test\", image = \":of_zone\")\n";
    let zone = "def _zone_impl(ctx):\n    \
        out = ctx.actions.declare_file(ctx.label.name)\n    \
        ctx.actions.run_shell(outputs = [out], command = \"echo $TZ > \" + out.path, use_default_shell_env = True)\n    \
        return DefaultInfo(files = depset([out]))\n\
        zone = rule(implementation = _zone_impl)\n";
    let workspace = module(folder.path(), "", build);
    fs::write(workspace.join("zone.bzl"), zone).unwrap();
    fs::write(workspace.join("image.digest"), "").unwrap();
    fs::write(workspace.join("index.json"), "").unwrap();
    let bazel = Bazel::new(&workspace, &folder.path().join("root")).with_programs();
    let fails = |target: &str, words: &[&str]| {
        let output = bazel.run(&["test", target, "--test_output=errors"]);
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        for word in words {
            assert!(said.contains(word), "`{word}` is not in:\n{said}");
        }
    };
    fails(
        "//:digest_test",
        &["verify: //:digest_test: `image.digest`", "it is empty"],
    );
    bazel.succeed(&["run", "//:digest_test.update"]);
    bazel.succeed(&["run", "//:documents_test.update"]);
    let right = [
        "test",
        "//:digest_test",
        "//:documents_test",
        "//:structure_test_of_image",
        "//:structure_test_of_index",
        "//:files_test",
        "//:reproducible_test",
    ];
    bazel.succeed(&right);
    let digest = fs::read_to_string(workspace.join("image.digest")).unwrap();
    assert_eq!(digest.trim().as_bytes(), bazel.read("image.digest"));
    let documents = fs::read_to_string(workspace.join("index.json")).unwrap();
    assert!(documents.contains("\"image_documents\"") && documents.contains("\"A=b\""));

    fails(
        "//:wrong_structure_test",
        &[
            "verify: //:wrong_structure_test: ",
            "user",
            "`nobody`",
            "0755",
            "0644",
        ],
    );
    fails(
        "//:irreproducible_test",
        &["verify: //:irreproducible_test: ", "of_zone.sparse"],
    );

    // What moved is told where both images are at hand.
    bazel.succeed(&["build", "//:previous"]);
    fs::write(
        workspace.join("previous.txt"),
        bazel.read("previous.digest"),
    )
    .unwrap();
    fails(
        "//:explained_test",
        &["verify: //:explained_test: ", "OLD=value", "A=b"],
    );

    // Something moves: both digests are told, and the command that takes the new one over.
    module(
        folder.path(),
        "",
        &build.replace("\"A\": \"b\"", "\"A\": \"c\""),
    );
    fails(
        "//:digest_test",
        &[
            "verify: //:digest_test: ",
            digest.trim(),
            "bazel run //:digest_test.update",
        ],
    );
    // And where documents are kept, all that moved.
    fails(
        "//:documents_test",
        &[
            "verify: //:documents_test: ",
            "image linux/amd64 › config › config.env: [\"A=b\"] → [\"A=c\"]",
            "hint: if the change is meant: bazel run //:documents_test.update",
        ],
    );
    bazel.succeed(&["run", "//:digest_test.update"]);
    bazel.succeed(&["run", "//:documents_test.update"]);
    bazel.succeed(&["test", "//:digest_test", "//:documents_test"]);
    let documents = fs::read_to_string(workspace.join("index.json")).unwrap();
    assert!(documents.contains("\"A=c\""));
}
