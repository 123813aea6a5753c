"""Documents of ours against the schemas that others have published.

published.py SCHEMAS DIGEST [SARIF...]

SCHEMAS is the folder that e2e/environment/schemas.txt was installed to. Each schema also refuses a document that is
wrong: a check that cannot fail is none.
"""

import base64
import copy
import json
import sys
from pathlib import Path

from jsonschema import Draft4Validator, Draft7Validator

schemas, digest, logs = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
sys.path.insert(0, str(schemas))


def refuses(valid, document, *changes):
    for change in changes:
        broken = copy.deepcopy(document)
        change(broken)
        assert not valid(broken), change


def takes(validator, name, document):
    errors = [f"{name}: {error.json_path}: {error.message[:300]}" for error in validator.iter_errors(document)]
    assert not errors, errors[:5]


# SPDX 2.3: the file of the specification.
schema = json.loads((schemas / "lib4sbom/schemas/spdx/2.3-schema.json").read_text())
assert schema["$id"] == "http://spdx.org/rdf/terms/2.3"
spdx = Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)
document = json.loads(Path("spdx.spdx.json").read_text())
takes(spdx, "SPDX", document)
refuses(
    spdx.is_valid,
    document,
    lambda one: one.pop("dataLicense"),
    lambda one: one.update(unknown=1),
    lambda one: one["packages"][0].pop("downloadLocation"),
    lambda one: one["packages"][0]["checksums"][0].update(algorithm="SHA-256"),
    lambda one: one["relationships"][0].update(relationshipType="MADE_OF"),
)

# SARIF 2.1.0.
sarif = Draft4Validator(json.loads((schemas / "sarif-2.1.0.json").read_text()))
assert logs
for log in logs:
    document = json.loads(Path(log).read_text())
    takes(sarif, log, document)
    run = document["runs"][0]
    for result in run["results"]:
        rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"], result
refuses(
    sarif.is_valid,
    document,
    lambda one: one.update(version="2.0.0"),
    lambda one: one["runs"][0]["tool"].pop("driver"),
    lambda one: one["runs"][0]["results"][0].pop("message"),
    lambda one: one["runs"][0]["results"][0].update(level="fatal"),
)

# In-toto's statement and SLSA's provenance: as protocol buffers, which know no other fields.
from google.protobuf.json_format import ParseDict, ParseError
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Message


def valid(document):
    try:
        Statement.copy_from_pb(ParseDict(document, Message())).validate()
        parsed = ParseDict(document["predicate"], Provenance())
    except (ParseError, ValueError):
        return False
    definition, details = parsed.build_definition, parsed.run_details
    return bool(definition.build_type and definition.external_parameters and details.builder.id)


envelope = json.loads(Path("envelope.json").read_text())
statement = json.loads(base64.b64decode(envelope["payload"]))
Statement.copy_from_pb(ParseDict(statement, Message())).validate()
parsed = ParseDict(statement["predicate"], Provenance())
assert valid(statement)
assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
assert "sha256:" + statement["subject"][0]["digest"]["sha256"] == digest
assert parsed.run_details.builder.id == "https://example.com/builder"
assert parsed.run_details.metadata.invocation_id == "run/1"
assert len(parsed.build_definition.resolved_dependencies) == len(
    statement["predicate"]["buildDefinition"]["resolvedDependencies"]
)
refuses(
    valid,
    statement,
    lambda one: one.update(_type="https://in-toto.io/Statement/v0.1"),
    lambda one: one.update(subject=[]),
    lambda one: one["subject"][0].pop("digest"),
    lambda one: one["predicate"].update(builder={}),
    lambda one: one["predicate"]["runDetails"]["builder"].update(id=1),
    lambda one: one["predicate"]["buildDefinition"].pop("buildType"),
)
