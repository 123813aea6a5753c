#!/usr/bin/env python3
"""Greets whom `names.txt` names, which lies in the program's runfiles."""

import pathlib
import sys

runfiles = pathlib.Path(sys.argv[0] + ".runfiles") / "_main"
sys.path.insert(0, str(runfiles))

import greeting  # noqa: E402

for name in (runfiles / "names.txt").read_text().split():
    print(greeting.of(name))
