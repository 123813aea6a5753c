# The shared cases as derivations: each request as it stands in its file, with the paths of its inputs
# where they are in the store.
{ cases, tool ? ./tool, rules ? ./rules_container/rules/nix }:
let
  container = import rules { system = "x86_64-linux"; inherit tool; };
  top = /. + cases;
  run = name:
    let
      folder = top + "/${name}";
      inputs = builtins.path { path = folder + "/inputs"; name = "inputs"; };
      prefix = text: builtins.substring 0 7 text == "inputs/";
      # Strings that are paths of inputs, wherever they are.
      edit = value:
        if builtins.isString value then
          if value == "inputs" then "${inputs}"
          else if prefix value then "${inputs}/${builtins.substring 7 (-1) value}"
          else value
        else if builtins.isList value then
          map edit value
        else if builtins.isAttrs value then
          builtins.mapAttrs (_: edit) value
        else
          value;
      program = builtins.head (builtins.split "-" name);
    in
    container.runRequest {
      inherit program name edit;
      request = folder + "/request.json";
      outputs = [ "out" ];
    };
in
map run (builtins.attrNames (builtins.readDir top))
