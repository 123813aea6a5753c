"""What the actions are: their programs, inputs, environments."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//rules:defs.bzl", "container_image", "container_layer", "container_load", "container_push")
load("//rules:providers.bzl", "ContainerImageInfo", "ContainerImageReferenceInfo", "ContainerLayerInfo", "ContainerLayersInfo")
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

def _reference_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    reference = target[ContainerImageReferenceInfo]
    asserts.equals(env, "referred.digest", reference.digest.basename)
    asserts.equals(env, ["registry.example.com/team/app", "localhost:5000/app"], reference.repositories)
    asserts.equals(env, "BUILD.bazel", reference.repository_file.basename)
    asserts.equals(env, ["1.0", "latest"], reference.tags)
    asserts.equals(env, ["actions.bzl"], [file.basename for file in reference.tags_files])

    # All that is needed to write the reference are files; nothing of the image itself is.
    asserts.true(env, reference.digest not in target[DefaultInfo].default_runfiles.files.to_list())
    return analysistest.end(env)

_reference_test = analysistest.make(
    _reference_test_impl,
    config_settings = {"//command_line_option:extra_toolchains": str(Label(":all_programs_build_toolchain")) + "," + str(Label(":all_programs_run_toolchain"))},
)

def _tarball_test_impl(ctx):
    env = analysistest.begin(ctx)
    groups = analysistest.target_under_test(env)[OutputGroupInfo]
    asserts.equals(env, ctx.attr.tarballs, [file.basename for file in groups.tarball.to_list()] if hasattr(groups, "tarball") else [])
    return analysistest.end(env)

def _tarball_test_of(programs):
    return analysistest.make(
        _tarball_test_impl,
        attrs = {"tarballs": attr.string_list()},
        config_settings = {"//command_line_option:extra_toolchains": ",".join([str(Label(":%s_%s_toolchain" % (programs, kind))) for kind in ["build", "run"]])},
    )

_tarball_test = _tarball_test_of("all_programs")
_no_tarball_test = _tarball_test_of("only_push")

def _tarballs():
    """A load has the archive as a file; where no program makes it, it is a load all the same."""
    container_toolchain(
        name = "only_push",
        push = ":BUILD.bazel",
        tags = ["manual"],
    )
    _stub_image(
        name = "stub_image",
        tags = ["manual"],
    )
    container_load(
        name = "loaded",
        image = ":stub_image",
        repo_tags = ["example.com/app:1"],
        tags = ["manual"],
    )
    _tarball_test(
        name = "tarball_test",
        tarballs = ["loaded.tar"],
        target_under_test = "loaded",
    )
    _no_tarball_test(
        name = "no_tarball_test",
        target_under_test = "loaded",
    )

def _stub_image_impl(ctx):
    file = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(file, "")
    return ContainerImageInfo(blob_files = depset(), blobs = depset(), digest = file, foreign = False, layers = [], layout = file, own_files = depset(), receipt = None)

# As an image out of a lock, which no program of actions makes.
_stub_image = rule(implementation = _stub_image_impl)

def _stamped_action_test_impl(ctx):
    env = analysistest.begin(ctx)
    actions = [action for action in analysistest.target_actions(env) if action.mnemonic == "ContainerImage"]
    inputs = [file.basename for file in actions[0].inputs.to_list()]
    asserts.equals(env, ctx.attr.reads, "stable-status.txt" in inputs)
    asserts.equals(env, ctx.attr.reads, "volatile-status.txt" in inputs)
    return analysistest.end(env)

def _stamped_action_test_of(stamp):
    return analysistest.make(
        _stamped_action_test_impl,
        attrs = {"reads": attr.bool()},
        config_settings = {
            "//command_line_option:extra_toolchains": str(Label(":all_programs_build_toolchain")),
            "//command_line_option:stamp": stamp,
        },
    )

_stamped_action_test = _stamped_action_test_of(True)
_unstamped_action_test = _stamped_action_test_of(False)

def _stamps():
    for name, stamp, text, with_flag, without in [
        ("never", 0, "{KEY}", False, False),
        ("always", 1, "{KEY}", True, True),
        ("as_told", -1, "{KEY}", True, False),
        ("without_keys", 1, "text", False, False),
    ]:
        container_image(
            name = "stamped_" + name,
            architecture = "amd64",
            labels = {"a": text},
            os = "linux",
            stamp = stamp,
            tags = ["manual"],
        )
        _stamped_action_test(
            name = "stamped_%s_with_the_flag_test" % name,
            reads = with_flag,
            target_under_test = "stamped_" + name,
        )
        _unstamped_action_test(
            name = "stamped_%s_without_the_flag_test" % name,
            reads = without,
            target_under_test = "stamped_" + name,
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
    container_image(
        name = "referred",
        architecture = "amd64",
        os = "linux",
        tags = ["manual"],
    )
    container_push(
        name = "reference",
        image = ":referred",
        remote_tags = [
            "1.0",
            "latest",
        ],
        remote_tags_files = ["actions.bzl"],
        repositories = [
            "registry.example.com/team/app",
            "localhost:5000/app",
        ],
        repository_file = "BUILD.bazel",
        tags = ["manual"],
    )
    _reference_test(
        name = "reference_test",
        target_under_test = "reference",
    )
    _stamps()
    _tarballs()
    native.test_suite(name = name)
