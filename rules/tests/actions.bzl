"""What the actions are: their programs, inputs, environments."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//rules:defs.bzl", "container_layer")
load("//rules:providers.bzl", "ContainerLayerInfo", "ContainerLayersInfo")
load("//rules/private:tools.bzl", "container_toolchain")

_ATTRS = {
    "inputs": attr.string_list(doc = "Names of the inputs, without those of the program."),
    "mnemonic": attr.string(mandatory = True),
}

def _action_test_impl(ctx):
    env = analysistest.begin(ctx)
    actions = [action for action in analysistest.target_actions(env) if action.mnemonic == ctx.attr.mnemonic]
    asserts.equals(env, 1, len(actions))
    action = actions[0]

    # The program itself, with no shell in between, a request, and names of outputs.
    asserts.equals(env, "rules/tests/BUILD.bazel", action.argv[0])
    asserts.equals(env, "--out", action.argv[2])
    asserts.equals(env, {}, action.env)
    inputs = [file.basename for file in action.inputs.to_list() if not file.basename.endswith(".params")]
    asserts.equals(env, sorted(ctx.attr.inputs + ["BUILD.bazel"]), sorted(inputs))
    return analysistest.end(env)

_action_test = analysistest.make(
    _action_test_impl,
    attrs = _ATTRS,
    config_settings = {"//command_line_option:extra_toolchains": str(Label(":all_programs_build_toolchain"))},
)

def _layer_provider_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    layers = target[ContainerLayersInfo].layers
    asserts.equals(env, [target[ContainerLayerInfo]], layers)
    asserts.equals(env, [layers[0].blob], target[DefaultInfo].files.to_list())
    asserts.equals(env, [layers[0].receipt], target[OutputGroupInfo].receipt.to_list())
    asserts.equals(env, [layers[0].listing], target[OutputGroupInfo].listing.to_list())
    asserts.equals(env, "packed.tar.zst", layers[0].blob.basename)
    return analysistest.end(env)

_layer_provider_test = analysistest.make(
    _layer_provider_test_impl,
    config_settings = {"//command_line_option:extra_toolchains": str(Label(":all_programs_build_toolchain"))},
)

def action_tests(name):
    """Declares the tests.

    Args:
      name: of all of them.
    """
    container_toolchain(
        name = "all_programs",
        assemble = ":BUILD.bazel",
        layer = ":BUILD.bazel",
        pull = ":BUILD.bazel",
        push = ":BUILD.bazel",
        tags = ["manual"],
    )
    container_layer(
        name = "packed",
        srcs = {"/etc/file": "actions.bzl"},
        codec = "zstd-v1",
        tags = ["manual"],
    )
    _action_test(
        name = "layer_action_test",
        inputs = ["actions.bzl"],
        mnemonic = "ContainerLayer",
        target_under_test = "packed",
    )
    _layer_provider_test(
        name = "layer_provider_test",
        target_under_test = "packed",
    )
    native.test_suite(name = name)
