"""Module extensions.

`tools` brings the programs; see `toolchain.bzl` for the three ways. `images` brings images out of registries.
"""

load("//rules/private:images.bzl", _images = "images")
load("//rules/private:tools_repository.bzl", _tools = "tools")

tools = _tools
images = _images
