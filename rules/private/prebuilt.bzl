"""The prebuilt programs of this release: none yet.

Each entry is `"platform": struct(urls = [mirrors, in the order of trial], sha256 = "…")`, of an
archive whose root, or whose folder `bin`, holds the programs. `cargo xtask dist` writes this file for a release.
"""

PREBUILT = {}
