"""What the repositories of images out of a lock hold. Nobody writes these rules by hand."""

load("//rules:providers.bzl", "ContainerImageInfo", "ContainerIndexInfo")
load(":request.bzl", "blob_request")
load(":run.bzl", "fetch_resources", "run_program")
load(":tools.bzl", "RUN_TOOLCHAIN_TYPE", "TOOLCHAIN_TYPE", "program")

_BlobInfo = provider(
    doc = "A layer out of a registry.",
    fields = {
        "digest": "String.",
        "file": "`File`.",
    },
)

def _pulled_blob_impl(ctx):
    file = ctx.actions.declare_file(ctx.label.name)
    run_program(
        ctx,
        name = "pull",
        request = blob_request,
        document = struct(request = json.decode(ctx.attr.request)),
        inputs = [],
        outputs = {"--out": file},
        mnemonic = "ContainerBlob",
        doing = "Fetching",
        resources = fetch_resources,
        fetches = True,
    )
    return [
        DefaultInfo(files = depset([file])),
        _BlobInfo(digest = ctx.attr.digest, file = file),
    ]

pulled_blob = rule(
    implementation = _pulled_blob_impl,
    doc = "A layer. It is fetched when an action needs its bytes, once, whichever images have it.",
    attrs = {
        "digest": attr.string(mandatory = True),
        "request": attr.string(mandatory = True),
    },
    toolchains = [TOOLCHAIN_TYPE],
)

def _pulled_impl(ctx):
    layout = ctx.file.layout
    blobs = [target[_BlobInfo] for target in ctx.attr.blobs]
    shared = dict(
        blob_files = depset([blob.file for blob in blobs]),
        blobs = depset([struct(file = blob.file, receipt = None, digest = blob.digest) for blob in blobs]),
        digest = ctx.file.digest,
        foreign = False,
        layout = layout,
        own_files = depset(),
        receipt = None,
        whole_layout = None,
    )
    if ctx.attr.is_index:
        info = ContainerIndexInfo(images = [], **shared)
    else:
        info = ContainerImageInfo(
            base = None,
            layers = [],
            listings = None,
            platform = ctx.attr.platform or None,
            **shared
        )
    return [
        DefaultInfo(files = depset([layout, ctx.file.digest])),
        OutputGroupInfo(digest = depset([ctx.file.digest])),
        info,
    ]

pulled_image = rule(
    implementation = _pulled_impl,
    doc = "An image or an index, as `pull` has it out of the lock: documents, and where the layers are.",
    attrs = {
        # Layers do not know what they are for: there is one of each, whatever is built.
        "blobs": attr.label_list(cfg = "exec", providers = [_BlobInfo]),
        "digest": attr.label(allow_single_file = True, mandatory = True),
        "is_index": attr.bool(),
        "layout": attr.label(allow_single_file = True, mandatory = True),
        "platform": attr.string(),
    },
)

def _pulled_command_impl(ctx):
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(
        output = executable,
        target_file = program(ctx, "pull", RUN_TOOLCHAIN_TYPE).executable,
        is_executable = True,
    )
    return DefaultInfo(executable = executable, runfiles = ctx.runfiles(files = ctx.files.data))

pulled_command = rule(
    implementation = _pulled_command_impl,
    doc = "`bazel run` starts `pull` on the lock in the source tree.",
    attrs = {"data": attr.label_list(allow_files = True)},
    executable = True,
    toolchains = [RUN_TOOLCHAIN_TYPE],
)
