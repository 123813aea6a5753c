"""Which programs do the work.

There are three ways to them, and each is a line or two:

- built from this repository: `--repo_env=RULES_CONTAINER_TOOLS=/path/to/folder` with the programs
  in that folder (an absolute path, and not below `/tmp`, which Bazel's sandbox hides);
- prebuilt, by checksum: `tools.prebuilt(platform = …, urls = […], sha256 = …)` in `MODULE.bazel`;
- targets of your own: `container_toolchain` in a BUILD file, and `register_toolchains`.
"""

load(
    "//rules/private:tools.bzl",
    _RUN_TOOLCHAIN_TYPE = "RUN_TOOLCHAIN_TYPE",
    _TOOLCHAIN_TYPE = "TOOLCHAIN_TYPE",
    _container_toolchain = "container_toolchain",
)

TOOLCHAIN_TYPE = _TOOLCHAIN_TYPE
RUN_TOOLCHAIN_TYPE = _RUN_TOOLCHAIN_TYPE

container_toolchain = _container_toolchain
