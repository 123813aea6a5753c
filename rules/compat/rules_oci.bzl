"""`oci_image`, `oci_image_index`, `oci_load` and `oci_push` with the attributes that rules_oci gives them.

```starlark
load("@rules_container//rules/compat:rules_oci.bzl", "oci_image", "oci_image_index", "oci_load", "oci_push")
```

is the one line that changes. What differs is on the page "Coming from rules_oci" of `docs/bazel.md`.
"""

load("//rules:defs.bzl", "container_image", "container_index", "container_load", "container_push")

def oci_image(
        name,
        base = None,
        tars = [],
        entrypoint = [],
        cmd = [],
        env = {},
        user = "",
        workdir = "",
        exposed_ports = [],
        volumes = [],
        labels = {},
        annotations = {},
        os = "",
        architecture = "",
        variant = "",
        created = None,
        **kwargs):
    """An image, as `oci_image` of rules_oci; see `container_image`.

    `{name}.digest` is a target whose one file holds the digest.

    Args:
      name: of the image.
      base: what it is built on.
      tars: layers, the lowest first: tar files, or targets of `container_layer`.
      entrypoint: the command, or a file with one word a line.
      cmd: the words after it, or a file with one word a line.
      env: environment variables, or a file with one `NAME=VALUE` a line; `$VAR` is replaced by the base's.
      user: user and group.
      workdir: the directory that a container starts in.
      exposed_ports: ports, or a file with commas or new lines between them.
      volumes: directories that hold data, or a file with commas or new lines between them.
      labels: of the config, or a file with one `KEY=VALUE` a line.
      annotations: of the manifest, or a file with one `KEY=VALUE` a line.
      os: what it runs on; by default the target platform's.
      architecture: what it runs on; by default the target platform's.
      variant: of the architecture.
      created: when it was made: a time in RFC 3339, or a file that holds one.
      **kwargs: attributes that all rules have, and those of `container_image`. `resource_set` is of no effect: the actions say
        themselves what they need.
    """
    kwargs.pop("resource_set", None)
    for attribute, value in dict(cmd = cmd, entrypoint = entrypoint, exposed_ports = exposed_ports, volumes = volumes).items():
        kwargs |= {attribute + "_file": value} if _is_label(value) else {attribute: value or []}
    for attribute, value in dict(env = env, labels = labels, annotations = annotations).items():
        kwargs |= _dict_or_file(attribute, value)

    # A time begins with a digit, and so no name of a file of one's own has to look like a label.
    in_file = created and (type(created) != "string" or not created[0].isdigit())
    container_image(
        name = name,
        architecture = architecture or "",
        base = base,
        created = "" if in_file else created or "",
        created_file = created if in_file else None,
        layers = tars,
        os = os or "",
        user = user or "",
        variant = variant or "",
        workdir = workdir or "",
        **kwargs
    )
    _digest(name, **kwargs)

def oci_image_index(name, images, platforms = [], **kwargs):
    """An index, as `oci_image_index` of rules_oci; see `container_index`.

    `{name}.digest` is a target whose one file holds the digest.

    Args:
      name: of the index.
      images: what it lists.
      platforms: each image is built once for each of these.
      **kwargs: attributes that all rules have, and those of `container_index`.
    """
    container_index(
        name = name,
        images = images,
        platforms = platforms,
        **kwargs
    )
    _digest(name, **kwargs)

def oci_push(name, image, repository, remote_tags = [], **kwargs):
    """A push, as `oci_push` of rules_oci; see `container_push`.

    Args:
      name: of the target.
      image: what is pushed.
      repository: where it goes, or a file that holds it.
      remote_tags: the tags it gets there: a list, or a file with one a line.
      **kwargs: attributes that all rules have, and those of `container_push`.
    """
    in_file = type(repository) == "Label" or (type(repository) == "string" and repository[:1] in [":", "/", "@"])
    container_push(
        name = name,
        image = image,
        remote_tags = [] if _is_label(remote_tags) else remote_tags or [],
        remote_tags_files = [remote_tags] if _is_label(remote_tags) else [],
        # It may be a `select`, and then it is one of names.
        repository = "" if in_file else repository,
        repository_file = repository if in_file else None,
        **kwargs
    )

def oci_load(name, image, repo_tags = [], loader = None, format = "docker", **kwargs):
    """A load, as `oci_load` of rules_oci; see `container_load`.

    Args:
      name: of the target.
      image: what is loaded.
      repo_tags: the names it gets: a list, or a file with one a line.
      loader: not taken: write `command`.
      format: `docker`; a load of another form is not taken.
      **kwargs: attributes that all rules have, and those of `container_load`.
    """
    if loader:
        fail("%s: attribute `loader` has `%s`\n  allowed: nothing\nhint: write the program and its words: `command = [\"podman\", \"load\"]`" % (name, loader))
    if format != "docker":
        fail("%s: attribute `format` has `%s`\n  allowed: docker\nhint: use `container_archive(form = \"oci\")` for a file" % (name, format))
    container_load(
        name = name,
        image = image,
        repo_tags = [] if _is_label(repo_tags) else repo_tags or [],
        repo_tags_files = [repo_tags] if _is_label(repo_tags) else [],
        **kwargs
    )

def _dict_or_file(attribute, value):
    """An attribute that rules_oci takes as a dict or as a file."""
    return {attribute + "_files": [value]} if _is_label(value) else {attribute: value or {}}

def _is_label(value):
    """Whether a value is a file's name, which rules_oci takes in the place of lists and dicts."""
    return type(value) in ["string", "Label"]

def _digest(name, visibility = None, tags = None, testonly = None, target_compatible_with = None, **_kwargs):
    native.filegroup(
        name = name + ".digest",
        srcs = [name],
        output_group = "digest",
        tags = tags,
        target_compatible_with = target_compatible_with,
        testonly = testonly,
        visibility = visibility,
    )
