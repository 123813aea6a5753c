"""What the rules tell each other, and whoever builds on them."""

ContainerLayerInfo = provider(
    doc = "One layer.",
    fields = {
        "blob": "`File`: the layer's bytes, as they are stored in a registry. No action but those that make a whole layout or archive needs them.",
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

ContainerToolsInfo = provider(
    doc = "The programs. A program that a toolchain does not have is `None`.",
    fields = {
        "assemble": "`FilesToRunProvider` of `assemble`: documents of images and indexes, layouts, archives.",
        "layer": "`FilesToRunProvider` of `layer`: files into one layer.",
        "pull": "`FilesToRunProvider` of `pull`: images out of registries.",
        "push": "`FilesToRunProvider` of `push`: images into registries.",
    },
)
