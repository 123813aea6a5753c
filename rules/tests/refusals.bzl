"""Every `fail()` of an analysis, with its text; those of tests and toolchains are here."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest")
load("//rules:defs.bzl", "container_digest_test", "container_structure_test", "expected_file")
load("//rules/private:tools.bzl", "TOOLCHAIN_TYPE", "container_toolchain", "no_toolchain", "program")
load("//rules/private:tools_repository.bzl", "known_machine")
load(":image_refusals.bzl", "image_refusals")
load(":layer_refusals.bzl", "layer_refusals")
load(":push_refusals.bzl", "push_refusals")
load(":refusing.bzl", "REFUSAL_ATTRS", "bad_attribute", "refusal_test", "refusal_test_impl", "refuses")

def _tests():
    def refuses(name, attribute, value, allowed, hint, under_test = None, **kwargs):
        if "expected" in kwargs:
            container_digest_test(name = name, tags = ["manual"], **kwargs)
        else:
            container_structure_test(name = name, tags = ["manual"], **kwargs)
        under_test = under_test or name
        refusal_test(
            name = name + "_refusal_test",
            says = bad_attribute(under_test, attribute, value, allowed, hint),
            target_under_test = under_test,
        )

    native.filegroup(
        name = "generated",
        srcs = [":some_program"],
    )
    refuses(
        "update_of_what_a_rule_makes",
        "expected",
        "//rules/tests:generated",
        "a file of the main repository's source tree",
        "write it beside the BUILD file",
        expected = ":generated",
        image = ":pushed",
        under_test = "update_of_what_a_rule_makes.update",
    )
    refuses(
        "file_that_is_no_expectation",
        "files",
        "0755",
        "a JSON object as `expected_file(…)` makes it",
        "write `expected_file(…)` as the value of `/a`",
        files = {"/a": "0755"},
        image = ":pushed",
    )
    refuses(
        "mode_of_an_expected_file",
        "files",
        "rwx",
        "an octal number from `0` to `7777`",
        "write a mode as `0644` or `0755`, in quotes",
        files = {"/a": expected_file(mode = "rwx")},
        image = ":pushed",
    )
    refuses(
        "path_of_an_expected_file",
        "files",
        "/a/../b",
        "a path in the image, without empty parts, `.` or `..`",
        "write `/a/b`",
        files = {"/a/../b": expected_file()},
        image = ":pushed",
    )
    refuses(
        "path_of_an_absent_file",
        "absent",
        "/a//b",
        "a path in the image, without empty parts, `.` or `..`",
        "write `/a/b`",
        absent = ["/a//b"],
        image = ":pushed",
    )

def _needs_push_impl(ctx):
    program(ctx, "push")

_needs_push = rule(
    implementation = _needs_push_impl,
    toolchains = [TOOLCHAIN_TYPE],
)

_only_layer_test = analysistest.make(
    refusal_test_impl,
    attrs = REFUSAL_ATTRS,
    config_settings = {"//command_line_option:extra_toolchains": str(Label(":only_layer_build_toolchain"))},
    expect_failure = True,
)

def _toolchains():
    container_toolchain(
        name = "only_layer",
        layer = ":BUILD.bazel",
        tags = ["manual"],
    )
    _needs_push(name = "needs_push", tags = ["manual"])
    _only_layer_test(
        name = "needs_push_test",
        says = [
            "//rules/tests:needs_push: the toolchain //rules/tests:only_layer_build has no program `push`; its programs are: layer",
            "hint: give it one, or take another toolchain",
        ],
        target_under_test = "needs_push",
    )
    refuses(
        "unknown_machine",
        _unknown_machine,
        [
            "RULES_CONTAINER_TOOLS: this machine is plan9 on mips",
            "allowed: linux_amd64, linux_arm64, darwin_amd64, darwin_arm64, windows_amd64",
            "hint: run Bazel on one of them, or name targets of your own: container_toolchain",
        ],
    )
    refuses(
        "no_programs_build",
        _no_toolchain_build,
        [
            "there is no toolchain for the platform (that actions run on)",
            "1. built from source: --repo_env=RULES_CONTAINER_TOOLS=",
            "2. prebuilt: tools.prebuilt(platform = ",
            "3. your own targets: container_toolchain(",
        ],
    )

def _unknown_machine_impl(_ctx):
    known_machine("plan9", "mips")

_unknown_machine = rule(implementation = _unknown_machine_impl)

def _no_toolchain_build(name, tags):
    no_toolchain(name = name.removesuffix("_build"), tags = tags)

def refusals(name):
    """Declares the tests.

    Args:
      name: of all of them.
    """
    layer_refusals(name = "refusals_of_layers")
    image_refusals(name = "refusals_of_images")
    push_refusals(name = "refusals_of_pushes")
    _tests()
    _toolchains()
    native.test_suite(name = name)
