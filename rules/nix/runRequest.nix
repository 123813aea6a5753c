# One request as it stands in its file: for requests that something else writes, and for tests.
internal:
with internal;
let
  where = "runRequest";
  known = {
    # The program: "layer", "assemble" or "pull".
    program = required;
    # The request: a set, or a file of JSON.
    request = required;
    name = "request";
    # The outputs: `out`, and `receipt`, `listing`, `digest` as the program has them.
    outputs = [ "out" "receipt" ];
    # A function of the request, for what its paths are here.
    edit = request: request;
    # Graphs, as `exportReferencesGraph` of a derivation with structured attributes.
    graphs = { };
  };
in
args:
let
  a = check.all where {
    program = check.oneOf [ "layer" "assemble" "pull" "push" "verify" "attest" ];
  } (arguments where known args);
  read = if builtins.isAttrs a.request then a.request else builtins.fromJSON (builtins.readFile a.request);
in
run {
  inherit (a) program name outputs;
  request = a.edit read;
  references = if a.program == "layer" then [ ] else [ "out" ];
  attributes = optionalAttrs (a.graphs != { }) { exportReferencesGraph = a.graphs; };
}
