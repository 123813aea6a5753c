"""What the rules tell each other, and whoever builds on them."""

ContainerLayerInfo = provider(
    doc = "One layer.",
    fields = {
        "blob": "`File`: the layer's bytes, as they are stored in a registry. No action but those that make a whole layout or archive needs them.",
        "inputs": "depset of `File`: what it was packed from. Their labels are the origins that a bill of materials names.",
        "listing": "`File`: one JSON line for each tar entry, in tar order.",
        "receipt": "`File`: JSON with digest, size, diff_id, media type, codec, annotations (`docs/schemas/layer_receipt.schema.json`). All that an image needs of a layer.",
    },
)

ContainerLayersInfo = provider(
    doc = "Layers that belong together, for the attribute `layers` of an image.",
    fields = {
        "layers": "List of `ContainerLayerInfo`, the lowest first.",
    },
)

ContainerImageInfo = provider(
    doc = "One image. All files but `whole_layout` are small: no byte of a layer is in them.",
    fields = {
        "base": "`ContainerImageInfo` or `ContainerIndexInfo` of what it is built on, or None where that is not a target of ours or there is none.",
        "blob_files": "depset of `File`: those that `blobs` names.",
        "blobs": "depset of structs: `file` with the bytes of a layer, and which it is: `receipt` (a `File`) or `digest` (a string), the other None. All layers that `layout` names, its base's too, but those of `foreign`.",
        "digest": "`File`: the digest, `sha256:…`, as text without a newline.",
        "foreign": "Whether some layers come out of layout directories that are no targets of ours: their bytes are in `whole_layout` alone.",
        "layers": "List of `ContainerLayerInfo`: its own layers, the lowest first.",
        "layout": "`File`: a sparse OCI layout directory, with the documents alone. It is what other images and indexes are made from.",
        "listings": "List of `File`: the listings of all its layers, the lowest first; None where those of the base are not known.",
        "own_files": "depset of `File`: those of `blob_files` that rules made, and that are not in a registry already.",
        "platform": "What it runs on, as `linux/arm64`; None where its base says that.",
        "receipt": "`File`: JSON with the whole graph (`docs/schemas/image_receipt.schema.json`); None of an image out of a lock.",
        "whole_layout": "`File`: an OCI layout directory with all blobs. Made only when something asks for it. None of an image out of a lock.",
    },
)

ContainerIndexInfo = provider(
    doc = "An index of images. All files but `whole_layout` are small.",
    fields = {
        "blob_files": "As in `ContainerImageInfo`.",
        "blobs": "As in `ContainerImageInfo`: of all images.",
        "digest": "`File`: the digest, `sha256:…`, as text without a newline.",
        "foreign": "As in `ContainerImageInfo`.",
        "images": "List of `ContainerImageInfo` and `ContainerIndexInfo`, in the order of the index; empty of one out of a lock.",
        "layout": "`File`: a sparse OCI layout directory, with the documents alone.",
        "own_files": "As in `ContainerImageInfo`.",
        "receipt": "`File`: JSON with the whole graph (`docs/schemas/image_receipt.schema.json`); None of one out of a lock.",
        "whole_layout": "`File`: an OCI layout directory with all blobs. Made only when something asks for it. None of one out of a lock.",
    },
)

ContainerReferrersInfo = provider(
    doc = "Documents that refer to an image, such as bills of materials.",
    fields = {
        "documents": "Dict of the document's name, as `spdx`, to its `File`.",
        "layout": "`File`: an OCI layout directory with one artifact for each, whose `subject` is the image.",
    },
)

ContainerImageReferenceInfo = provider(
    doc = "An image by the name that others pull it by: `{repository}@{content of digest}`. For rules of Helm charts and Kubernetes manifests.",
    fields = {
        "digest": "`File`: the digest, `sha256:…`, as text without a newline.",
        "repositories": "List of strings: `registry.example.com/team/app`.",
        "repository_file": "`File` that holds one more, or None.",
        "tags": "List of strings.",
        "tags_files": "List of `File`: more tags, one a line.",
    },
)

ContainerToolsInfo = provider(
    doc = "The programs. A program that a toolchain does not have is `None`.",
    fields = {
        "assemble": "`FilesToRunProvider` of `assemble`: documents of images and indexes, layouts, archives.",
        "attest": "`FilesToRunProvider` of `attest`: bills of materials.",
        "layer": "`FilesToRunProvider` of `layer`: files into one layer.",
        "pull": "`FilesToRunProvider` of `pull`: images out of registries.",
        "push": "`FilesToRunProvider` of `push`: images into registries and engines.",
        "verify": "`FilesToRunProvider` of `verify`: checks of images.",
    },
)
