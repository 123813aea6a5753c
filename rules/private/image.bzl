"""`container_image`: a base, layers, and what a container is started with."""

load("//rules:providers.bzl", "ContainerImageInfo", "ContainerIndexInfo", "ContainerLayersInfo")
load(":assemble.bzl", "assemble_documents", "assemble_whole", "bytes_layout", "made_providers", "request_head", "whole_output")
load(":bad.bzl", "bad", "show")
load(":layer.bzl", "pack")
load(":platform.bzl", "one_platform", "target_platform")
load(":request.bzl", "base_source", "image_request", "texts_source", "words_source")
load(":stamp.bzl", "stamp_attrs", "stamping", "status_files")
load(":tools.bzl", "TOOLCHAIN_TYPE")

# Fields that a base may have and that can be left out.
_UNSET = ["cmd", "entrypoint", "env", "exposed_ports", "healthcheck", "labels", "shell", "stop_signal", "user", "volumes", "working_dir"]

# Attributes that a file may stand for, and what stands between the words in it.
_WORDS = {"cmd": "lines", "entrypoint": "lines", "exposed_ports": "commas", "volumes": "commas"}

def _tar_layer(ctx, number, target):
    """A layer out of tar files that are no layer of ours: all of their headers are kept, the bytes are our codec's."""
    keep = {name: True for name in ["mode", "owner", "names", "mtime", "xattrs"]}
    tars = target[DefaultInfo].files
    document = struct(
        label = ctx.label,
        head = {
            "codec": {"gzip-v1": {"level": 6}},
            "history": {"created_by": show(target.label)},
            "kind": "layer",
            "origin": show(target.label),
            # What the tar does not have, the layer does not get.
            "parents": "omit",
            "version": 1,
        },
        entries = [],
        sources = [],
        tars = tars,
        tar_options = {"keep": keep},
        attributes = {},
    )
    return pack(ctx, "%s.layer_%d" % (ctx.label.name, number), "gzip-v1", document, [tars])

def _layers(ctx):
    layers = []
    for number, target in enumerate(ctx.attr.layers):
        if ContainerLayersInfo in target:
            layers.extend(target[ContainerLayersInfo].layers)
        elif ContainerImageInfo in target or ContainerIndexInfo in target:
            bad(ctx.label, "layers", show(target.label), "targets of `container_layer` and `container_binary_layer`, and tar files; that is an image", "name it as the `base`, or its layers here")
        else:
            layers.append(_tar_layer(ctx, number, target))
    return layers

def _platform(ctx):
    attr = ctx.attr
    if not attr.architecture and not attr.os and not attr.variant:
        platform = target_platform(ctx)
        if not platform and not attr.base:
            bad(ctx.label, "architecture", "", "an architecture's name in the image specification (`amd64`, `arm64`), for the target platform has a system or processor that is not known here", "write `os` and `architecture`, or `platform`")
        return platform
    if not attr.os or not attr.architecture:
        bad(ctx.label, "os" if attr.architecture else "architecture", "", "`os` and `architecture` together", "write both")
    return "/".join([part for part in [attr.os, attr.architecture, attr.variant] if part])

def _base(ctx):
    """What the image is built on: a struct of the provider, the documents' layout, the layout that `blobs` make whole, the listings."""
    target = ctx.attr.base
    if not target:
        return None
    for provider in [ContainerImageInfo, ContainerIndexInfo]:
        if provider in target:
            info = target[provider]
            return struct(
                info = info,
                layout = info.layout,
                whole = bytes_layout(info),
                blobs = info.blobs,
                blob_files = info.blob_files,
                own_files = info.own_files,
                listings = getattr(info, "listings", None),
                foreign = info.foreign,
            )
    directory = ctx.files.base
    if len(directory) != 1 or not directory[0].is_directory:
        bad(ctx.label, "base", show(target.label), "an image or index, or a target whose one file is an OCI layout directory", "name a `container_image`, or a rule that makes an OCI layout")
    return struct(info = None, layout = directory[0], whole = directory[0], blobs = depset(), blob_files = depset(), own_files = depset(), listings = None, foreign = True)

def _change(given, unset, otherwise):
    """How a field that may be the base's is asked for."""
    return "unset" if unset and not given else {otherwise: given} if given else "inherit"

def _texts(texts, stamps):
    return {name: stamps.text(text) for name, text in texts.items()}

def _fields(ctx, stamps):
    unset = {name: True for name in ctx.attr.unset}
    for name in unset:
        if name not in _UNSET:
            bad(ctx.label, "unset", name, ", ".join(_UNSET), "name a field of the base's config that is not wanted")

    def field(name, given, otherwise):
        return {name: _change(given, name in unset, otherwise)}

    attr = ctx.attr
    fields = {}
    for attribute, name in [("user", "user"), ("workdir", "working_dir"), ("stop_signal", "stop_signal"), ("entrypoint", "entrypoint"), ("cmd", "cmd")]:
        fields |= field(name, getattr(attr, attribute), "replace")
    for name in ["exposed_ports", "volumes"]:
        fields |= field(name, getattr(attr, name), "append")
    fields |= field("labels", _texts(attr.labels, stamps), "append")
    fields |= field("env", [{"name": name, "value": stamps.expanded(value)} for name, value in attr.env.items()], "append")
    for name in ["healthcheck", "shell"]:
        if name in unset:
            fields[name] = "unset"
    for name in unset:
        replaced = {"exposed_ports": "replace", "env": "replace", "labels": "replace", "volumes": "replace"}.get(name)
        if replaced and type(fields[name]) == "dict":
            fields[name] = {replaced: fields[name]["append"]}
    return fields

def _image(ctx, platform, stamps):
    """The field `make.image` of the request, but for the base and the layers."""
    attr = ctx.attr
    image = {
        "annotations": {"replace": _texts(attr.annotations, stamps)} if attr.annotations else "unset",
        "checks": {"elf_machine": attr.check_machine, "entrypoint": attr.check_entrypoint},
        "config": _fields(ctx, stamps),
    }
    if platform:
        image["platform"] = platform
    if attr.created:
        if attr.created_file:
            bad(ctx.label, "created", attr.created, "none, where `created_file` is given", "remove one of them")
        image["created"] = stamps.text(attr.created)
    if attr.author:
        image["author"] = {"replace": stamps.text(attr.author)}
    if attr.artifact_type:
        image["artifact_type"] = attr.artifact_type
    if attr.config_fragment:
        fragment = json.decode(attr.config_fragment, default = None)
        if type(fragment) != "dict":
            bad(ctx.label, "config_fragment", attr.config_fragment, "a JSON object", "write it with `json.encode({…})`")
        image["fragment"] = fragment
    return image

def _words(ctx):
    """Files in the place of lists."""
    words = []
    for name, between in _WORDS.items():
        file = getattr(ctx.file, name + "_file")
        if file:
            given = getattr(ctx.attr, name)
            if given:
                bad(ctx.label, name, ", ".join(given), "none, where `%s_file` is given" % name, "remove one of them")
            words.append(words_source(name, file, between))
    return words

def _container_image_impl(ctx):
    platform = _platform(ctx)
    layers = _layers(ctx)
    base = _base(ctx)
    stamps = stamping(ctx)
    image = _image(ctx, platform, stamps)
    names = [stamps.text(name) for name in ctx.attr.repo_tags]
    words = _words(ctx)

    def texts(stamped):
        files = ctx.files
        lines = files.annotations_files + files.env_files + files.labels_files
        return texts_source(
            annotations = files.annotations_files,
            created = ctx.file.created_file,
            env = files.env_files,
            labels = files.labels_files,
            status = status_files(ctx, stamps, lines, stamped),
            values = stamps.values,
            values_expanded = stamps.values_expanded,
            words = words,
        )

    in_documents = texts(image)
    in_whole = texts([image, names]) if names else in_documents
    known = not base or base.listings != None
    listings = (base.listings if base else []) + [layer.listing for layer in layers] if known else None
    options = {"name": ctx.attr.base_name} if ctx.attr.base_name else {}
    options["on_build"] = ctx.attr.on_build

    documents = struct(
        head = request_head(ctx, output = {"blobs": "omit"}, stamp_defaults = stamps.defaults),
        image = image,
        texts = in_documents,
        base = base_source(base.layout, base.listings or [], options) if base else None,
        layers = layers,
        blobs = False,
        given = depset(),
        # All of them, or the check of the entrypoint cannot be made.
        listings = known,
    )
    receipts = [layer.receipt for layer in layers]
    made = assemble_documents(
        ctx,
        request = image_request,
        document = documents,
        inputs = [depset(receipts + (listings or []) + in_documents.files + ([base.layout] if base else []))],
        mnemonic = "ContainerImage",
    )
    given = base.blobs if base else depset()
    whole = [depset(
        receipts + (listings or []) + in_whole.files + [layer.blob for layer in layers] + ([base.whole] if base else []),
        transitive = [base.blob_files] if base else [],
    )]
    under = base_source(base.whole, base.listings or [], options) if base else None
    ours = not base or base.info
    name = ctx.label.name
    forms = {}
    for form, out in [
        ("layout", ctx.actions.declare_directory(name + ".layout")),
        ("oci_archive", ctx.actions.declare_file(name + ".oci.tar")),
        ("docker_archive", ctx.actions.declare_file(name + ".docker.tar")),
    ]:
        document = struct(
            head = request_head(ctx, tags = names, output = whole_output(form, ours), stamp_defaults = stamps.defaults),
            image = image,
            texts = in_whole,
            base = under,
            layers = layers,
            blobs = True,
            given = given,
            listings = known,
        )
        forms[form] = assemble_whole(ctx, image_request, document, whole, out)
    own = [layer.blob for layer in layers] + receipts
    info = ContainerImageInfo(
        base = base.info if base else None,
        blobs = depset([struct(file = layer.blob, receipt = layer.receipt, digest = None) for layer in layers], transitive = [given]),
        blob_files = depset(own, transitive = [base.blob_files] if base else []),
        own_files = depset(own, transitive = [base.own_files] if base else []),
        digest = made.digest,
        foreign = bool(base and base.foreign),
        layers = layers,
        layout = made.layout,
        listings = listings,
        platform = platform,
        receipt = made.receipt,
        whole_layout = forms["layout"],
    )
    return made_providers(made, forms, [layer.listing for layer in layers]) + [info]

container_image = rule(
    implementation = _container_image_impl,
    cfg = one_platform,
    doc = """One image: a base, layers on top of it, and what a container is started with.

```starlark
container_image(
    name = "image",
    base = ":base",
    layers = [":rootfs"],
    entrypoint = ["/usr/bin/server"],
    env = {"PATH": "/opt/bin:$PATH"},
)
```

What is not given is the base's. The action that makes it reads receipts and listings, kilobytes, and never a layer.

Its files are a sparse OCI layout (documents alone), the receipt and the digest. Output groups: `digest`, `receipt`, `listing` (of its own
layers), `layout` (an OCI layout directory with all blobs), `archive` (a tar of that, which `podman load` takes, and `docker load` where Docker keeps its images in containerd),
`docker_archive` (a tar for any `docker load`).""",
    attrs = stamp_attrs("`annotations`, `author`, `created`, `env`, `labels`, `repo_tags`, and in the files that hold some of them") | {
        "annotations": attr.string_dict(doc = "Annotations of the manifest. Those of the base are not taken over; what it was built on is noted in `org.opencontainers.image.base.*`."),
        "annotations_files": attr.label_list(allow_files = True, doc = "Files with more annotations, one `KEY=VALUE` a line. What `annotations` says goes before them, and a later file before an earlier one."),
        "architecture": attr.string(doc = "What it runs on, in the image specification's words: `amd64`, `arm64`. By default the target platform's."),
        "artifact_type": attr.string(doc = "What kind of artifact it is, where it is more than an image: a media type."),
        "author": attr.string(doc = "Who made it."),
        "base": attr.label(
            allow_files = True,
            doc = "What it is built on: a `container_image`, a `container_index` of which the image for the platform is taken, or any target whose one file is an OCI layout directory. Without one the image has only its own layers.",
        ),
        "base_name": attr.string(doc = "The base's reference, for the annotation `org.opencontainers.image.base.name`."),
        "check_entrypoint": attr.string(
            default = "error",
            doc = "What happens where the program that the image starts is not in it, or is no executable file. Looked at where the listings of all layers are known: not on bases from elsewhere.",
            values = ["error", "warn", "ignore"],
        ),
        "check_machine": attr.string(
            default = "error",
            doc = "What happens where a layer has ELF files for another machine than the image's.",
            values = ["error", "warn", "ignore"],
        ),
        "cmd": attr.string_list(doc = "The words that `docker run` replaces."),
        "cmd_file": attr.label(allow_single_file = True, doc = "In the place of `cmd`: a file with one word a line."),
        "config_fragment": attr.string(doc = "JSON that is merged into the config document last, for what has no attribute here: `json.encode({\"config\": {\"Healthcheck\": {…}}})`."),
        "created": attr.string(doc = "When it was made, in RFC 3339 or as seconds since 1970. By default 1970, and so two builds are the same."),
        "created_file": attr.label(allow_single_file = True, doc = "A file that holds that time."),
        "entrypoint": attr.string_list(doc = "The command, which `docker run` adds its words to. As in a Dockerfile the base's `cmd` is not inherited where it is given."),
        "entrypoint_file": attr.label(allow_single_file = True, doc = "In the place of `entrypoint`: a file with one word a line."),
        "env": attr.string_dict(doc = "Environment variables, added to those of the base. `$VAR` and `${VAR}` are replaced by the base's; `\\$` is a dollar sign."),
        "env_files": attr.label_list(allow_files = True, doc = "Files with more variables, one `NAME=VALUE` a line, in which `$VAR` is replaced as in `env`. What `env` says goes before them."),
        "exposed_ports": attr.string_list(doc = "Ports, added to those of the base: `8080`, `8080/udp`, `8000-8010/tcp`."),
        "exposed_ports_file": attr.label(allow_single_file = True, doc = "In the place of `exposed_ports`: a file with ports, and commas or new lines between them."),
        "labels": attr.string_dict(doc = "Labels, added to those of the base."),
        "labels_files": attr.label_list(allow_files = True, doc = "Files with more labels, one `KEY=VALUE` a line. What `labels` says goes before them."),
        "layers": attr.label_list(
            allow_files = True,
            doc = "Layers, the lowest first: targets of `container_layer` and `container_binary_layer`, or tar files from elsewhere, whose headers are kept as they are.",
        ),
        "on_build": attr.string(
            default = "refuse",
            doc = "What happens where the base has `ONBUILD` triggers, which nothing here can run: an error, or they are dropped, or kept for who builds on this image.",
            values = ["refuse", "drop", "keep"],
        ),
        "os": attr.string(doc = "The system that it runs on, `linux` or `windows`. By default the target platform's."),
        "platform": attr.label(doc = "The platform that the image, and all that goes into it, is built for. By default the one that is built for anyway."),
        "repo_tags": attr.string_list(doc = "Names in `layout` and the archives: a reference with a tag (`example.com/app:1.0`), which is what `docker load` calls the image; where there is no `docker_archive` to make, a tag alone will do. They change no digest."),
        "stop_signal": attr.string(doc = "The signal that stops a container: `SIGTERM`, `15`."),
        "unset": attr.string_list(doc = "Fields of the base that are not wanted: %s. What is given for them here stands alone." % ", ".join(["`%s`" % name for name in _UNSET])),
        "user": attr.string(doc = "User and group: `user`, `uid`, `user:group` or `uid:gid`."),
        "variant": attr.string(doc = "Variant of the architecture: `v7`."),
        "volumes": attr.string_list(doc = "Directories that hold data, added to those of the base."),
        "volumes_file": attr.label(allow_single_file = True, doc = "In the place of `volumes`: a file with directories, and commas or new lines between them."),
        "workdir": attr.string(doc = "The directory that a container starts in; one that is not absolute lies in the base's."),
    },
    provides = [ContainerImageInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
