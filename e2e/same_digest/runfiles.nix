# Runfiles as a graph of nodes, an image of them, and an index of that and an image of a closure, as
# derivations: the requests as they stand in their files.
{ inputs, image, tool ? ./tool, rules ? ./rules_container/rules/nix }:
let
  container = import rules { system = "x86_64-linux"; inherit tool; };
  places = {
    inputs = builtins.path { path = /. + inputs; name = "inputs"; };
    image = builtins.storePath image;
    runfiles = runfiles;
    runfiles_image = runfiles_image;
  };
  # `@name/…` is a file of one of them; what a run made is `@name/out`.
  edit = value:
    if builtins.isString value then
      let parts = builtins.match "@([a-z_]+)(/out)?(/.*)?" value; in
      if parts == null then value
      else "${places.${builtins.head parts}}${toString (builtins.elemAt parts 2)}"
    else if builtins.isList value then
      map edit value
    else if builtins.isAttrs value then
      builtins.mapAttrs (_: edit) value
    else
      value;
  run = program: request: container.runRequest {
    inherit program request edit;
    outputs = [ "out" ];
  };
  runfiles = run "layer" ./runfiles.json;
  runfiles_image = run "assemble" ./runfiles_image.json;
in
{
  inherit runfiles runfiles_image;
  index = run "assemble" ./index.json;
}
