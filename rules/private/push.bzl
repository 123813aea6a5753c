"""`bazel run` of the program `push`: into registries, into engines. It is started itself, with a request from the runfiles."""

load("//rules:providers.bzl", "ContainerImageInfo", "ContainerImageReferenceInfo", "ContainerIndexInfo", "ContainerReferrersInfo")
load(":assemble.bzl", "assemble_whole", "bytes_layout", "request_head", "whole_output")
load(":bad.bzl", "bad", "show")
load(":hosts.bzl", "host_settings")
load(":platform.bzl", "CONFIGURATION_ATTRS", "target_platform")
load(":request.bzl", "copy_request", "push_request", "texts_source")
load(":tools.bzl", "RUN_TOOLCHAIN_TYPE", "TOOLCHAIN_TYPE", "program")

_PushInfo = provider(
    doc = "What a push sends.",
    fields = {
        "files": "depset of `File`: all that the images name.",
        "hosts": "Dict of host to settings, as the request has them.",
        "images": "List of structs for `push_request`.",
    },
)

_TAG = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

_IMAGE = attr.label(mandatory = True, providers = [[ContainerImageInfo], [ContainerIndexInfo]])

def _image_info(target):
    return target[ContainerImageInfo] if ContainerImageInfo in target else target[ContainerIndexInfo]

def _sent(image, attached = [], **kwargs):
    """What is sent of an image: its documents, and its own layers from where they were made. Those of a base out of a lock are sent on from where they are."""
    layout = bytes_layout(image)
    return struct(
        attached = attached,
        layout = layout,
        blobs = depset() if image.foreign else image.blobs,
        files = depset([layout] + attached, transitive = [] if image.foreign else [image.own_files]),
        **kwargs
    )

# Attributes of all that reaches registries.
_HOST_ATTRS = {
    "ca_files": attr.label_keyed_string_dict(allow_files = True),
    "client_certificates": attr.string_dict(),
    "client_keys": attr.string_dict(),
    "plain_http": attr.string_list(),
    "requests_at_once": attr.string_dict(),
}

def _hosts(ctx):
    """How hosts are reached, as the request has it: a dict of host to settings."""
    ca_files = []
    for target, host in ctx.attr.ca_files.items():
        files = target[DefaultInfo].files.to_list()
        if len(files) != 1:
            bad(ctx.label, "ca_files", show(target.label), "one PEM file for each host; the target has %d" % len(files), "name the file itself")
        ca_files.append((host, files[0].short_path))
    return host_settings(ctx.label, ctx.attr, ca_files)

def _joined_hosts(label, infos):
    """The settings of several pushes; they have to agree."""
    hosts = {}
    for info in infos:
        for host, settings in info.hosts.items():
            if hosts.setdefault(host, settings) != settings:
                bad(label, "pushes", host, "pushes that reach a host in one way: `plain_http`, `ca_files` and the like differ", "give all of them the same")
    return hosts

def _stamped(ctx):
    """The status files, where they are wanted: the latest of each run, for nothing is made from them beforehand."""
    return [ctx.info_file, ctx.version_file] if ctx.attr.stamp else []

def _without_keys(text):
    """The text with `x` in the place of each `{KEY}`."""
    out, _, rest = text.partition("{")
    for part in rest.split("{") if rest else []:
        _, found, after = part.partition("}")
        out += "x" + after if found else "{" + part
    return out

def _launch(ctx, info, stamps, references):
    """The executable is the program; the macro gives it the request's path in the runfiles as its argument."""
    request = ctx.actions.declare_file(ctx.label.name + ".request.json")
    arguments = ctx.actions.args()
    arguments.set_param_file_format("multiline")
    arguments.add_all([struct(
        head = {
            "access": {"credentials": "lookup", "hosts": info.hosts, "proxy_from_environment": True},
            "kind": "push",
            "origin": show(ctx.label),
            "stamps": [file.short_path for file in stamps],
            "version": 1,
        },
        images = info.images,
    )], map_each = push_request, expand_directories = False)
    ctx.actions.write(request, arguments)
    push = program(ctx, "push", RUN_TOOLCHAIN_TYPE)
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = executable, target_file = push.executable, is_executable = True)
    return [
        DefaultInfo(executable = executable, runfiles = ctx.runfiles(files = [request] + stamps, transitive_files = info.files)),
        info,
    ] + references

def _check_repository(label, attribute, repository, stamp):
    plain = _without_keys(repository) if stamp else repository
    host, _, path = plain.partition("/")
    if not host or not path or "://" in plain or ":" in path or "@" in path:
        bad(label, attribute, repository, "`host/name` or `host:port/name`, without a scheme, a tag or a digest", "write `registry.example.com/team/app`, and tags in `remote_tags`")

def _check_tag(label, tag, stamp):
    plain = _without_keys(tag) if stamp else tag
    if not plain or len(plain) > 128 or plain[0] in ".-" or plain.strip(_TAG):
        bad(label, "remote_tags", tag, "at most 128 letters, digits, `_`, `.` and `-`, the first a letter, a digit or `_`", "write a tag alone, as `1.0`; `{KEY}` needs `stamp = True`" if "{" in tag else "write a tag alone, as `1.0`")

def _container_push_impl(ctx):
    label = ctx.label
    attr = ctx.attr
    image = _image_info(attr.image)
    repositories = attr.repositories + ([attr.repository] if attr.repository else [])
    if not repositories and not attr.repository_file:
        bad(label, "repositories", "", "one repository or more", "write `[\"registry.example.com/team/app\"]`")
    for repository in repositories:
        _check_repository(label, "repositories", repository, attr.stamp)
    for tag in attr.remote_tags:
        _check_tag(label, tag, attr.stamp)
    shared = {"existing": attr.existing, "tags": attr.remote_tags}
    if ctx.files.remote_tags_files:
        shared["tags_from"] = [file.short_path for file in ctx.files.remote_tags_files]
    to = [shared | {"repository": repository} for repository in repositories]
    files = ctx.files.remote_tags_files + ctx.files.ca_files
    if attr.repository_file:
        files.append(ctx.file.repository_file)
        to.append(shared | {"repository_from": ctx.file.repository_file.short_path})
    attached = [target[ContainerReferrersInfo].layout for target in attr.referrers]
    sent = _sent(image, attached = attached, to = to, into = [], platform = None)
    info = _PushInfo(
        files = depset(files + _stamped(ctx), transitive = [sent.files]),
        hosts = _hosts(ctx),
        images = [sent],
    )
    reference = ContainerImageReferenceInfo(
        digest = image.digest,
        repositories = repositories,
        repository_file = ctx.file.repository_file,
        tags = attr.remote_tags,
        tags_files = ctx.files.remote_tags_files,
    )
    return _launch(ctx, info, _stamped(ctx), [reference])

_container_push = rule(
    implementation = _container_push_impl,
    attrs = _HOST_ATTRS | {
        "existing": attr.string(default = "replace", values = ["replace", "keep"]),
        "image": _IMAGE,
        "referrers": attr.label_list(providers = [ContainerReferrersInfo]),
        "remote_tags": attr.string_list(),
        "remote_tags_files": attr.label_list(allow_files = True),
        "repositories": attr.string_list(),
        "repository": attr.string(),
        "repository_file": attr.label(allow_single_file = True),
        "stamp": attr.bool(),
    },
    executable = True,
    toolchains = [RUN_TOOLCHAIN_TYPE],
)

def _container_push_all_impl(ctx):
    if not ctx.attr.pushes:
        bad(ctx.label, "pushes", "", "one `container_push` or more", "name the targets that are to be pushed together")
    infos = [target[_PushInfo] for target in ctx.attr.pushes]
    return _launch(ctx, _PushInfo(
        hosts = _joined_hosts(ctx.label, infos),
        images = [image for info in infos for image in info.images],
        files = depset(transitive = [info.files for info in infos]),
    ), _stamped(ctx), [])

_container_push_all = rule(
    implementation = _container_push_all_impl,
    attrs = {
        "pushes": attr.label_list(mandatory = True, providers = [_PushInfo]),
        "stamp": attr.bool(),
    },
    executable = True,
    toolchains = [RUN_TOOLCHAIN_TYPE],
)

def _tarball(ctx, image, names):
    """What a load would send, as a file: for who has no engine on this machine. It is made only where something asks for it."""
    layout = bytes_layout(image)
    stamped = [name for name in names if ctx.attr.stamp and "{" in name]
    texts = texts_source(status = _stamped(ctx) if stamped else [])
    return assemble_whole(
        ctx,
        copy_request,
        struct(
            head = request_head(
                ctx,
                output = whole_output("docker_archive", not image.foreign),
                tags = [{"stamp": name} if name in stamped else name for name in names],
            ),
            layout = layout,
            given = image.blobs,
            texts = texts,
        ),
        [depset([layout] + texts.files), image.blob_files],
        ctx.actions.declare_file(ctx.label.name + ".tar"),
    )

def _container_load_impl(ctx):
    label = ctx.label
    attr = ctx.attr
    if not attr.command:
        bad(label, "command", "", "a program that reads an archive for `docker load`, and its words", "write `[\"docker\", \"load\"]`")
    for name in attr.repo_tags:
        if ":" not in _without_keys(name).rpartition("/")[2]:
            bad(label, "repo_tags", name, "a reference with a tag", "write `%s:latest`" % name)
    image = _image_info(attr.image)
    into = {"command": attr.command, "names": attr.repo_tags}
    if ctx.files.repo_tags_files:
        into["names_from"] = [file.short_path for file in ctx.files.repo_tags_files]
    sent = _sent(
        image,
        to = [],
        into = [{"load": into}],
        # An engine takes one image, and not an index.
        platform = target_platform(ctx) if ContainerIndexInfo in attr.image else None,
    )
    files = ctx.files.repo_tags_files + ctx.files.ca_files
    info = _PushInfo(files = depset(files, transitive = [sent.files]), hosts = _hosts(ctx), images = [sent])
    groups = {}

    # A load itself needs no program of actions.
    if attr.repo_tags and ContainerIndexInfo not in attr.image and ctx.toolchains[TOOLCHAIN_TYPE].container.assemble:
        groups["tarball"] = depset([_tarball(ctx, image, attr.repo_tags)])
    return _launch(ctx, info, _stamped(ctx), [])[:1] + [OutputGroupInfo(**groups)]

_container_load = rule(
    implementation = _container_load_impl,
    attrs = CONFIGURATION_ATTRS | _HOST_ATTRS | {
        "command": attr.string_list(),
        "image": _IMAGE,
        "repo_tags": attr.string_list(),
        "repo_tags_files": attr.label_list(allow_files = True),
        "stamp": attr.bool(),
    },
    executable = True,
    toolchains = [RUN_TOOLCHAIN_TYPE, TOOLCHAIN_TYPE],
)

def _request(name):
    """Where the request lies below the folder that `bazel run` starts programs in: the main repository's runfiles."""
    repository = native.repository_name().lstrip("@")
    return "/".join([part for part in ["../" + repository if repository else "", native.package_name(), name + ".request.json"] if part])

def container_push(
        name,
        image,
        repositories = [],
        repository = "",
        repository_file = None,
        remote_tags = [],
        remote_tags_files = [],
        referrers = [],
        stamp = False,
        existing = "replace",
        plain_http = [],
        ca_files = {},
        client_certificates = {},
        client_keys = {},
        requests_at_once = {},
        **kwargs):
    """`bazel run` sends an image or index to registries: what they lack, and tags last.

    ```starlark
    container_push(
        name = "push",
        image = ":index",
        remote_tags = ["1.0", "latest"],
        repositories = ["registry.example.com/team/app"],
    )
    ```

    No shell is in between: the program `push` runs where you are, with your credentials (`~/.docker/config.json` and the like). `bazel run :push -- --plan`
    asks the registries and prints what would be sent; `-- --receipt FILE`, with an absolute path, leaves a report. Nothing is copied beforehand: layers are
    sent from where they were made, and those of a base out of a lock from the registry that has them, or they are mounted.

    The target has a `ContainerImageReferenceInfo`.

    Args:
      name: of the target.
      image: a `container_image` or `container_index`, or an image out of a lock.
      repositories: where it goes: `registry.example.com/team/app`.
      repository: one more, which may be a `select`.
      repository_file: a file that holds one more.
      remote_tags: the tags it gets there. Without any it is there by its digest only.
      remote_tags_files: files with more tags, one a line.
      referrers: `container_attest` targets, whose documents go along and refer to the image there.
      stamp: whether `{KEY}` in repositories and tags, and in the files that hold them, stands for what `--workspace_status_command` printed after `KEY`
        in this very run: `remote_tags = ["{STABLE_GIT_COMMIT}"]`.
      existing: what is done with a tag that leads to something else: it moves (`replace`), or stays (`keep`).
      plain_http: hosts (`localhost:5000`) that are spoken to without TLS.
      ca_files: PEM file to host: the authorities that are trusted for that host, and no others.
      client_certificates: host to the absolute path of a PEM file, which is shown to that host and to no other.
      client_keys: host to the absolute path of its key, PEM too.
      requests_at_once: host to how many requests are under way with it at once, at most: `{"registry.example.com": "4"}`.
      **kwargs: attributes that all rules have.
    """
    _container_push(
        name = name,
        args = [_request(name)],
        ca_files = ca_files,
        client_certificates = client_certificates,
        client_keys = client_keys,
        existing = existing,
        image = image,
        plain_http = plain_http,
        referrers = referrers,
        remote_tags = remote_tags,
        remote_tags_files = remote_tags_files,
        repositories = repositories,
        repository = repository,
        repository_file = repository_file,
        requests_at_once = requests_at_once,
        stamp = stamp,
        **kwargs
    )

def container_push_all(name, pushes, stamp = False, **kwargs):
    """`bazel run` sends what several `container_push` targets send, in one run: a blob that they share is sent once, and everything is there before the first tag is written.

    Args:
      name: of the target.
      pushes: the targets.
      stamp: as in `container_push`, for all of them.
      **kwargs: attributes that all rules have.
    """
    _container_push_all(
        name = name,
        args = [_request(name)],
        pushes = pushes,
        stamp = stamp,
        **kwargs
    )

def container_load(
        name,
        image,
        repo_tags = [],
        repo_tags_files = [],
        stamp = False,
        command = ["docker", "load"],
        plain_http = [],
        ca_files = {},
        client_certificates = {},
        client_keys = {},
        requests_at_once = {},
        **kwargs):
    """`bazel run` loads an image into an engine on this machine.

    ```starlark
    container_load(
        name = "load",
        image = ":image",
        repo_tags = ["example.com/app:latest"],
    )
    ```

    The program `push` starts `docker load` and writes an archive to it, without one on the disk. Of an index it takes the image for the target platform.

    Of one image with `repo_tags` the output group `tarball` is that archive as a file, `{name}.tar`.

    Args:
      name: of the target.
      image: a `container_image` or `container_index`, or an image out of a lock.
      repo_tags: the names that it gets: references with tags.
      repo_tags_files: files with more names, one a line.
      stamp: as in `container_push`, for names.
      command: what reads the archive, as `["podman", "load"]`.
      plain_http: hosts (`localhost:5000`) that are spoken to without TLS, where layers of a base are fetched.
      ca_files: PEM file to host, for these layers: as in `container_push`.
      client_certificates: as in `container_push`.
      client_keys: as in `container_push`.
      requests_at_once: as in `container_push`.
      **kwargs: attributes that all rules have.
    """
    _container_load(
        name = name,
        args = [_request(name)],
        ca_files = ca_files,
        client_certificates = client_certificates,
        client_keys = client_keys,
        command = command,
        image = image,
        plain_http = plain_http,
        repo_tags = repo_tags,
        repo_tags_files = repo_tags_files,
        requests_at_once = requests_at_once,
        stamp = stamp,
        **kwargs
    )
