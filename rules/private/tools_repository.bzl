"""Repositories of the programs: from a folder that an environment variable names, or prebuilt.

A build that needs no program of ours fetches nothing but the repository of the toolchain
declarations, which reads no network.
"""

load("//rules/private:prebuilt.bzl", "PREBUILT")
load("//rules/private:tools.bzl", "PROGRAMS", "TWO_WAYS")

VARIABLE = "RULES_CONTAINER_TOOLS"

# The platforms that the programs may be built for, with what Bazel calls them.
PLATFORMS = {
    "linux_amd64": ["@platforms//os:linux", "@platforms//cpu:x86_64"],
    "linux_arm64": ["@platforms//os:linux", "@platforms//cpu:aarch64"],
    # Untested.
    "darwin_amd64": ["@platforms//os:macos", "@platforms//cpu:x86_64"],
    # Untested.
    "darwin_arm64": ["@platforms//os:macos", "@platforms//cpu:aarch64"],
    # Untested.
    "windows_amd64": ["@platforms//os:windows", "@platforms//cpu:x86_64"],
}

_HEAD = """\
load("{tools}", "declare", "no_toolchain", "programs")

package(default_visibility = ["//visibility:public"])

"""

# Toolchains are tried in the order of their names: this one comes last.
_LAST = """\
no_toolchain(name = "zzz_none")
"""

def _host(rctx):
    """The platform that Bazel itself runs on, by the names of `PLATFORMS`, or None."""
    return _machine(rctx.os.name, rctx.os.arch)

def _machine(name, arch):
    os = name.lower()
    os = "darwin" if os.startswith("mac") else "windows" if os.startswith("windows") else os
    cpu = {"aarch64": "arm64", "amd64": "amd64", "arm64": "arm64", "x86_64": "amd64"}.get(arch)
    platform = "%s_%s" % (os, cpu)
    return platform if platform in PLATFORMS else None

def known_machine(name, arch):
    """The platform of a machine, or the end.

    Args:
      name: of its system, as Bazel has it.
      arch: of its processor.

    Returns:
      One of `PLATFORMS`.
    """
    platform = _machine(name, arch)
    if not platform:
        fail("%s: this machine is %s on %s\n  allowed: %s\nhint: run Bazel on one of them, or name targets of your own: container_toolchain(...) and register_toolchains(...)" % (VARIABLE, name, arch, ", ".join(PLATFORMS)))
    return platform

def _declare(platform, name, package):
    constraints = [str(Label(constraint)) for constraint in PLATFORMS[platform]]
    return "declare(name = %r, constraints = %r, package = %r)\n\n" % (name, constraints, package)

def _programs(name, platform, exists):
    """The target of the programs that are there; their names have a suffix on Windows."""
    suffix = ".exe" if platform.startswith("windows") else ""
    programs = {program: ":" + program + suffix for program in PROGRAMS if exists(program + suffix)}
    return programs, "programs(name = %r, programs = %r)\n\n" % (name, programs)

def _local(rctx, folder):
    """Links the programs of a folder and declares them as a toolchain of this machine."""
    platform = known_machine(rctx.os.name, rctx.os.arch)
    if not (folder.startswith("/") or folder[1:3] in [":/", ":\\"]):
        fail("%s is `%s`, which is not an absolute path\nhint: name the folder as in --repo_env=%s=$PWD/%s" % (VARIABLE, folder, VARIABLE, folder))
    path = rctx.path(folder)
    programs, build = _programs("local", platform, lambda name: path.get_child(name).exists)
    if not programs:
        fail("%s is `%s`, where there is none of the programs: %s\nhint: build them with `cargo build --release`, and name the folder they are in" % (VARIABLE, folder, ", ".join(PROGRAMS)))
    for label in programs.values():
        rctx.symlink(path.get_child(label[1:]), label[1:])
    return build + _declare(platform, "local", "")

def _toolchains_impl(rctx):
    folder = rctx.getenv(VARIABLE)
    body = _HEAD.format(tools = Label("//rules/private:tools.bzl"))
    if folder:
        body += _local(rctx, folder)
    else:
        for platform, repository in rctx.attr.prebuilt.items():
            body += _declare(platform, platform, "@%s//" % repository)
    rctx.file("BUILD.bazel", body + _LAST)

_toolchains_repository = repository_rule(
    implementation = _toolchains_impl,
    doc = "The toolchain declarations.",
    attrs = {"prebuilt": attr.string_dict(doc = "Platform to repository.")},
    environ = [VARIABLE],
)

def _host_impl(rctx):
    """`pull` for this machine. What repositories run cannot be built, so it is of the first two ways."""
    folder = rctx.getenv(VARIABLE)
    platform = _host(rctx)
    if folder:
        name = "pull.exe" if (platform or "").startswith("windows") else "pull"
        path = rctx.path(folder).get_child(name)
        if not path.exists:
            fail("%s is `%s`, where there is no `%s`\nhint: build it with `cargo build --release`, and name the folder it is in" % (VARIABLE, folder, name))
    elif platform in rctx.attr.prebuilt:
        path = rctx.path(rctx.attr.prebuilt[platform])
    else:
        fail("repositories of images need the program `pull` for this machine (%s), and before anything is built.\n%s" % (platform or rctx.os.name, TWO_WAYS))
    rctx.symlink(path, "pull")
    rctx.file("BUILD.bazel", "exports_files([\"pull\"], visibility = [\"//visibility:public\"])\n")

_host_repository = repository_rule(
    implementation = _host_impl,
    doc = "The program `pull`, for this machine's repositories of images.",
    attrs = {"prebuilt": attr.string_keyed_label_dict(doc = "Platform to `pull`.")},
    environ = [VARIABLE],
)

def _prebuilt_impl(rctx):
    rctx.download_and_extract(url = rctx.attr.urls, sha256 = rctx.attr.sha256)
    root = rctx.path("")
    folder = root.get_child("bin")
    if folder.exists:
        for path in folder.readdir():
            rctx.symlink(path, path.basename)
    programs, build = _programs(rctx.attr.platform, rctx.attr.platform, lambda name: root.get_child(name).exists)
    if not programs:
        fail("the archive for %s has none of the programs at its root or in `bin`: %s\n  from: %s\nhint: name an archive of the programs alone" % (rctx.attr.platform, ", ".join(PROGRAMS), ", ".join(rctx.attr.urls)))
    rctx.file("BUILD.bazel", _HEAD.format(tools = Label("//rules/private:tools.bzl")) + build)

_prebuilt_repository = repository_rule(
    implementation = _prebuilt_impl,
    doc = "The programs for one platform, out of an archive.",
    attrs = {
        "platform": attr.string(mandatory = True),
        "sha256": attr.string(mandatory = True),
        "urls": attr.string_list(mandatory = True),
    },
)

def _tools_impl(mctx):
    table = dict(PREBUILT)
    for module in mctx.modules:
        for tag in module.tags.prebuilt:
            if not module.is_root:
                fail("tools.prebuilt is in the module `%s`; only the root module says where programs come from\nhint: write it in your own MODULE.bazel, or mark the extension there `dev_dependency = True`" % module.name)
            if tag.platform not in PLATFORMS:
                fail("tools.prebuilt: `platform` is `%s`\n  allowed: %s\nhint: name the platform that the programs in the archive run on" % (tag.platform, ", ".join(PLATFORMS)))
            if len(tag.sha256) != 64 or tag.sha256.lower().strip("0123456789abcdef"):
                fail("tools.prebuilt: `sha256` of %s is `%s`\n  allowed: 64 hexadecimal digits\nhint: `sha256sum` prints them" % (tag.platform, tag.sha256))
            if not tag.urls:
                fail("tools.prebuilt: `urls` of %s is empty\n  allowed: one URL or more, tried in order\nhint: write where the archive is, as `https://` or `file://`" % tag.platform)
            table[tag.platform] = struct(urls = tag.urls, sha256 = tag.sha256)
    prebuilt = {}
    for platform, entry in table.items():
        prebuilt[platform] = "rules_container_tools_" + platform
        _prebuilt_repository(name = prebuilt[platform], platform = platform, urls = entry.urls, sha256 = entry.sha256)
    _toolchains_repository(name = "rules_container_toolchains", prebuilt = prebuilt)
    _host_repository(
        name = "rules_container_host",
        prebuilt = {
            platform: "@%s//:pull%s" % (repository, ".exe" if platform.startswith("windows") else "")
            for platform, repository in prebuilt.items()
        },
    )
    return mctx.extension_metadata(reproducible = True)

_prebuilt_tag = tag_class(
    doc = "Programs for one platform, by checksum. Goes before the release's own.",
    attrs = {
        "platform": attr.string(mandatory = True, doc = "What they run on: `linux_amd64`, `linux_arm64`, `darwin_amd64`, `darwin_arm64`, `windows_amd64`."),
        "sha256": attr.string(mandatory = True, doc = "The archive's SHA-256, in hexadecimal."),
        "urls": attr.string_list(mandatory = True, doc = "Where the archive is, the first that answers is taken."),
    },
)

tools = module_extension(
    implementation = _tools_impl,
    doc = "The programs that do the work.",
    tag_classes = {"prebuilt": _prebuilt_tag},
)
