"""What pushes, loads and archives refuse."""

load("//rules:defs.bzl", "container_archive", "container_image", "container_index", "container_load", "container_push", "container_push_all")
load(":refusing.bzl", "refuses_attribute")

def _pushes():
    container_image(
        name = "pushed",
        architecture = "amd64",
        os = "linux",
        tags = ["manual"],
    )

    def refuses(name, attribute, value, allowed, hint, rule = container_push, **kwargs):
        refuses_attribute(name, attribute, value, allowed, hint, rule = rule, **kwargs)

    refuses("push_nowhere", "repositories", "", "one repository or more", "write `[", image = ":pushed", repositories = [])
    for name, repository in [
        ("name_alone", "app"),
        ("scheme", "https://example.com/app"),
        ("tag", "example.com/app:1"),
        ("digest", "example.com/app@sha256"),
    ]:
        refuses(
            "repository_" + name,
            "repositories",
            repository,
            "`host/name` or `host:port/name`, without a scheme, a tag or a digest",
            "write `registry.example.com/team/app`, and tags in `remote_tags`",
            image = ":pushed",
            repositories = [repository],
        )
    refuses(
        "remote_tag",
        "remote_tags",
        "a b",
        "at most 128 letters, digits, `_`, `.` and `-`, the first a letter, a digit or `_`",
        "write a tag alone, as `1.0`",
        image = ":pushed",
        remote_tags = ["a b"],
        repositories = ["example.com/app"],
    )
    refuses(
        "remote_tag_without_stamp",
        "remote_tags",
        "{STABLE_VERSION}",
        "at most 128 letters, digits, `_`, `.` and `-`, the first a letter, a digit or `_`",
        "write a tag alone, as `1.0`; `{KEY}` needs `stamp = True`",
        image = ":pushed",
        remote_tags = ["{STABLE_VERSION}"],
        repositories = ["example.com/app"],
    )
    refuses(
        "load_without_command",
        "command",
        "",
        "a program that reads an archive for `docker load`, and its words",
        "write `[\"docker\", \"load\"]`",
        rule = container_load,
        command = [],
        image = ":pushed",
    )
    refuses(
        "load_without_tag",
        "repo_tags",
        "example.com/app",
        "a reference with a tag",
        "write `example.com/app:latest`",
        rule = container_load,
        image = ":pushed",
        repo_tags = ["example.com/app"],
    )
    container_index(
        name = "pushed_index",
        images = [":pushed"],
        tags = ["manual"],
    )
    refuses(
        "archive_of_an_index",
        "form",
        "docker",
        "`oci`, for the image is an index",
        "name one of its images, or write `form = \"oci\"`",
        rule = container_archive,
        image = ":pushed_index",
    )
    refuses(
        "archive_without_name",
        "repo_tags",
        "",
        "one reference with a tag or more, where `form` is `docker`",
        "write `[\"example.com/app:latest\"]`",
        rule = container_archive,
        image = ":pushed",
    )
    refuses(
        "archive_stamp_defaults_without_stamp",
        "stamp_defaults",
        "STABLE_VERSION",
        "none, where `stamp` is 0",
        "write `stamp = -1`, and `{KEY}` where the value is to stand",
        rule = container_archive,
        image = ":pushed",
        repo_tags = ["example.com/app:1"],
        stamp_defaults = {"STABLE_VERSION": "none"},
    )
    native.filegroup(
        name = "two_files",
        srcs = [
            "actions.bzl",
            "refusals.bzl",
        ],
    )
    for rule, given in [
        (container_push, {"repositories": ["example.com/app"]}),
        (container_load, {"repo_tags": ["example.com/app:1"]}),
    ]:
        name = "push" if "repositories" in given else "load"
        refuses(
            name + "_with_two_authorities",
            "ca_files",
            "//rules/tests:two_files",
            "one PEM file for each host; the target has 2",
            "name the file itself",
            rule = rule,
            ca_files = {":two_files": "example.com"},
            image = ":pushed",
            **given
        )
    refuses(
        "authority_of_plain_http",
        "ca_files",
        "example.com",
        "each host once, and none that is in `plain_http`",
        "put all authorities of a host into one file",
        ca_files = {"BUILD.bazel": "example.com"},
        image = ":pushed",
        plain_http = ["example.com"],
        repositories = ["example.com/app"],
    )
    for number in ["0", "many", "256"]:
        refuses(
            "requests_at_once_" + number,
            "requests_at_once",
            number,
            "for each host a number from 1 to 255",
            "write `{\"example.com\": \"4\"}`",
            image = ":pushed",
            repositories = ["example.com/app"],
            requests_at_once = {"example.com": number},
        )
    refuses(
        "certificate_without_key",
        "client_certificates",
        "example.com",
        "hosts that are in `client_certificates` and in `client_keys`",
        "give both files of the host",
        client_certificates = {"example.com": "/etc/client.pem"},
        image = ":pushed",
        repositories = ["example.com/app"],
    )
    refuses(
        "key_in_the_source_tree",
        "client_keys",
        "client.key",
        "the absolute path of a PEM file on the machine that asks",
        "write where the file is; a key is no part of a source tree",
        client_certificates = {"example.com": "/etc/client.pem"},
        client_keys = {"example.com": "client.key"},
        image = ":pushed",
        repositories = ["example.com/app"],
    )
    refuses(
        "certificate_over_plain_http",
        "client_certificates",
        "example.com",
        "none that is in `plain_http`, where nobody is shown a certificate",
        "remove one of them",
        client_certificates = {"example.com": "/etc/client.pem"},
        client_keys = {"example.com": "/etc/client.key"},
        image = ":pushed",
        plain_http = ["example.com"],
        repositories = ["example.com/app"],
    )
    for name, settings in [
        ("plainly", {"plain_http": ["example.com"]}),
        ("securely", {"ca_files": {"BUILD.bazel": "example.com"}}),
    ]:
        container_push(
            name = "pushed_" + name,
            image = ":pushed",
            repositories = ["example.com/app"],
            tags = ["manual"],
            **settings
        )
    refuses(
        "push_all_in_two_ways",
        "pushes",
        "example.com",
        "pushes that reach a host in one way: `plain_http`, `ca_files` and the like differ",
        "give all of them the same",
        rule = container_push_all,
        pushes = [
            ":pushed_plainly",
            ":pushed_securely",
        ],
    )
    refuses(
        "push_all_of_nothing",
        "pushes",
        "",
        "one `container_push` or more",
        "name the targets that are to be pushed together",
        rule = container_push_all,
        pushes = [],
    )

def push_refusals(name):
    """Declares the tests.

    Args:
      name: of all of them.
    """
    _pushes()
    native.test_suite(name = name)
