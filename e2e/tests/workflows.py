"""The examples of docs/releasing.md: valid by the schemas of those who run them, and their shell lines, as JSON.

workflows.py SCHEMAS GITHUB.yml GITLAB.yml
"""

import json
import sys
from pathlib import Path

import yaml
from jsonschema import Draft7Validator

schemas = Path(sys.argv[1]) / "check_jsonschema/builtin_schemas/vendor"


def read(path, schema):
    # All scalars are strings: `on` is no boolean.
    document = yaml.load(Path(path).read_text(), Loader=yaml.BaseLoader)
    validator = Draft7Validator(json.loads((schemas / schema).read_text()))
    errors = [f"{path}: {error.json_path}: {error.message[:300]}" for error in validator.iter_errors(document)]
    assert not errors, errors[:5]
    broken = dict(document)
    broken[next(iter(document))] = 1
    assert not validator.is_valid(broken)
    return document


github = read(sys.argv[2], "github-workflows.json")
gitlab = read(sys.argv[3], "gitlab-ci.json")
(job,) = github["jobs"].values()
steps = [step["run"] for step in job["steps"] if "run" in step]
(job,) = [job for job in gitlab.values() if isinstance(job, dict) and "script" in job]
print(json.dumps({"github": steps, "gitlab": job["script"]}))
