# Runfiles as a graph of nodes, as a derivation.
{ folder, tool ? ./tool, rules ? ./rules_container/rules/nix }:
let
  container = import rules { system = "x86_64-linux"; inherit tool; };
  inputs = builtins.path { path = /. + folder; name = "inputs"; };
  request = builtins.replaceStrings [ "inputs/" ] [ "${inputs}/" ] (builtins.readFile ./runfiles.json);
in
container.runRequest {
  program = "layer";
  request = builtins.fromJSON request;
  outputs = [ "out" ];
}
