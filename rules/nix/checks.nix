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
    no-nix-that-is-too-old = builtins.all (import ./internal/oldest.nix).isOld
      [ "2.3.18" "2.8.0" "2.17.1" "2.18pre20230101_abcdef" ];
    no-nix-that-is-new-enough-is-too-old = !(builtins.any (import ./internal/oldest.nix).isOld
      [ "2.18" "2.18.9" "2.18.3-lix" "2.26.3" "2.34.8" "2.35pre20260101_abcdef" "2.94.0" builtins.nixVersion ]);
    an-image-needs-nothing-but-a-name = builtins.isString empty.drvPath;
    the-same-arguments-are-the-same-image = (lib.buildImage { name = "empty"; }).drvPath == empty.drvPath;
  };
in
builtins.mapAttrs check all
