"""Tests of images: the program `verify` itself, with a request from the runfiles. None reads a layer."""

load("//rules:providers.bzl", "ContainerImageInfo", "ContainerIndexInfo")
load(":bad.bzl", "bad", "image_path", "octal", "show")
load(":platform.bzl", "CONFIGURATION_ATTRS", "target_platform")
load(":tools.bzl", "RUN_TOOLCHAIN_TYPE", "program")

_IMAGE = attr.label(mandatory = True, providers = [[ContainerImageInfo], [ContainerIndexInfo]])

def _image_info(target):
    return target[ContainerImageInfo] if ContainerImageInfo in target else target[ContainerIndexInfo]

def _start(ctx, runfiles):
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(
        output = executable,
        target_file = program(ctx, "verify", RUN_TOOLCHAIN_TYPE).executable,
        is_executable = True,
    )
    return DefaultInfo(executable = executable, runfiles = runfiles)

def _test(ctx, checks, files, symlinks = {}):
    request = ctx.actions.declare_file(ctx.label.name + ".request.json")
    ctx.actions.write(request, json.encode({
        "checks": checks,
        "kind": "verify",
        "origin": show(ctx.label),
        "version": 1,
    }))
    return [_start(ctx, ctx.runfiles(files = [request] + files, symlinks = symlinks))]

def _request(name):
    """Where the request lies below the folder that tests start in: the main repository's runfiles."""
    repository = native.repository_name().lstrip("@")
    return "/".join([part for part in ["../" + repository if repository else "", native.package_name(), name + ".request.json"] if part])

def _digest_test_impl(ctx):
    image = _image_info(ctx.attr.image)
    expected = ctx.file.expected

    # By a name of its own: both may have the same path, one in the source tree and one in the output tree.
    path = _actual_path(ctx.label.package, ctx.label.name)
    check = {
        "actual": path,
        "expected": expected.short_path,
        "update": "bazel run %s.update" % show(ctx.label),
    }
    files = [expected]
    if _keeps_documents(expected.basename):
        check |= {"follow_links": True, "layout": image.layout.short_path}
        files.append(image.layout)
    if ctx.attr.previous:
        layouts = [_image_info(ctx.attr.previous).layout, image.layout]
        check["explain"] = {"first": layouts[0].short_path, "follow_links": True, "second": layouts[1].short_path}
        files += layouts
    return _test(ctx, [{"digest": check}], files, {path: image.digest})

def _keeps_documents(name):
    """What is expected is a digest, or the documents, which tell more when something moves."""
    return name.endswith(".json")

_digest_test = rule(
    implementation = _digest_test_impl,
    attrs = {
        "expected": attr.label(allow_single_file = True, mandatory = True),
        "image": _IMAGE,
        "previous": attr.label(providers = [[ContainerImageInfo], [ContainerIndexInfo]]),
    },
    test = True,
    toolchains = [RUN_TOOLCHAIN_TYPE],
)

def _update_impl(ctx):
    expected = ctx.file.expected
    if not expected.is_source or expected.short_path.startswith("../"):
        bad(ctx.label, "expected", show(ctx.attr.expected.label), "a file of the main repository's source tree", "write it beside the BUILD file")
    image = _image_info(ctx.attr.image)
    actual = image.layout if _keeps_documents(expected.basename) else image.digest

    # By a name that the macro knows.
    return [_start(ctx, ctx.runfiles(symlinks = {_actual_path(ctx.label.package, ctx.label.name): actual}))]

def _actual_path(package, name):
    return "/".join([part for part in [package, name + ".actual"] if part])

_update = rule(
    implementation = _update_impl,
    attrs = {
        "expected": attr.label(allow_single_file = True, mandatory = True),
        "image": _IMAGE,
    },
    executable = True,
    toolchains = [RUN_TOOLCHAIN_TYPE],
)

def container_digest_test(name, image, expected, previous = None, **kwargs):
    """A test that an image has the digest that stands in a file of the source tree.

    ```starlark
    container_digest_test(
        name = "image_digest_test",
        expected = "image.digest",
        image = ":image",
    )
    ```

    `bazel run :image_digest_test.update` writes the file; an empty one is enough to begin with. Where its name ends with `.json` it holds the image's
    manifests and configs: then a review shows which variable, label or layer moves, and a test that fails tells it too.

    Args:
      name: of the test; `{name}.update` writes the file.
      image: a `container_image` or `container_index`.
      expected: the file, as a label of the main repository.
      previous: an image that has the expected digest, as one out of a lock: another way for the test to tell what moved.
      **kwargs: attributes that all tests have.
    """
    shared = {key: value for key, value in kwargs.items() if key in ["tags", "target_compatible_with", "testonly", "visibility"]}
    _digest_test(
        name = name,
        args = [_request(name)],
        expected = expected,
        image = image,
        previous = previous,
        **kwargs
    )
    label = native.package_relative_label(expected)
    _update(
        name = name + ".update",
        args = [
            "update",
            _actual_path(native.package_name(), name + ".update"),
            "/".join([part for part in [label.package, label.name] if part]),
        ] + (["--documents"] if _keeps_documents(label.name) else []),
        expected = expected,
        image = image,
        **(shared | {"testonly": True})
    )

def _structure_test_impl(ctx):
    target = ctx.attr.image
    image = _image_info(target)
    files = []
    for path, text in ctx.attr.files.items():
        value = json.decode(text, default = None)
        if type(value) != "dict":
            bad(ctx.label, "files", text, "a JSON object as `expected_file(…)` makes it", "write `expected_file(…)` as the value of `%s`" % path)
        if "mode" in value:
            octal(ctx.label, "files", str(value["mode"]))
        files.append(value | {"path": image_path(ctx.label, "files", path)})
    files += [{"absent": True, "path": image_path(ctx.label, "absent", path)} for path in ctx.attr.absent]
    check = {
        "expect": json.decode(ctx.attr.expect) | {"files": files},
        "follow_links": True,
        "layout": image.layout.short_path,
    }
    chosen = image
    if ContainerIndexInfo in target:
        chosen = None
        platform = ctx.attr.platform or target_platform(ctx)
        if platform:
            check["platform"] = platform
            for one in image.images:
                # An index of the index has no platform.
                if getattr(one, "platform", None) == platform:
                    chosen = one
    listings = []
    if chosen:
        listings = chosen.listings if chosen.listings != None else [layer.listing for layer in chosen.layers]
        check["listings"] = [file.short_path for file in listings]
    return _test(ctx, [{"structure": check}], [image.layout] + listings)

_structure_test = rule(
    implementation = _structure_test_impl,
    attrs = CONFIGURATION_ATTRS | {
        "absent": attr.string_list(),
        "expect": attr.string(mandatory = True),
        "files": attr.string_dict(),
        "image": _IMAGE,
        "platform": attr.string(),
    },
    test = True,
    toolchains = [RUN_TOOLCHAIN_TYPE],
)

def container_structure_test(
        name,
        image,
        entrypoint = None,
        cmd = None,
        env = {},
        no_env = [],
        user = None,
        workdir = None,
        stop_signal = None,
        labels = {},
        exposed_ports = None,
        volumes = None,
        annotations = {},
        files = {},
        absent = [],
        layers = None,
        max_size = None,
        platform = None,
        **kwargs):
    """A test that an image has what is expected of it: it looks at config, manifest and listings, and reads no layer.

    ```starlark
    container_structure_test(
        name = "image_test",
        absent = ["/usr/bin/gcc"],
        entrypoint = ["/usr/bin/server"],
        files = {"/usr/bin/server": expected_file(mode = "0755", uid = 0)},
        image = ":image",
        no_env = ["TOKEN"],
    )
    ```

    What is not given does not matter. Files are looked up as a container sees them, in the listings of our own layers: where the base comes out of a lock,
    `files` and `absent` would need its bytes, and the test says so.

    Args:
      name: of the test.
      image: a `container_image`, or a `container_index` of which the image for `platform` is looked at.
      entrypoint: all of it; an empty list is none.
      cmd: all of it; an empty list is none.
      env: variables that must be there, with these values.
      no_env: variables that must not be there.
      user: the user; an empty text is none.
      workdir: the directory that a container starts in; an empty text is none.
      stop_signal: the signal that stops it; an empty text is none.
      labels: labels that must be there, with these values.
      exposed_ports: all of them, as `80/tcp`.
      volumes: all of them.
      annotations: of the manifest, that must be there, with these values.
      files: dict of path to `expected_file(…)`.
      absent: paths that must not be there.
      layers: how many layers it has, with those of its base.
      max_size: the most bytes that its layers have together, as they are sent.
      platform: what it runs on, as `linux/amd64`.
      **kwargs: attributes that all tests have.
    """
    config = dict(
        cmd = cmd,
        entrypoint = entrypoint,
        env = env,
        exposed_ports = exposed_ports,
        labels = labels,
        no_env = no_env,
        stop_signal = stop_signal,
        user = user,
        volumes = volumes,
        working_dir = workdir,
    )
    expect = dict(
        annotations = annotations,
        config = {key: value for key, value in config.items() if value != None},
        layers = layers,
        max_size = max_size,
        platform = platform,
    )
    _structure_test(
        name = name,
        absent = absent,
        args = [_request(name)],
        expect = json.encode({key: value for key, value in expect.items() if value != None}),
        files = files,
        image = image,
        platform = platform or "",
        **kwargs
    )

def expected_file(type = None, mode = None, uid = None, gid = None, link = None, size = None, sha256 = None, elf = None):
    """What a file of an image must be, for `files` of `container_structure_test`. What is not given does not matter.

    Args:
      type: `file`, `directory`, `symlink`, `hardlink`, `character_device`, `block_device` or `fifo`.
      mode: permission bits, in octal, as `"0755"`.
      uid: number of the owner.
      gid: number of the group.
      link: where a link leads.
      size: bytes.
      sha256: of the content, in hexadecimal.
      elf: the machine that an ELF file is for, as `uname -m` calls it.

    Returns:
      A string.
    """
    given = dict(type = type, mode = mode, uid = uid, gid = gid, link = link, size = size, sha256 = sha256, elf = elf)
    return json.encode({name: value for name, value in given.items() if value != None})

_ENV = "//command_line_option:action_env"

def _twice_impl(settings, _attr):
    return {
        # Keys of one length, in order.
        "1": {_ENV: settings[_ENV]},
        "2": {_ENV: settings[_ENV] + ["TZ=Asia/Kathmandu", "LANG=tr_TR.UTF-8", "HOME=/nowhere"]},
    }

_twice = transition(
    implementation = _twice_impl,
    inputs = [_ENV],
    outputs = [_ENV],
)

def _reproducible_test_impl(ctx):
    first, second = [_image_info(targets[0] if type(targets) == "list" else targets) for _, targets in sorted(ctx.split_attr.image.items())]

    # Both have one path below their output folders.
    again = "/".join([part for part in [ctx.label.package, ctx.label.name + ".again"] if part])
    return _test(
        ctx,
        [{"same": {"first": first.layout.short_path, "follow_links": True, "second": again}}],
        [first.layout],
        {again: second.layout},
    )

_reproducible_test = rule(
    implementation = _reproducible_test_impl,
    attrs = {
        "image": attr.label(
            cfg = _twice,
            mandatory = True,
            providers = [[ContainerImageInfo], [ContainerIndexInfo]],
        ),
    },
    test = True,
    toolchains = [RUN_TOOLCHAIN_TYPE],
)

def container_reproducible_test(name, image, **kwargs):
    """A test that an image is made again with the same bytes.

    It, and all that goes into it, is built a second time: in another output folder, with another time zone, language and home in the environment that
    `--action_env` gives. A program that writes the time or a path into what it makes fails it.

    Args:
      name: of the test.
      image: a `container_image` or `container_index`.
      **kwargs: attributes that all tests have.
    """
    _reproducible_test(
        name = name,
        args = [_request(name)],
        image = image,
        **kwargs
    )
