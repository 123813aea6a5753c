"""Checks JSON documents against JSON Schemas: lines `SCHEMA<tab>VALID<tab>DOCUMENT` on standard input.

Prints a line for each document that is valid and should not be, or the other way round."""

import json
import pathlib
import sys

import jsonschema

checkers = {}
for number, line in enumerate(sys.stdin, 1):
    schema, valid, document = line.rstrip("\n").split("\t", 2)
    if schema not in checkers:
        text = json.loads(pathlib.Path(schema).read_text())
        jsonschema.Draft202012Validator.check_schema(text)
        checkers[schema] = jsonschema.Draft202012Validator(text)
    error = next(checkers[schema].iter_errors(json.loads(document)), None)
    if (error is None) != (valid == "valid"):
        print("line %d: should be %s: %s" % (number, valid, error.message if error else document))
