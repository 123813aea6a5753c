"""Every `fail()` of an analysis, with its text."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//rules:defs.bzl", "container_archive", "container_binary_layer", "container_digest_test", "container_image", "container_index", "container_layer", "container_load", "container_push", "container_push_all", "container_structure_test", "expected_file")
load("//rules/private:tools.bzl", "TOOLCHAIN_TYPE", "container_toolchain", "no_toolchain", "program")
load("//rules/private:tools_repository.bzl", "known_machine")

def _refusal_test_impl(ctx):
    env = analysistest.begin(ctx)
    for line in ctx.attr.says:
        asserts.expect_failure(env, line)
    return analysistest.end(env)

_refusal_test = analysistest.make(
    _refusal_test_impl,
    attrs = {"says": attr.string_list(mandatory = True)},
    expect_failure = True,
)

def _refuses(name, rule, says, **kwargs):
    rule(name = name, tags = ["manual"], **kwargs)
    _refusal_test(name = name + "_test", target_under_test = name, says = says)

def _layer_refuses(name, attribute, value, allowed, hint, **kwargs):
    _refuses(
        name,
        container_layer,
        [
            "//rules/tests:%s: attribute `%s` has `%s`" % (name, attribute, value),
            "allowed: " + allowed,
            "hint: " + hint,
        ],
        **kwargs
    )

def _paths():
    for name, path, better in [
        ("dot_dot", "/usr/../etc/file", "/usr/etc/file"),
        ("empty_part", "/usr//file", "/usr/file"),
        ("dot", "./file", "/file"),
    ]:
        _layer_refuses(
            "path_with_" + name,
            "contents",
            path,
            "a path in the image, without empty parts, `.` or `..`",
            "write `%s`" % better,
            contents = {path: "text"},
        )
    for attribute in ["directories", "whiteouts", "opaque_whiteouts"]:
        _layer_refuses(
            "path_in_" + attribute,
            attribute,
            "a/..",
            "a path in the image, without empty parts, `.` or `..`",
            "write `/a`",
            **{attribute: ["a/.."]}
        )
    _layer_refuses(
        "path_in_srcs",
        "srcs",
        "../a",
        "a path in the image, without empty parts, `.` or `..`",
        "write `/a`",
        srcs = {"../a": "BUILD.bazel"},
    )
    _layer_refuses(
        "path_in_symlinks",
        "symlinks",
        "../a",
        "a path in the image, without empty parts, `.` or `..`",
        "write `/a`",
        symlinks = {"../a": "b"},
    )
    _layer_refuses(
        "link_to_nothing",
        "symlinks",
        "/a",
        "a link with a target that is not empty",
        "write where the link leads: `{\"/a\": \"/target\"}`",
        symlinks = {"/a": ""},
    )

def _attributes():
    octal = "an octal number from `0` to `7777`"
    quotes = "write a mode as `0644` or `0755`, in quotes"
    _layer_refuses("file_mode", "file_mode", "rwxr-xr-x", octal, quotes, file_mode = "rwxr-xr-x")
    _layer_refuses("directory_mode", "directory_mode", "0888", octal, quotes, directory_mode = "0888")
    _layer_refuses("mode_too_large", "directory_mode", "17777", octal, quotes, directory_mode = "17777")
    _layer_refuses("mode_in_attributes", "attributes", "493", octal, quotes, attributes = {"/a": "{\"mode\": 493}"})
    _layer_refuses(
        "attributes_not_json",
        "attributes",
        "0755",
        "a JSON object of capabilities, gid, gname, mode, mtime, mtime_nanoseconds, uid, uname, xattrs",
        "write `file_attributes(…)` as the value of `/a`",
        attributes = {"/a": "0755"},
    )
    _layer_refuses(
        "attributes_unknown",
        "attributes",
        "{\"owner\": 1}",
        "a JSON object of ",
        "write `file_attributes(…)` as the value of `/a`",
        attributes = {"/a": "{\"owner\": 1}"},
    )
    _layer_refuses(
        "attributes_twice",
        "attributes",
        "a",
        "each path once",
        "put both into one `file_attributes(…)`",
        attributes = {
            "/a": "{}",
            "a": "{}",
        },
    )
    _layer_refuses("uid", "uid", "-1", "0 and more", "write the number that `id` prints", uid = -1)
    _layer_refuses("gid", "gid", "-1", "0 and more", "write the number that `id` prints", gid = -1)
    _layer_refuses(
        "tar_keep",
        "tar_keep",
        "times",
        "mode, owner, names, mtime, xattrs",
        "name what is taken from the headers of `tars`",
        tar_keep = ["times"],
    )

def _codecs():
    _layer_refuses(
        "gzip_level",
        "level",
        "13",
        "1 to 12, for the codec `gzip-v1`",
        "remove `level` to take 6",
        level = 13,
    )
    _layer_refuses(
        "zstd_level",
        "level",
        "-1",
        "1 to 19, for the codec `zstd-v1`",
        "remove `level` to take 3",
        codec = "zstd-v1",
        level = -1,
    )
    _layer_refuses(
        "level_of_none",
        "level",
        "1",
        "none, for the codec `none` has no levels",
        "remove `level`",
        codec = "none",
        level = 1,
    )

def _some_program_impl(ctx):
    program = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(program, "", is_executable = True)
    return DefaultInfo(executable = program)

_some_program = rule(
    implementation = _some_program_impl,
    executable = True,
)

def _binary_layers():
    _some_program(name = "some_program")

    def refuses(name, attribute, value, allowed, hint, **kwargs):
        _refuses(
            name,
            container_binary_layer,
            [
                "//rules/tests:%s: attribute `%s` has `%s`" % (name, attribute, value),
                "allowed: " + allowed,
                "hint: " + hint,
            ],
            binary = ":some_program",
            **kwargs
        )

    refuses(
        "path_of_a_folder",
        "path",
        "/app/",
        "the path of the executable itself",
        "write `/app/some_program`",
        path = "/app/",
    )
    refuses(
        "path_of_the_root",
        "path",
        "/",
        "the path of the executable itself",
        "write `/some_program`",
        path = "/",
    )
    refuses(
        "attributes_of_a_split",
        "attributes",
        "/app/**",
        "none, where `split` is `repository`",
        "write `split = \"none\"`",
        attributes = {"/app/**": "{}"},
        path = "/app/x",
        split = "repository",
    )

def _images():
    def refuses(name, attribute, value, allowed, hint, rule = container_image, **kwargs):
        _refuses(
            name,
            rule,
            [
                "//rules/tests:%s: attribute `%s` has `%s`" % (name, attribute, value),
                "allowed: " + allowed,
                "hint: " + hint,
            ],
            **kwargs
        )

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

def _pushes():
    container_image(
        name = "pushed",
        architecture = "amd64",
        os = "linux",
        tags = ["manual"],
    )

    def refuses(name, attribute, value, allowed, hint, rule = container_push, **kwargs):
        _refuses(
            name,
            rule,
            [
                "//rules/tests:%s: attribute `%s` has `%s`" % (name, attribute, value),
                "allowed: " + allowed,
                "hint: " + hint,
            ],
            **kwargs
        )

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
        "pushes that reach a host in one way: `plain_http` and `ca_files` differ",
        "give all of them the same `plain_http` and `ca_files`",
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

def _tests():
    def refuses(name, attribute, value, allowed, hint, under_test = None, **kwargs):
        if "expected" in kwargs:
            container_digest_test(name = name, tags = ["manual"], **kwargs)
        else:
            container_structure_test(name = name, tags = ["manual"], **kwargs)
        under_test = under_test or name
        _refusal_test(
            name = name + "_refusal_test",
            says = [
                "//rules/tests:%s: attribute `%s` has `%s`" % (under_test, attribute, value),
                "allowed: " + allowed,
                "hint: " + hint,
            ],
            target_under_test = under_test,
        )

    native.filegroup(
        name = "generated",
        srcs = [":some_program"],
    )
    refuses(
        "update_of_what_a_rule_makes",
        "expected",
        "//rules/tests:generated",
        "a file of the main repository's source tree",
        "write it beside the BUILD file",
        expected = ":generated",
        image = ":pushed",
        under_test = "update_of_what_a_rule_makes.update",
    )
    refuses(
        "file_that_is_no_expectation",
        "files",
        "0755",
        "a JSON object as `expected_file(…)` makes it",
        "write `expected_file(…)` as the value of `/a`",
        files = {"/a": "0755"},
        image = ":pushed",
    )
    refuses(
        "mode_of_an_expected_file",
        "files",
        "rwx",
        "an octal number from `0` to `7777`",
        "write a mode as `0644` or `0755`, in quotes",
        files = {"/a": expected_file(mode = "rwx")},
        image = ":pushed",
    )
    refuses(
        "path_of_an_expected_file",
        "files",
        "/a/../b",
        "a path in the image, without empty parts, `.` or `..`",
        "write `/a/b`",
        files = {"/a/../b": expected_file()},
        image = ":pushed",
    )
    refuses(
        "path_of_an_absent_file",
        "absent",
        "/a//b",
        "a path in the image, without empty parts, `.` or `..`",
        "write `/a/b`",
        absent = ["/a//b"],
        image = ":pushed",
    )

def _needs_push_impl(ctx):
    program(ctx, "push")

_needs_push = rule(
    implementation = _needs_push_impl,
    toolchains = [TOOLCHAIN_TYPE],
)

_only_layer_test = analysistest.make(
    _refusal_test_impl,
    attrs = {"says": attr.string_list(mandatory = True)},
    config_settings = {"//command_line_option:extra_toolchains": str(Label(":only_layer_build_toolchain"))},
    expect_failure = True,
)

def _toolchains():
    container_toolchain(
        name = "only_layer",
        layer = ":BUILD.bazel",
        tags = ["manual"],
    )
    _needs_push(name = "needs_push", tags = ["manual"])
    _only_layer_test(
        name = "needs_push_test",
        says = [
            "//rules/tests:needs_push: the toolchain //rules/tests:only_layer_build has no program `push`; its programs are: layer",
            "hint: give it one, or take another toolchain",
        ],
        target_under_test = "needs_push",
    )
    _refuses(
        "unknown_machine",
        _unknown_machine,
        [
            "RULES_CONTAINER_TOOLS: this machine is plan9 on mips",
            "allowed: linux_amd64, linux_arm64, darwin_amd64, darwin_arm64, windows_amd64",
            "hint: run Bazel on one of them, or name targets of your own: container_toolchain",
        ],
    )
    _refuses(
        "no_programs_build",
        _no_toolchain_build,
        [
            "there is no toolchain for the platform (that actions run on)",
            "1. built from source: --repo_env=RULES_CONTAINER_TOOLS=",
            "2. prebuilt: tools.prebuilt(platform = ",
            "3. your own targets: container_toolchain(",
        ],
    )

def _unknown_machine_impl(_ctx):
    known_machine("plan9", "mips")

_unknown_machine = rule(implementation = _unknown_machine_impl)

def _no_toolchain_build(name, tags):
    no_toolchain(name = name.removesuffix("_build"), tags = tags)

def refusals(name):
    """Declares the tests.

    Args:
      name: of all of them.
    """
    _paths()
    _attributes()
    _codecs()
    _binary_layers()
    _images()
    _pushes()
    _tests()
    _toolchains()
    native.test_suite(name = name)
