# Runfiles as a graph of nodes, as a derivation.
{ folder, tool ? ./tool, rules ? ./rules_container/rules/nix }:
let
  container = import rules { system = "x86_64-linux"; inherit tool; };
  inputs = builtins.path { path = /. + folder; name = "inputs"; };
  # Only sources of files begin so.
  edit = value:
    if builtins.isString value then
      builtins.replaceStrings [ "inputs/" ] [ "${inputs}/" ] value
    else if builtins.isList value then
      map edit value
    else if builtins.isAttrs value then
      builtins.mapAttrs (_: edit) value
    else
      value;
in
container.runRequest {
  program = "layer";
  request = ./runfiles.json;
  inherit edit;
  outputs = [ "out" ];
}
