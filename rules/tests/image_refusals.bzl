"""What `container_image`, `container_index` and `container_attest` refuse."""

load("//rules:defs.bzl", "container_attest", "container_image", "container_index")
load("//rules:providers.bzl", "ContainerImageInfo")
load(":refusing.bzl", "refuses_attribute")

def _images():
    def refuses(name, attribute, value, allowed, hint, rule = container_image, **kwargs):
        refuses_attribute(name, attribute, value, allowed, hint, rule = rule, **kwargs)

    refuses(
        "os_alone",
        "architecture",
        "",
        "`os` and `architecture` together",
        "write both",
        os = "linux",
    )
    refuses(
        "variant_alone",
        "architecture",
        "",
        "`os` and `architecture` together",
        "write both",
        variant = "v7",
    )
    refuses(
        "architecture_alone",
        "os",
        "",
        "`os` and `architecture` together",
        "write both",
        architecture = "arm64",
    )
    native.platform(name = "unknown_platform")
    refuses(
        "platform_without_name",
        "architecture",
        "",
        "an architecture's name in the image specification (`amd64`, `arm64`), for the target platform has",
        "write `os` and `architecture`, or `platform`",
        platform = ":unknown_platform",
    )
    refuses(
        "base_of_a_file",
        "base",
        "//rules/tests:BUILD.bazel",
        "an image or index, or a target whose one file is an OCI layout directory",
        "name a `container_image`, or a rule that makes an OCI layout",
        base = "BUILD.bazel",
    )
    refuses(
        "unset_unknown",
        "unset",
        "workdir",
        "cmd, entrypoint, env, exposed_ports, healthcheck, labels, shell, stop_signal, user, volumes, working_dir",
        "name a field of the base's config that is not wanted",
        unset = ["workdir"],
    )
    refuses(
        "fragment_not_json",
        "config_fragment",
        "[1]",
        "a JSON object",
        "write it with `json.encode({…})`",
        config_fragment = "[1]",
    )
    for rule, given in [(container_image, {}), (container_index, {"images": [":stamped_image"]})]:
        name = "index_" if given else "image_"
        refuses(
            name + "stamp_defaults_without_stamp",
            "stamp_defaults",
            "STABLE_VERSION",
            "none, where `stamp` is 0",
            "write `stamp = -1`, and `{KEY}` where the value is to stand",
            rule = rule,
            stamp_defaults = {"STABLE_VERSION": "none"},
            **given
        )
    container_image(
        name = "stamped_image",
        architecture = "amd64",
        os = "linux",
        tags = ["manual"],
    )
    refuses(
        "image_as_a_layer",
        "layers",
        "//rules/tests:stamped_image",
        "targets of `container_layer` and `container_binary_layer`, and tar files; that is an image",
        "name it as the `base`, or its layers here",
        layers = [":stamped_image"],
    )
    refuses(
        "stamp_default_in_braces",
        "stamp_defaults",
        "{STABLE_VERSION}",
        "keys of letters, digits and `_`, the first no digit",
        "write the key as `--workspace_status_command` prints it, without braces",
        stamp = 1,
        stamp_defaults = {"{STABLE_VERSION}": "none"},
    )
    refuses(
        "created_twice",
        "created",
        "0",
        "none, where `created_file` is given",
        "remove one of them",
        created = "0",
        created_file = "BUILD.bazel",
    )
    refuses(
        "index_of_nothing",
        "images",
        "",
        "one image or more",
        "name a `container_image`, and `platforms` to build it for",
        rule = container_index,
        images = [],
    )
    for name, given in [
        ("cmd", ["a"]),
        ("entrypoint", ["a"]),
        ("exposed_ports", ["80"]),
        ("volumes", ["/a"]),
    ]:
        refuses(
            name + "_twice",
            name,
            given[0],
            "none, where `%s_file` is given" % name,
            "remove one of them",
            **{name: given, name + "_file": "BUILD.bazel"}
        )

def _lock_image_impl(ctx):
    file = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(file, "")
    return ContainerImageInfo(digest = file, layers = [], layout = file, receipt = None)

# As an image out of a lock: nobody here knows what it was made from.
_lock_image = rule(implementation = _lock_image_impl)

def _attests():
    def refuses(name, attribute, value, allowed, hint, image = ":attested_image", **kwargs):
        refuses_attribute(name, attribute, value, allowed, hint, image = image, rule = container_attest, **kwargs)

    container_image(
        name = "attested_image",
        architecture = "amd64",
        os = "linux",
        tags = ["manual"],
    )
    _lock_image(name = "lock_image", tags = ["manual"])
    refuses(
        "attest_out_of_a_lock",
        "image",
        "//rules/tests:lock_image",
        "a `container_image` or `container_index`; that one is out of a lock, and who made it says what it is made of",
        "name an image that is built here",
        image = ":lock_image",
    )
    refuses(
        "attest_nothing",
        "documents",
        "",
        "cyclonedx, spdx",
        "name one document or more",
        documents = [],
    )
    refuses(
        "attest_unknown",
        "documents",
        "provenance",
        "cyclonedx, spdx",
        "name the documents that are wanted",
        documents = ["provenance"],
    )
    for name, package in [("text", "zlib"), ("name", "{\"purl\": \"pkg:generic/a\"}"), ("field", "{\"name\": \"a\", \"version\": \"1\"}")]:
        refuses(
            "attest_package_" + name,
            "packages",
            package,
            "JSON objects of licence, name, package_version, purl, sha256, with a name",
            "write `attested_package(…)`",
            packages = [package],
        )

def image_refusals(name):
    """Declares the tests.

    Args:
      name: of all of them.
    """
    _images()
    _attests()
    native.test_suite(name = name)
