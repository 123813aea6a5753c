"""`container_index`: images for several platforms under one name."""

load("//rules:providers.bzl", "ContainerImageInfo", "ContainerIndexInfo")
load(":assemble.bzl", "assemble_documents", "assemble_whole", "bytes_layout", "made_providers", "request_head", "whole_output")
load(":bad.bzl", "bad")
load(":platform.bzl", "each_platform")
load(":request.bzl", "index_request", "texts_source")
load(":stamp.bzl", "stamp_attrs", "stamping", "status_files")
load(":tools.bzl", "TOOLCHAIN_TYPE")

def _info(target):
    return target[ContainerImageInfo] if ContainerImageInfo in target else target[ContainerIndexInfo]

def _images(ctx):
    """What is listed, in order: image after image, and each for platform after platform."""
    configurations = [targets for _, targets in sorted(ctx.split_attr.images.items())]
    count = len(configurations[0]) if configurations else 0
    return [_info(targets[number]) for number in range(count) for targets in configurations]

def _container_index_impl(ctx):
    images = _images(ctx)
    if not images:
        bad(ctx.label, "images", "", "one image or more", "name a `container_image`, and `platforms` to build it for")
    stamps = stamping(ctx)
    index = {"annotations": {name: stamps.text(text) for name, text in ctx.attr.annotations.items()}}
    if ctx.attr.artifact_type:
        index["artifact_type"] = ctx.attr.artifact_type

    names = [stamps.text(name) for name in ctx.attr.repo_tags]
    lines = ctx.files.annotations_files

    def texts(stamped):
        return texts_source(
            annotations = lines,
            status = status_files(ctx, stamps, lines, stamped),
            values = stamps.values,
        )

    in_documents = texts(index)
    in_whole = texts([index, names]) if names else in_documents
    layouts = [image.layout for image in images]
    made = assemble_documents(
        ctx,
        request = index_request,
        document = struct(
            head = request_head(ctx, output = {"blobs": "omit"}, stamp_defaults = stamps.defaults),
            index = index,
            layouts = layouts,
            given = depset(),
            texts = in_documents,
        ),
        inputs = [depset(layouts + in_documents.files)],
        mnemonic = "ContainerIndex",
    )
    whole = [bytes_layout(image) for image in images]
    given = depset(transitive = [image.blobs for image in images])
    given_files = depset(transitive = [image.blob_files for image in images])
    forms = {}
    for form, out in [
        ("layout", ctx.actions.declare_directory(ctx.label.name + ".layout")),
        ("oci_archive", ctx.actions.declare_file(ctx.label.name + ".oci.tar")),
    ]:
        head = request_head(ctx, tags = names, output = whole_output(form, True), stamp_defaults = stamps.defaults)
        document = struct(head = head, index = index, layouts = whole, given = given, texts = in_whole)
        forms[form] = assemble_whole(ctx, index_request, document, [depset(whole + in_whole.files), given_files], out)
    info = ContainerIndexInfo(
        blob_files = given_files,
        blobs = given,
        digest = made.digest,
        foreign = any([image.foreign for image in images]),
        images = images,
        own_files = depset(transitive = [image.own_files for image in images]),
        layout = made.layout,
        receipt = made.receipt,
        whole_layout = forms["layout"],
    )
    return made_providers(made, forms, []) + [info]

container_index = rule(
    implementation = _container_index_impl,
    doc = """An index: images for several platforms under one name.

```starlark
container_index(
    name = "index",
    images = [":image"],
    platforms = ["//platforms:linux_amd64", "//platforms:linux_arm64"],
)
```

builds `:image` once for each platform; without `platforms` the images are taken as they are. Output groups: `digest`, `receipt`, `layout`, `archive`.""",
    attrs = stamp_attrs("`annotations`, `repo_tags`, and in the files that hold annotations") | {
        "annotations": attr.string_dict(doc = "Annotations of the index."),
        "annotations_files": attr.label_list(allow_files = True, doc = "Files with more annotations, one `KEY=VALUE` a line. What `annotations` says goes before them, and a later file before an earlier one."),
        "artifact_type": attr.string(doc = "What kind of artifact it is, where it is more than images: a media type."),
        "images": attr.label_list(
            cfg = each_platform,
            doc = "What it lists, in this order: images, and indexes as they are.",
            mandatory = True,
            providers = [[ContainerImageInfo], [ContainerIndexInfo]],
        ),
        "repo_tags": attr.string_list(doc = "Names in `layout` and `archive`: a tag, or a reference with a tag. They change no digest."),
        "platforms": attr.label_list(doc = "Each image is built once for each of these platforms."),
    },
    provides = [ContainerIndexInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
