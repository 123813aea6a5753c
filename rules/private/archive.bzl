"""`container_archive`: an image or index as one file."""

load("//rules:providers.bzl", "ContainerImageInfo", "ContainerIndexInfo")
load(":assemble.bzl", "assemble_whole", "bytes_layout", "request_head", "whole_output")
load(":bad.bzl", "bad")
load(":request.bzl", "copy_request", "texts_source")
load(":stamp.bzl", "stamp_attrs", "stamping", "status_files")
load(":tools.bzl", "TOOLCHAIN_TYPE")

def _container_archive_impl(ctx):
    target = ctx.attr.image
    is_index = ContainerIndexInfo in target
    image = target[ContainerIndexInfo] if is_index else target[ContainerImageInfo]
    if is_index and ctx.attr.form == "docker":
        bad(ctx.label, "form", "docker", "`oci`, for the image is an index", "name one of its images, or write `form = \"oci\"`")
    if not ctx.attr.repo_tags and ctx.attr.form == "docker":
        bad(ctx.label, "repo_tags", "", "one reference with a tag or more, where `form` is `docker`", "write `[\"example.com/app:latest\"]`")
    stamps = stamping(ctx)
    names = [stamps.text(name) for name in ctx.attr.repo_tags]
    texts = texts_source(status = status_files(ctx, stamps, [], names))
    layout = bytes_layout(image)
    form = ctx.attr.form + "_archive"
    out = assemble_whole(
        ctx,
        copy_request,
        struct(
            head = request_head(ctx, tags = names, output = whole_output(form, not image.foreign), stamp_defaults = stamps.defaults),
            layout = layout,
            given = image.blobs,
            texts = texts,
        ),
        [depset([layout] + texts.files), image.blob_files],
        ctx.actions.declare_file(ctx.label.name + ".tar"),
    )
    return DefaultInfo(files = depset([out]))

container_archive = rule(
    implementation = _container_archive_impl,
    doc = """An image or index as one file, `{name}.tar`.

```starlark
container_archive(
    name = "archive",
    image = ":image",
    repo_tags = ["example.com/app:1.0"],
)
```

Any image will do, one out of a lock too.""",
    attrs = stamp_attrs("`repo_tags`") | {
        "form": attr.string(
            default = "docker",
            doc = "`docker`: any `docker load` takes it, and it is an OCI archive too. `oci`: the tar of an OCI layout.",
            values = ["docker", "oci"],
        ),
        "image": attr.label(
            doc = "The image, or for `oci` an index too.",
            mandatory = True,
            providers = [[ContainerImageInfo], [ContainerIndexInfo]],
        ),
        "repo_tags": attr.string_list(doc = "Its names: references with tags, for `oci` also tags alone."),
    },
    toolchains = [TOOLCHAIN_TYPE],
)
