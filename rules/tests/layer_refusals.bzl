"""What `container_layer` and `container_binary_layer` refuse."""

load("//rules:defs.bzl", "container_binary_layer", "container_layer")
load(":refusing.bzl", "refuses_attribute")

def _layer_refuses(name, attribute, value, allowed, hint, **kwargs):
    refuses_attribute(name, attribute, value, allowed, hint, rule = container_layer, **kwargs)

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
        refuses_attribute(name, attribute, value, allowed, hint, rule = container_binary_layer, binary = ":some_program", **kwargs)

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

def layer_refusals(name):
    """Declares the tests.

    Args:
      name: of all of them.
    """
    _paths()
    _attributes()
    _codecs()
    _binary_layers()
    native.test_suite(name = name)
