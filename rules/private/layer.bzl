"""`container_layer`: files, links, directories and tars, as one layer."""

load("//rules:providers.bzl", "ContainerLayerInfo", "ContainerLayersInfo")
load(":bad.bzl", "bad", "image_path", "octal", "show")
load(":request.bzl", "files_source", "layer_request")
load(":run.bzl", "layer_resources", "run_program")
load(":tools.bzl", "TOOLCHAIN_TYPE")

# Levels of the codecs that have them: least, most, and what is taken where none is given.
_LEVELS = {
    "gzip-v1": (1, 12, 6),
    "none": None,
    "zstd-v1": (1, 19, 3),
}

_SUFFIX = {"gzip-v1": ".tar.gz", "none": ".tar", "zstd-v1": ".tar.zst"}

# What an entry of `attributes` may hold.
_FIELDS = ["capabilities", "gid", "gname", "mode", "mtime", "mtime_nanoseconds", "uid", "uname", "xattrs"]

_KEEP = ["mode", "owner", "names", "mtime", "xattrs"]

LAYER_ATTRS = {
    "annotations": attr.string_dict(
        doc = "Annotations of the layer's descriptor in the manifest.",
    ),
    "attributes": attr.string_dict(
        doc = """Attributes of some paths: `{"/usr/bin/app": file_attributes(mode = "0750", uid = 1000)}`. `/folder/**` stands for \
all below a folder. What is not given comes from the layer's own attributes. A path that is not in the layer is an error.""",
    ),
    "author": attr.string(doc = "Who made it, for the image's history."),
    "codec": attr.string(
        default = "gzip-v1",
        doc = "How the layer is compressed: `gzip-v1`, `zstd-v1` or `none`. The name is of an exact algorithm with its library and its blocks, so that bytes never change under it.",
        values = _LEVELS.keys(),
    ),
    "comment": attr.string(doc = "A remark, for the image's history."),
    "created_by": attr.string(doc = "What made it, for the image's history. By default the label."),
    "directory_mode": attr.string(default = "0755", doc = "Mode of directories."),
    "duplicates": attr.string(
        default = "error",
        doc = "What happens when two entries that differ want the same path: `error`, or the later one is taken (`last_wins`). Equal ones merge always.",
        values = ["error", "last_wins"],
    ),
    "file_mode": attr.string(
        default = "by_content",
        doc = """Mode of files: `by_content` is 0755 for ELF files and for what begins with `#!`, or else 0644; or one octal mode for all. \
Executables of rules are 0755. It never comes from what the disk shows, for that is 0600 here and 0755 on a remote executor.""",
    ),
    "gid": attr.int(doc = "Group of all entries."),
    "gname": attr.string(doc = "Name of the group."),
    "hardlinks": attr.string(
        default = "as_given",
        doc = "Which files become hard links: those that a tar says (`as_given`), or also all with equal content and attributes (`by_content`).",
        values = ["as_given", "by_content"],
    ),
    "level": attr.int(doc = "How hard the codec tries: `gzip-v1` from 1 to 12 (6 by default), `zstd-v1` from 1 to 19 (3 by default). 0 is the default."),
    "mtime": attr.int(doc = "Time of all entries, in seconds since 1970."),
    "parents": attr.string(
        default = "create",
        doc = "What happens to directories that entries lie in and that no entry makes: they are made (`create`), or left to the layers below (`omit`), which keeps a base's `/bin` a link where the layer adds `/bin/tool`.",
        values = ["create", "omit"],
    ),
    "uid": attr.int(doc = "Owner of all entries."),
    "uname": attr.string(doc = "Name of the owner."),
}

def file_attributes(mode = None, uid = None, gid = None, uname = None, gname = None, mtime = None, mtime_nanoseconds = None, xattrs = None, capabilities = None):
    """Attributes of one path, for the attribute `attributes` of layers.

    Args:
      mode: permission bits, in octal, as `"0755"`.
      uid: number of the owner.
      gid: number of the group.
      uname: name of the owner.
      gname: name of the group.
      mtime: seconds since 1970.
      mtime_nanoseconds: added to `mtime`.
      xattrs: dict of extended attributes; a value is a string, or `{"base64": "…"}`.
      capabilities: file capabilities as setcap(8) takes them: `"cap_net_bind_service+ep"`.

    Returns:
      A string.
    """
    given = dict(
        mode = mode,
        uid = uid,
        gid = gid,
        uname = uname,
        gname = gname,
        mtime = mtime,
        mtime_nanoseconds = mtime_nanoseconds,
        xattrs = xattrs,
        capabilities = capabilities,
    )
    return json.encode({name: value for name, value in given.items() if value != None})

def layer_head(ctx):
    """What a request of a layer says besides its entries.

    Args:
      ctx: context of a rule with `LAYER_ATTRS`.

    Returns:
      A dict.
    """
    label = ctx.label
    attr = ctx.attr
    levels = _LEVELS[attr.codec]
    if attr.level and not levels:
        bad(label, "level", attr.level, "none, for the codec `%s` has no levels" % attr.codec, "remove `level`")
    if levels and attr.level and not (levels[0] <= attr.level and attr.level <= levels[1]):
        bad(label, "level", attr.level, "%d to %d, for the codec `%s`" % (levels[0], levels[1], attr.codec), "remove `level` to take %d" % levels[2])
    for name in ["uid", "gid"]:
        if getattr(attr, name) < 0:
            bad(label, name, getattr(attr, name), "0 and more", "write the number that `id` prints")
    file_mode = "by_content" if attr.file_mode == "by_content" else {"constant": octal(label, "file_mode", attr.file_mode)}
    defaults = {
        "directory_mode": octal(label, "directory_mode", attr.directory_mode),
        "file_mode": file_mode,
        "gid": attr.gid,
        "mtime": attr.mtime,
        "uid": attr.uid,
    }
    for name in ["uname", "gname"]:
        if getattr(attr, name):
            defaults[name] = getattr(attr, name)
    history = {"created_by": attr.created_by or show(label)}
    for name in ["author", "comment"]:
        if getattr(attr, name):
            history[name] = getattr(attr, name)
    return {
        "annotations": attr.annotations,
        "codec": {attr.codec: {"level": attr.level or levels[2]}} if levels else attr.codec,
        "defaults": defaults,
        "duplicates": attr.duplicates,
        "hardlinks": attr.hardlinks,
        "history": history,
        "kind": "layer",
        "origin": show(label),
        "parents": "omit" if attr.parents == "omit" else {"create": {}},
        "version": 1,
    }

def layer_attributes(ctx):
    """The attribute `attributes`, checked.

    Args:
      ctx: context of a rule with `LAYER_ATTRS`.

    Returns:
      A dict of path to dict.
    """
    attributes = {}
    for path, text in ctx.attr.attributes.items():
        value = json.decode(text, default = None)
        if type(value) != "dict" or [name for name in value if name not in _FIELDS]:
            bad(ctx.label, "attributes", text, "a JSON object of %s" % ", ".join(_FIELDS), "write `file_attributes(…)` as the value of `%s`" % path)
        if "mode" in value:
            octal(ctx.label, "attributes", str(value["mode"]))
        if path.endswith("/**"):
            folder = image_path(ctx.label, "attributes", path[:-2])
            path = folder + "/**" if folder else "**"
        else:
            path = image_path(ctx.label, "attributes", path)
        if path in attributes:
            bad(ctx.label, "attributes", path, "each path once", "put both into one `file_attributes(…)`")
        attributes[path] = value
    return attributes

def pack(ctx, name, codec, document, inputs, tools = [], lists_unused = False):
    """Declares the action that makes one layer.

    Args:
      ctx: the rule's context.
      name: of the outputs, without suffix.
      codec: the codec's name.
      document: for `layer_request`.
      inputs: list of depsets.
      tools: list of `FilesToRunProvider` whose runfiles are inputs too.
      lists_unused: whether the request names inputs that it does not need.

    Returns:
      `ContainerLayerInfo`.
    """
    blob = ctx.actions.declare_file(name + _SUFFIX[codec])
    receipt = ctx.actions.declare_file(name + ".receipt.json")
    listing = ctx.actions.declare_file(name + ".listing.ndjson")
    unused = ctx.actions.declare_file(name + ".unused") if lists_unused else None
    run_program(
        ctx,
        name = "layer",
        request = layer_request,
        document = document,
        inputs = inputs,
        tools = tools,
        unused = unused,
        outputs = {"--out": blob, "--receipt": receipt, "--listing": listing} | ({"--unused": unused} if unused else {}),
        mnemonic = "ContainerLayer",
        doing = "Packing layer",
        resources = layer_resources,
    )
    return ContainerLayerInfo(
        blob = blob,
        inputs = inputs[0] if len(inputs) == 1 else depset(transitive = inputs),
        listing = listing,
        receipt = receipt,
    )

def layer_providers(layers):
    """What a rule that makes layers returns.

    Args:
      layers: list of `ContainerLayerInfo`, the lowest first.

    Returns:
      List of providers.
    """
    return [
        DefaultInfo(files = depset([layer.blob for layer in layers])),
        OutputGroupInfo(
            listing = depset([layer.listing for layer in layers]),
            receipt = depset([layer.receipt for layer in layers]),
        ),
        ContainerLayersInfo(layers = layers),
    ]

def _source(ctx, key, target):
    path = image_path(ctx.label, "srcs", key)
    below = key.endswith("/") or not path
    to_run = target[DefaultInfo].files_to_run

    # Files have an executable too, of their own; rules alone have a runfiles tree.
    executable = to_run.executable if to_run and to_run.runfiles_manifest else None
    files = target[DefaultInfo].files
    if executable and not below:
        files = depset([executable])
    return files_source(files, path, below, executable)

def _container_layer_impl(ctx):
    label = ctx.label
    origin = show(label)
    entries = []
    for path, text in ctx.attr.contents.items():
        entries.append(("file", {"origin": origin, "path": image_path(label, "contents", path), "text": text}))
    for path, target in ctx.attr.symlinks.items():
        if not target:
            bad(label, "symlinks", path, "a link with a target that is not empty", "write where the link leads: `{\"%s\": \"/target\"}`" % path)
        entries.append(("symlink", {"origin": origin, "path": image_path(label, "symlinks", path), "target": target}))
    for attribute, kind in [("directories", "directory"), ("whiteouts", "whiteout"), ("opaque_whiteouts", "opaque_whiteout")]:
        for path in getattr(ctx.attr, attribute):
            entries.append((kind, {"origin": origin, "path": image_path(label, attribute, path)}))
    for keep in ctx.attr.tar_keep:
        if keep not in _KEEP:
            bad(label, "tar_keep", keep, ", ".join(_KEEP), "name what is taken from the headers of `tars`")
    sources = [_source(ctx, path, target) for path, target in ctx.attr.srcs.items()]
    tars = depset(transitive = [target[DefaultInfo].files for target in ctx.attr.tars])
    document = struct(
        label = label,
        head = layer_head(ctx),
        entries = entries,
        sources = sources,
        tars = tars,
        tar_options = {"keep": {name: name in ctx.attr.tar_keep for name in _KEEP}},
        attributes = layer_attributes(ctx),
    )
    layer = pack(ctx, label.name, ctx.attr.codec, document, [source.files for source in sources] + [tars])
    return layer_providers([layer]) + [layer]

container_layer = rule(
    implementation = _container_layer_impl,
    doc = """One layer of files, links, directories and tars.

```starlark
container_layer(
    name = "rootfs",
    srcs = {
        "/usr/bin/server": "//server",
        "/usr/share/doc/": ":docs",
    },
    symlinks = {"/bin/server": "/usr/bin/server"},
)
```

The layer is a function of its request and of the inputs' bytes: the same on every machine, in every compilation mode,
here and on a remote executor.

Its files are the blob. Output groups: `receipt` (JSON, all that an image needs of it) and `listing` (one JSON line for each tar entry).""",
    attrs = LAYER_ATTRS | {
        "contents": attr.string_dict(doc = "Files with their text: `{\"/etc/hostname\": \"box\\n\"}`."),
        "directories": attr.string_list(doc = "Directories that have to be there, empty or not. Parents of other entries need not stand here."),
        "opaque_whiteouts": attr.string_list(doc = "Directories whose content in the layers below is hidden."),
        "srcs": attr.string_keyed_label_dict(
            allow_files = True,
            doc = """Path in the image to target. A path that ends with `/` is a folder: all files of the target go below it, each with its path in the \
package that it comes from. Any other path is that of one file: the target's executable, or else its only file. A directory that a rule made is taken with all \
that is below it; Bazel follows links in it and drops empty folders, so let a root file system travel as a tar file.""",
        ),
        "symlinks": attr.string_dict(doc = "Path in the image to what the link says, which is taken as it is."),
        "tar_keep": attr.string_list(
            default = ["mode", "owner", "xattrs"],
            doc = "What is taken from the headers of `tars`: of `mode`, `owner` (numbers), `names` (of owner and group), `mtime`, `xattrs`. The rest comes from the attributes of the layer.",
        ),
        "tars": attr.label_list(
            allow_files = True,
            doc = "Tar archives, plain or compressed by gzip or zstd, merged in at the image's root.",
        ),
        "whiteouts": attr.string_list(doc = "Paths of the layers below that are hidden."),
    },
    provides = [ContainerLayersInfo, ContainerLayerInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
