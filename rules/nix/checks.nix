# What evaluating alone can show, for `nix flake check`: each check is a derivation that exists only
# where it holds. `cargo xtask test` builds images.
{ system }:
let
  # A builder of Nix's own: nothing has to be there.
  ok = name: derivation {
    inherit name;
    system = "builtin";
    builder = "builtin:buildenv";
    manifest = "/dummy";
    derivations = [ ];
  };
  check = name: holds: if holds then ok name else throw "the check ${name} fails";
  lib = import ./mkLib.nix { inherit system; tool = "/tools"; };
  throws = value: !(builtins.tryEval (builtins.deepSeq value.drvPath null)).success;
  empty = lib.buildImage { name = "empty"; };
  all = {
    unknown-arguments-are-refused = throws (lib.buildImage { name = "x"; content = [ ]; });
    arguments-that-are-missing-are-refused = throws (lib.pushImage { image = empty; });
    unknown-fields-of-a-config-are-refused = throws (lib.buildImage { name = "x"; config.Command = [ ]; });
    a-user-needs-a-group = throws (lib.buildImage { name = "x"; users.app.uid = 1; });
    a-lock-without-the-image-is-refused = throws (lib.pullImage { lock = { kind = "images_lock"; version = 1; images = { }; }; name = "x"; });
    an-image-needs-nothing-but-a-name = builtins.isString empty.drvPath;
    the-same-arguments-are-the-same-image = (lib.buildImage { name = "empty"; }).drvPath == empty.drvPath;
  };
in
builtins.mapAttrs check all
