"""`container_attest`: what an image is made of, in documents that refer to it. From receipts and listings, and never from a layer."""

load("//rules:providers.bzl", "ContainerImageInfo", "ContainerIndexInfo", "ContainerReferrersInfo")
load(":bad.bzl", "bad", "show")
load(":request.bzl", "attest_request")
load(":run.bzl", "document_resources", "run_program")
load(":tools.bzl", "TOOLCHAIN_TYPE")

# The documents, and what the names of their files end with.
_DOCUMENTS = {"cyclonedx": ".cdx.json", "spdx": ".spdx.json"}

# What an entry of `packages` may hold.
_FIELDS = ["licence", "name", "package_version", "purl", "sha256"]

def _layers(image):
    """The layers that rules made, of an image with its bases, or of all images of an index.

    Bases and indexes in indexes are no recursion that Starlark would take: they are gone through one by one.
    """
    layers = []
    waiting = [image]

    # More than there are in any image.
    for _ in range(10000):
        if not waiting:
            break
        one = waiting.pop()
        if hasattr(one, "images"):
            waiting.extend(one.images)
        else:
            layers.extend(one.layers)

            # Of a base that is an index one image is taken, and only an action knows which.
            if one.base and not hasattr(one.base, "images"):
                waiting.append(one.base)
    return {layer.receipt: layer for layer in layers}.values()

def _packages(ctx):
    packages = []
    for text in ctx.attr.packages:
        value = json.decode(text, default = None)
        if type(value) != "dict" or not value.get("name") or [name for name in value if name not in _FIELDS]:
            bad(ctx.label, "packages", text, "JSON objects of %s, with a name" % ", ".join(_FIELDS), "write `attested_package(…)`")
        packages.append(value)
    return packages

def _container_attest_impl(ctx):
    target = ctx.attr.image
    image = target[ContainerImageInfo] if ContainerImageInfo in target else target[ContainerIndexInfo]
    if not image.receipt:
        bad(ctx.label, "image", show(target.label), "a `container_image` or `container_index`; that one is out of a lock, and who made it says what it is made of", "name an image that is built here")
    if not ctx.attr.documents:
        bad(ctx.label, "documents", "", ", ".join(_DOCUMENTS), "name one document or more")
    for name in ctx.attr.documents:
        if name not in _DOCUMENTS:
            bad(ctx.label, "documents", name, ", ".join(_DOCUMENTS), "name the documents that are wanted")
    layers = _layers(image)
    layout = ctx.actions.declare_directory(ctx.label.name + ".referrers")
    documents = {name: ctx.actions.declare_file(ctx.label.name + _DOCUMENTS[name]) for name in ctx.attr.documents}
    head = {
        "kind": "attest",
        "make": ctx.attr.documents,
        "name": ctx.attr.image_name or show(target.label),
        "origin": show(ctx.label),
        "packages": _packages(ctx),
        "version": 1,
    }
    if ctx.attr.time:
        head["time"] = ctx.attr.time
    run_program(
        ctx,
        name = "attest",
        request = attest_request,
        document = struct(head = head, image = image.receipt, layers = layers),
        inputs = [depset([image.receipt] + [layer.receipt for layer in layers] + [layer.listing for layer in layers])],
        outputs = {"--out": layout} | {"--" + name: file for name, file in documents.items()},
        mnemonic = "ContainerAttest",
        doing = "Attesting",
        resources = document_resources,
    )
    return [
        DefaultInfo(files = depset(documents.values())),
        OutputGroupInfo(layout = depset([layout]), **{name: depset([file]) for name, file in documents.items()}),
        ContainerReferrersInfo(documents = documents, layout = layout),
    ]

container_attest = rule(
    implementation = _container_attest_impl,
    doc = """What an image is made of: bills of materials, which refer to it.

```starlark
container_attest(
    name = "sbom",
    image = ":image",
    image_name = "registry.example.com/team/app",
)

container_push(
    name = "push",
    image = ":image",
    referrers = [":sbom"],
    …
)
```

They are made from receipts and listings, and no layer is read. SPDX has the image, its bases by digest, its layers and the labels of what they were packed from; CycloneDX has every file with its
SHA-256, too. Equal images give equal documents.

Its files are the documents, `{name}.spdx.json` and `{name}.cdx.json`. Output groups: `spdx`, `cyclonedx`, and `layout`, an OCI layout of artifacts whose `subject` is the image. A push takes them along by
its `referrers`, and clients find them from the image's digest. Layers of bases that are not built here are in the documents by their digests.

Signatures, and provenance, which vouches for a builder, are no part of a build: [Releasing](../releasing.md).""",
    attrs = {
        "documents": attr.string_list(
            default = ["spdx", "cyclonedx"],
            doc = "Which documents are made: `spdx` (SPDX 2.3), `cyclonedx` (CycloneDX 1.6).",
        ),
        "image": attr.label(
            doc = "A `container_image` or `container_index`.",
            mandatory = True,
            providers = [[ContainerImageInfo], [ContainerIndexInfo]],
        ),
        "image_name": attr.string(doc = "What the image is called in the documents, as `registry.example.com/team/app`. By default its label."),
        "packages": attr.string_list(doc = "What else is in it, and that no label tells: `attested_package(…)`."),
        "time": attr.string(doc = "The time that the documents name, as `2026-01-02T03:04:05Z`. By default 1970, and so two builds are the same."),
    },
    provides = [ContainerReferrersInfo],
    toolchains = [TOOLCHAIN_TYPE],
)

def attested_package(name, version = None, purl = None, licence = None, sha256 = None):
    """A package that is in an image, for the attribute `packages` of `container_attest`.

    Args:
      name: of the package.
      version: of the package.
      purl: its package URL: `pkg:generic/zlib@1.3`.
      licence: an SPDX expression: `Apache-2.0 OR MIT`.
      sha256: of what it was taken from, in hexadecimal.

    Returns:
      A string.
    """
    given = dict(name = name, package_version = version, purl = purl, licence = licence, sha256 = sha256)
    return json.encode({field: value for field, value in given.items() if value != None})
