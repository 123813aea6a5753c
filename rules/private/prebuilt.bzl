"""The prebuilt programs of this release: none yet.

Each entry is `"platform": struct(urls = [mirrors, in the order of trial], sha256 = "…")`, of an
archive whose root, or whose folder `bin`, holds the programs.
"""

PREBUILT = {}

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
