"""Module extensions.

`tools` brings the programs; see `toolchain.bzl` for the three ways.
"""

load("//rules/private:tools_repository.bzl", _tools = "tools")

tools = _tools
