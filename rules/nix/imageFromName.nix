# An image from the names of packages, as Nixery makes them: "shell/git/htop".
{
  # The package set in which names are looked up.
  pkgs,
  # From a package set to the functions.
  lib,
  # From a system to a package set, for the meta-package `arm64`.
  forSystem ? system: import pkgs.path {
    inherit system;
    overlays = pkgs.overlays or [ ];
    config = pkgs.config or { };
  },
}:
name:
let
  fail = what: fix: throw ''
    rules_container: imageFromName: ${what}
      fix: ${fix}'';
  parts = builtins.filter (part: builtins.isString part && part != "") (builtins.split "/" name);
  isArm = builtins.elem "arm64" parts;
  set = if isArm then forSystem "aarch64-linux" else pkgs;
  shell = [ "bashInteractive" "coreutils" "moreutils" "nano" ];
  expanded = builtins.concatMap
    (part: if part == "arm64" then [ ] else if part == "shell" then shell else [ part ])
    parts;
  # Sorted, each once.
  names = builtins.attrNames (builtins.listToAttrs (map (name: { inherit name; value = null; }) expanded));
  find = text: builtins.foldl'
    (found: part: found.${part} or (fail "there is no package `${text}`" "take a name of the package set, as in `shell/git/htop`"))
    set
    (builtins.filter builtins.isString (builtins.split "[.]" text));
  functions = lib set;
in
if parts == [ ] then
  fail "`${name}` names no package" "name some, as `shell/git`"
else
  functions.buildImage {
    inherit name;
    tag = "latest";
    contents = map find names ++ [ set.cacert set.iana-etc ];
    # Popular packages come first in every image, so that different images share layers.
    duplicates = "last_wins";
    config.Env = [ "SSL_CERT_FILE=/etc/ssl/certs/ca-bundle.crt" "PATH=/bin" ]
      ++ (if builtins.elem "shell" parts then [ "HOME=/tmp" ] else [ ]);
    tmp = true;
  }
