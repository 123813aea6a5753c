"""`container_binary_layer`: an executable and its runfiles, as one layer or as two."""

load("//rules:providers.bzl", "ContainerLayersInfo")
load(":bad.bzl", "bad", "image_path")
load(":layer.bzl", "LAYER_ATTRS", "layer_attributes", "layer_head", "layer_providers", "pack")
load(":request.bzl", "runfiles_source")
load(":tools.bzl", "TOOLCHAIN_TYPE")

def _container_binary_layer_impl(ctx):
    label = ctx.label
    binary = ctx.attr.binary
    path = image_path(label, "path", ctx.attr.path)
    if not path or ctx.attr.path.endswith("/"):
        bad(label, "path", ctx.attr.path, "the path of the executable itself", "write `/%s`" % "/".join([part for part in [path, binary.label.name] if part]))
    attributes = layer_attributes(ctx)
    if attributes and ctx.attr.split != "none":
        bad(
            label,
            "attributes",
            ", ".join(ctx.attr.attributes),
            "none, where `split` is `%s`: a path is in one of the layers and not in the other" % ctx.attr.split,
            "write `split = \"none\"`, or give the attributes to the whole layer",
        )
    info = binary[DefaultInfo]
    to_run = info.files_to_run
    runfiles = info.default_runfiles

    def pack_part(name, part, **kwargs):
        document = struct(
            label = label,
            head = layer_head(ctx),
            entries = [],
            sources = [runfiles_source(
                label = binary.label,
                executable = to_run.executable,
                runfiles = runfiles,
                repo_mapping = to_run.repo_mapping_manifest,
                path = path,
                workspace = ctx.workspace_name,
                part = part,
            )],
            tars = depset(),
            tar_options = {},
            attributes = attributes,
        )
        return pack(ctx, name, ctx.attr.codec, document, **kwargs)

    name = label.name
    own = [runfiles.files, depset([file for file in [to_run.executable, to_run.repo_mapping_manifest] if file])]

    # With the runfiles tree itself, for links are read there.
    if ctx.attr.split == "none":
        return layer_providers([pack_part(name, "all", inputs = own, tools = [to_run])])
    return layer_providers([
        # The program says what it did not need: a change of that does not pack this layer again.
        pack_part(name + ".external", "external", inputs = [runfiles.files], lists_unused = True),
        pack_part(name, "own", inputs = own, tools = [to_run]),
    ])

container_binary_layer = rule(
    implementation = _container_binary_layer_impl,
    doc = """An executable with its runfiles tree, as Bazel lays it out beside the executable in `bazel-bin`.

```starlark
container_binary_layer(
    name = "server",
    binary = "//server",
    path = "/app/server",
)
```

makes `/app/server` and `/app/server.runfiles/`, with files, symlinks, root symlinks, empty files, shared libraries in `_solib_*`
and `_repo_mapping`. Programs find the tree beside themselves, as they do in `bazel-bin`; those that do not are told by
`env = {"RUNFILES_DIR": "/app/server.runfiles"}` of the image.

Its files are the blobs, one or two. Output groups: `receipt` and `listing`.""",
    attrs = LAYER_ATTRS | {
        "binary": attr.label(
            cfg = "target",
            doc = "The executable: any `*_binary` target.",
            executable = True,
            mandatory = True,
        ),
        "path": attr.string(
            doc = "Where the executable goes.",
            mandatory = True,
        ),
        "split": attr.string(
            default = "none",
            doc = """`none`: one layer. `repository`: what comes from other repositories is a layer of its own, below that of the main repository, so that an edit \
moves the small one alone.""",
            values = ["none", "repository"],
        ),
    },
    provides = [ContainerLayersInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
