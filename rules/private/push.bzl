"""`container_push` and `container_push_all`: `bazel run` starts the program `push` itself, with a request from the runfiles."""

load("//rules:providers.bzl", "ContainerImageInfo", "ContainerImageReferenceInfo", "ContainerIndexInfo")
load(":bad.bzl", "bad", "show")
load(":tools.bzl", "RUN_TOOLCHAIN_TYPE", "program")

_PushInfo = provider(
    doc = "What a push sends.",
    fields = {
        "hosts": "Dict of host to settings, as the request has them.",
        "images": "List of images, as the request has them.",
        "layouts": "List of `File`: the layouts that hold them.",
    },
)

_TAG = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

def _launch(ctx, info, references):
    """The executable is the program; the macro gives it the request's path in the runfiles as its argument."""
    request = ctx.actions.declare_file(ctx.label.name + ".request.json")
    ctx.actions.write(request, json.encode({
        "access": {"credentials": "lookup", "hosts": info.hosts},
        "images": info.images,
        "kind": "push",
        "origin": show(ctx.label),
        "version": 1,
    }))
    push = program(ctx, "push", RUN_TOOLCHAIN_TYPE)
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = executable, target_file = push.executable, is_executable = True)
    return [
        DefaultInfo(executable = executable, runfiles = ctx.runfiles(files = [request] + info.layouts)),
        info,
    ] + references

def _container_push_impl(ctx):
    label = ctx.label
    target = ctx.attr.image
    image = target[ContainerImageInfo] if ContainerImageInfo in target else target[ContainerIndexInfo]
    if not ctx.attr.repositories:
        bad(label, "repositories", "", "one repository or more", "write `[\"registry.example.com/team/app\"]`")
    for repository in ctx.attr.repositories:
        host, _, path = repository.partition("/")
        if not host or not path or "://" in repository or ":" in path or "@" in path:
            bad(label, "repositories", repository, "`host/name` or `host:port/name`, without a scheme, a tag or a digest", "write `registry.example.com/team/app`, and tags in `remote_tags`")
    for tag in ctx.attr.remote_tags:
        if not tag or len(tag) > 128 or tag[0] in ".-" or tag.strip(_TAG):
            bad(label, "remote_tags", tag, "at most 128 letters, digits, `_`, `.` and `-`, the first a letter, a digit or `_`", "write a tag alone, as `1.0`")

    # An image out of a lock is sent on from where its layers are.
    layout = image.whole_layout or image.layout
    info = _PushInfo(
        hosts = {host: {"plain_http": True} for host in ctx.attr.plain_http},
        images = [{
            # The runfiles hold links to what Bazel made.
            "follow_links": True,
            "layout": layout.short_path,
            "to": [
                {"existing": ctx.attr.existing, "repository": repository, "tags": ctx.attr.remote_tags}
                for repository in ctx.attr.repositories
            ],
        }],
        layouts = [layout],
    )
    reference = ContainerImageReferenceInfo(
        digest = image.digest,
        repositories = ctx.attr.repositories,
        tags = ctx.attr.remote_tags,
    )
    return _launch(ctx, info, [reference])

_container_push = rule(
    implementation = _container_push_impl,
    attrs = {
        "existing": attr.string(default = "replace", values = ["replace", "keep"]),
        "image": attr.label(mandatory = True, providers = [[ContainerImageInfo], [ContainerIndexInfo]]),
        "plain_http": attr.string_list(),
        "remote_tags": attr.string_list(),
        "repositories": attr.string_list(mandatory = True),
    },
    executable = True,
    toolchains = [RUN_TOOLCHAIN_TYPE],
)

def _container_push_all_impl(ctx):
    if not ctx.attr.pushes:
        bad(ctx.label, "pushes", "", "one `container_push` or more", "name the targets that are to be pushed together")
    infos = [target[_PushInfo] for target in ctx.attr.pushes]
    hosts = {}
    for info in infos:
        hosts |= info.hosts
    return _launch(ctx, _PushInfo(
        hosts = hosts,
        images = [image for info in infos for image in info.images],
        layouts = [layout for info in infos for layout in info.layouts],
    ), [])

_container_push_all = rule(
    implementation = _container_push_all_impl,
    attrs = {"pushes": attr.label_list(mandatory = True, providers = [_PushInfo])},
    executable = True,
    toolchains = [RUN_TOOLCHAIN_TYPE],
)

def _request(name):
    """Where the request lies below the folder that `bazel run` starts programs in: the main repository's runfiles."""
    repository = native.repository_name().lstrip("@")
    return "/".join([part for part in ["../" + repository if repository else "", native.package_name(), name + ".request.json"] if part])

def container_push(name, image, repositories, remote_tags = [], existing = "replace", plain_http = [], **kwargs):
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
    asks the registries and prints what would be sent; `-- --receipt FILE`, with an absolute path, leaves a report.

    The target has a `ContainerImageReferenceInfo`.

    Args:
      name: of the target.
      image: a `container_image` or `container_index`.
      repositories: where it goes: `registry.example.com/team/app`.
      remote_tags: the tags it gets there. Without any it is there by its digest only.
      existing: what is done with a tag that leads to something else: it moves (`replace`), or stays (`keep`).
      plain_http: hosts (`localhost:5000`) that are spoken to without TLS.
      **kwargs: attributes that all rules have.
    """
    _container_push(
        name = name,
        args = [_request(name)],
        existing = existing,
        image = image,
        plain_http = plain_http,
        remote_tags = remote_tags,
        repositories = repositories,
        **kwargs
    )

def container_push_all(name, pushes, **kwargs):
    """`bazel run` sends what several `container_push` targets send, in one run: a blob that they share is sent once, and everything is there before the first tag is written.

    Args:
      name: of the target.
      pushes: the targets.
      **kwargs: attributes that all rules have.
    """
    _container_push_all(
        name = name,
        args = [_request(name)],
        pushes = pushes,
        **kwargs
    )
