"""The extension `images`: repositories of the images that a lock file holds.

The lock says everything: which platforms there are, and every digest. So the extension asks no registry. An
image's repository asks, by digest, for manifests and configs, when something first names a target in it; a
layer is fetched by an action, when another one needs its bytes.
"""

load(":hosts.bzl", "host_settings")
load(":platform.bzl", "constraints")

# Names that the hub needs for itself.
_TAKEN = ["blobs", "check", "lock", "update"]

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

_HEAD = """\
load("{pulled}", "{rule}")

package(default_visibility = ["//visibility:public"])

"""

def _target(platform):
    """The name of a platform's target: `linux_arm64_v8`."""
    return "".join([c if c.isalnum() else "_" for c in platform.elems()])

def _image_impl(rctx):
    """Manifests and configs of an image, in the words of `pull`."""
    request = {
        "from": json.decode(rctx.attr.settings),
        "image": {"entry": json.decode(rctx.attr.entry)} if rctx.attr.entry else {"locked": {"lock": str(rctx.path(rctx.attr.lock)), "name": rctx.attr.image}},
        "kind": "pull",
        "origin": rctx.attr.origin,
        "platforms": [rctx.attr.platform] if rctx.attr.platform else [],
        "sparse": True,
        "version": 1,
    }
    rctx.file("request.json", json.encode(request))
    pull = rctx.path(rctx.attr._pull)

    # Its name is of what it holds: whoever has it as an input sees when that changes.
    layout = "layout_" + rctx.attr.digest.partition(":")[2][:16]
    result = rctx.execute([pull, "request.json", "--out", layout], timeout = 3600)
    if result.return_code != 0:
        said = result.stderr.strip()
        if not rctx.attr.entry:
            said += "\nwith Bazel: bazel run %s//:lock -- %s=REFERENCE" % (rctx.attr.origin.partition("//")[0], rctx.attr.image)
        fail("\n" + said)
    rctx.file("digest", rctx.attr.digest)
    rctx.file("BUILD.bazel", _HEAD.format(pulled = Label(":pulled.bzl"), rule = "pulled_image") + """\
pulled_image(
    name = "image",
    blobs = {blobs},
    digest = "digest",
    is_index = {is_index},
    layout = {layout},
    platform = {platform},
)
""".format(
        blobs = json.encode(rctx.attr.blobs),
        is_index = rctx.attr.is_index,
        layout = repr(layout),
        platform = repr(rctx.attr.platform),
    ))

_image_repository = repository_rule(
    implementation = _image_impl,
    doc = "An image out of a lock, for one platform or for all.",
    attrs = {
        "blobs": attr.string_list(),
        "digest": attr.string(),
        "entry": attr.string(),
        "image": attr.string(),
        "is_index": attr.bool(),
        "lock": attr.label(allow_single_file = True),
        "origin": attr.string(),
        "platform": attr.string(),
        "settings": attr.string(),
        "_pull": attr.label(default = "@rules_container_host//:pull"),
    },
)

def _hub_impl(rctx):
    rctx.file("settings.json", rctx.attr.settings)
    for package, text in rctx.attr.packages.items():
        rctx.file(package + "/BUILD.bazel" if package else "BUILD.bazel", text)
    root = _HEAD.format(pulled = Label(":pulled.bzl"), rule = "pulled_command")
    for name, words in [("lock", []), ("update", ["--update"]), ("check", ["--check"])]:
        root += """\
pulled_command(
    name = {name},
    args = {args},
    data = ["settings.json"],
)

""".format(
            name = repr(name),
            args = json.encode(["lock", "--lock", rctx.attr.lock, "--settings", "../%s/settings.json" % rctx.name, "--origin", "@%s//:%s" % (rctx.attr.hub, name)] + words),
        )
    rctx.file("BUILD.bazel", root + rctx.attr.root)

_hub_repository = repository_rule(
    implementation = _hub_impl,
    doc = "The images of a lock by their names, and commands that move and check it.",
    attrs = {
        "hub": attr.string(),
        "lock": attr.string(),
        "packages": attr.string_dict(),
        "root": attr.string(),
        "settings": attr.string(),
    },
)

def _check_name(what, name):
    if not name or name in _TAKEN or name.strip(_LETTERS) or not name[0].isalnum():
        fail("images.lock: %s is named `%s`\n  allowed: letters, digits, `_`, `.` and `-`, the first a letter or digit, and none of: %s\nhint: give it another name" % (what, name, ", ".join(_TAKEN)))

def _read(mctx, tag):
    """The entries of a lock. What of them is used is looked at by `pull`."""
    lock = json.decode(mctx.read(mctx.path(tag.file)), default = None)
    if type(lock) != "dict" or lock.get("kind") != "images_lock" or type(lock.get("images")) != "dict":
        fail("images.lock: `file` is `%s`, which is not a lock file\n  allowed: JSON as `pull lock` writes it\nhint: write `{\"kind\": \"images_lock\", \"version\": 1, \"images\": {}}` into it, and then `bazel run @%s//:lock -- NAME=REFERENCE`" % (tag.file, tag.name))
    if lock.get("version") != 1:
        fail("images.lock: `file` is `%s`, of version %s\n  allowed: version 1\nhint: take the version of rules_container that it was written for" % (tag.file, lock.get("version")))
    return lock["images"]

def _hub(mctx, tag, settings):
    """Declares the repositories of one lock."""
    images = _read(mctx, tag)
    blobs = {}
    root = ""
    packages = {}
    systems = {}
    for name in sorted({name: None for name in images.keys() + tag.images}):
        _check_name("an image of `%s`" % tag.file, name)
        origin = "@%s//:%s" % (tag.name, name)
        shared = dict(origin = origin, settings = settings)
        whole = "%s_%s" % (tag.name, name)
        if name not in images:
            # Whoever uses it reads in `pull`'s own words that it is not there.
            _image_repository(name = whole, image = name, lock = tag.file, **shared)
            root += "alias(name = %r, actual = \"@%s//:image\")\n\n" % (name, whole)
            continue
        entry = images[name]
        shared["entry"] = json.encode(entry)
        for manifest in entry["manifests"]:
            for layer in manifest["layers"]:
                blobs.setdefault(layer["digest"], (layer, entry, origin))
        is_index = entry["manifests"] != [] and entry["manifests"][0]["digest"] != entry["digest"]
        all_layers = [layer for manifest in entry["manifests"] for layer in manifest["layers"]]
        _image_repository(
            name = whole,
            digest = entry["digest"],
            is_index = is_index,
            blobs = _labels(tag.name, all_layers),
            **shared
        )
        if not is_index:
            root += "alias(name = %r, actual = \"@%s//:image\")\n\n" % (name, whole)
            continue
        targets = {"index": whole}
        select = {}
        for manifest in entry["manifests"]:
            platform = manifest.get("platform", "unknown")
            target = _target(platform)
            if platform.startswith("unknown") or target in targets:
                continue
            targets[target] = "%s_%s" % (whole, target)
            _image_repository(
                name = targets[target],
                digest = manifest["digest"],
                platform = platform,
                blobs = _labels(tag.name, manifest["layers"]),
                **shared
            )
            wanted = constraints(platform)
            if wanted:
                setting = "_" + "_".join([label.name for label in wanted])
                systems[setting] = [str(label) for label in wanted]
                select.setdefault("//:" + setting, "@%s//:image" % targets[target])

        # Which platforms there are is for the program to say, in an error that names them.
        select["//conditions:default"] = "@%s//:image" % whole
        root += "alias(name = %r, actual = select(%s))\n\n" % (name, json.encode(select))
        package = "package(default_visibility = [\"//visibility:public\"])\n\n"
        for target, repository in targets.items():
            package += "alias(name = %r, actual = \"@%s//:image\")\n\n" % (target, repository)
        if name not in targets:
            package += "alias(name = %r, actual = \"//:%s\")\n\n" % (name, name)
        packages[name] = package
    for setting, wanted in systems.items():
        root += "config_setting(name = %r, constraint_values = %s, visibility = [\"//visibility:private\"])\n\n" % (setting, json.encode(wanted))
    packages["blobs"] = _HEAD.format(pulled = Label(":pulled.bzl"), rule = "pulled_blob") + "".join([
        "pulled_blob(name = %r, digest = %r, request = %r)\n\n" % (
            _blob_name(digest),
            digest,
            json.encode({
                "from": json.decode(settings),
                "image": {"blob": {
                    "digest": digest,
                    "media_type": layer["media_type"],
                    "reference": entry["reference"],
                    "size": layer["size"],
                }},
                "kind": "pull",
                "origin": origin,
                "version": 1,
            }),
        )
        for digest, (layer, entry, origin) in blobs.items()
    ])
    _hub_repository(
        name = tag.name,
        hub = tag.name,
        # In the source tree, where the commands write it.
        lock = str(mctx.path(tag.file)),
        packages = packages,
        root = root,
        settings = settings,
    )

def _blob_name(digest):
    return digest.replace(":", "_")

def _labels(hub, layers):
    return ["@%s//blobs:%s" % (hub, name) for name in {_blob_name(layer["digest"]): None for layer in layers}]

def _settings(mctx):
    """The field `from` of requests."""
    found = None
    for module in mctx.modules:
        for tag in module.tags.settings:
            if not module.is_root:
                fail("images.settings is in the module `%s`; only the root module says how registries are reached\nhint: write it in your own MODULE.bazel, or mark the extension there `dev_dependency = True`" % module.name)
            if found:
                fail("images.settings is there twice\nhint: put both into one")
            found = tag
    hosts = {}
    credentials = "lookup"
    mirrors = ""
    private = ""
    if found:
        private = found.private
        hosts = host_settings("images.settings", found, [(host, str(mctx.path(file))) for file, host in found.ca_files.items()])
        if found.credentials.startswith("/"):
            credentials = {"file": found.credentials}
        elif found.credentials in ["anonymous", "lookup"]:
            credentials = found.credentials
        else:
            fail("images.settings: `credentials` is `%s`\n  allowed: `lookup`, `anonymous`, or the absolute path of a file as docker's config.json\nhint: remove it to take what your own tools take" % found.credentials)
        mirrors = _absolute(mctx, found.mirrors)
    return json.encode({
        "access": {
            "credentials": credentials,
            "hosts": hosts,
            "proxy_from_environment": True,
        },
        "mirrors": mirrors,
        "private": private,
    })

def _absolute(mctx, mirrors):
    """`file:` with a path in the root module, as the programs run elsewhere."""
    if "file:" not in mirrors:
        return mirrors
    root = str(mctx.path(Label("@@//:MODULE.bazel")).dirname)
    out = ""
    for number, part in enumerate(mirrors.replace("|", ",|").split(",")):
        mark = "|" if part.startswith("|") else "," if number else ""
        place = part.removeprefix("|").strip()
        if place.startswith("file:") and not place.startswith("file:/"):
            place = "file://%s/%s" % (root, place.removeprefix("file:"))
        out += mark + place
    return out

def _images_impl(mctx):
    settings = _settings(mctx)
    names = {}
    for module in mctx.modules:
        for tag in module.tags.lock:
            if not module.is_root and not tag.name.startswith(module.name):
                fail("images.lock in the module `%s`: `name` is `%s`\n  allowed: a name that begins with that of the module, where it is not the root module\nhint: write `name = \"%s_images\"` there" % (module.name, tag.name, module.name))
            _check_name("a repository", tag.name)
            if tag.name in names:
                fail("images.lock: `name` is `%s` twice, in the modules `%s` and `%s`\nhint: give one of them another name" % (tag.name, names[tag.name], module.name))
            names[tag.name] = module.name
            _hub(mctx, tag, settings)
    return mctx.extension_metadata(reproducible = True)

images = module_extension(
    implementation = _images_impl,
    doc = """Images out of registries, as a lock file pins them.

```starlark
images = use_extension("@rules_container//rules:extensions.bzl", "images")
images.lock(file = "//:images.lock.json")
use_repo(images, "images")
```

The repository has, for each image of the lock,

- `@images//:debian`: the image for the target platform, for `base` and the like;
- `@images//debian:linux_amd64`: the image for one platform, and so for each that it has;
- `@images//debian:index`: all of it.

Commands: `bazel run @images//:lock -- debian=docker.io/library/debian:12` adds an image, `bazel run @images//:update` (`-- debian`) moves
all (or some) to where their tags lead now, `bazel run @images//:check` fails where a tag has moved.

No tag is resolved by a build. An image's manifests and configs are fetched when something first names it, and a
layer when an action needs its bytes: for a layout or an archive with all of them. A push sends layers on from where they are.""",
    tag_classes = {
        "lock": tag_class(
            doc = "A lock file, and the repository of its images.",
            attrs = {
                "file": attr.label(mandatory = True, doc = "The lock file, `//:images.lock.json`. An empty one is `{\"kind\": \"images_lock\", \"version\": 1, \"images\": {}}`."),
                "images": attr.string_list(doc = "Names that should be in it. Who uses one that is not is told so, and how to add it, in the words of `pull`."),
                "name": attr.string(default = "images", doc = "The repository's name. In a module that others depend on it begins with the module's own."),
            },
        ),
        "settings": tag_class(
            doc = "How registries are reached, in the root module. None of it changes a byte.",
            attrs = {
                "ca_files": attr.label_keyed_string_dict(doc = "PEM file to host: the authorities that are trusted for that host, and no others."),
                "client_certificates": attr.string_dict(doc = "Host to the absolute path of a PEM file, which is shown to that host and to no other."),
                "client_keys": attr.string_dict(doc = "Host to the absolute path of its key, PEM too."),
                "credentials": attr.string(default = "lookup", doc = "`lookup`: what your own tools take (`~/.docker/config.json` and the like). `anonymous`. Or the absolute path of such a file. The action that fetches a layer has the environment that `--action_env` gives it, as `--action_env=HOME`."),
                "mirrors": attr.string(doc = "Places in order, as `https://mirror.example/hub|direct`; a path after `file:` lies in the root module: `docs/registries.md`."),
                "plain_http": attr.string_list(doc = "Hosts, as `localhost:5000`, that are spoken to without TLS."),
                "private": attr.string(doc = "Patterns of names that no mirror hears of, with commas between them."),
                "requests_at_once": attr.string_dict(doc = "Host to how many requests are under way with it at once, at most: `{\"registry.example.com\": \"4\"}`."),
            },
        ),
    },
)
