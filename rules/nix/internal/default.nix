# What the functions share: errors, arguments, and the one place that makes a derivation.
#
# Every derivation's builder is one of our programs, and its request is a structured attribute: no
# shell, no stdenv.
{
  # Where builders run, as "x86_64-linux".
  system,
  # A folder or package whose `bin` holds `pull`, `layer`, `assemble` and `push`; or an entry of
  # `prebuilt.nix`, with `url` and `sha256`. Without, what is published for the system.
  tool ? null,
  # What images are for, as "linux/arm64".
  platform ? import ./platform.nix system,
}@settings:
let
  fail = where: what: fix: throw ''
    rules_container: ${where}: ${what}
      fix: ${fix}'';

  inherit (import ./oldest.nix) oldest isOld;
in
if isOld builtins.nixVersion then
  fail "Nix ${builtins.nixVersion}" "`unsafeDiscardReferences` is an experiment before Nix ${oldest}, or unknown"
    "take Nix ${oldest} or later"
else
rec {
  inherit system platform fail;

  tool =
    let given = settings.tool or null; in
    if given == null then
      import ./fetched.nix ((import ../prebuilt.nix).${system} or (fail "mkLib.tool" "no programs are published for `${system}` yet"
        "give `tool`, a folder with `bin/layer` and the others, or take `lib.withPkgs pkgs`"))
    else if builtins.isAttrs given && given ? url && given ? sha256 then
      import ./fetched.nix { inherit (given) url sha256; }
    else if builtins.isPath given && !(builtins.pathExists (given + "/bin/layer")) then
      fail "mkLib.tool" "there is no `bin/layer` in `${toString given}`"
        "name the folder above `bin`; it has to hold `pull`, `layer`, `assemble` and `push`"
    else
      given;

  # One of the programs, as a path that brings it along.
  program = name: "${tool}/bin/${name}";

  # An argument that must be given.
  required = { __required = true; };

  # The arguments of a function, with defaults: none that it does not know, none that it lacks, and each
  # of the type that its default has, but for those that take several.
  arguments = where: known: args:
    let
      unknown = builtins.attrNames (builtins.removeAttrs args (builtins.attrNames known));
      needed = builtins.mapAttrs (_: value: if builtins.isAttrs value then value else { }) known;
      types = { bool = "`true` or `false`"; int = "a number"; list = "a list"; set = "a set"; string = "a string"; };
      # These have checks of their own, or take several types.
      several = [ "contents" "copyToRoot" "deps" "planPackages" "codec" "existing" "lock" "tag" "plan" "maxLayers" "created" "platform" ];
      type = name:
        if name == "name" then "string"
        else if needed.${name} ? __required || builtins.elem name several then null
        else builtins.typeOf known.${name};
      wrong = builtins.filter
        (name: types ? ${toString (type name)} && builtins.typeOf args.${name} != type name)
        (builtins.attrNames args);
      missing = builtins.filter (name: needed.${name} ? __required && !(args ? ${name})) (builtins.attrNames known);
    in
    if !(builtins.isAttrs args) then
      fail where "its argument is ${check.shown args}" "give it a set, as { name = \"app\"; }"
    else if unknown != [ ] then
      let name = builtins.head unknown; in
      if elsewhere ? ${name} then
        fail "${where}.${name}" elsewhere.${name}.what elsewhere.${name}.fix
      else
        fail "${where}.${name}" "there is no such argument"
          "take it out, or use one of: ${builtins.concatStringsSep " " (builtins.attrNames known)}"
    else if missing != [ ] then
      fail "${where}.${builtins.head missing}" "it has to be given" "add `${builtins.head missing} = …;`"
    else if wrong != [ ] then
      let name = builtins.head wrong; in
      fail "${where}.${name}" "it is ${check.shown args.${name}}" "give ${types.${type name}}"
    else
      known // args;

  # A derivation whose builder is one of the programs.
  #
  # `references` names the outputs that may refer to store paths: all others are bytes, in which the
  # hash of a store path means nothing, and that they keep none is checked.
  run = { program, name, request, outputs ? [ "out" ], references ? [ ], attributes ? { }, checks ? { } }:
    let
      bytes = builtins.filter (output: !(builtins.elem output references)) outputs;
      for = value: builtins.listToAttrs (map (name: { inherit name value; }) bytes);
    in
    let made = derivation ({
      inherit name system outputs request;
      builder = "${tool}/bin/${program}";
      args = [ "--nix" ];
      __structuredAttrs = true;
      unsafeDiscardReferences = for true;
      outputChecks = for { allowedReferences = [ ]; } // checks;
      preferLocalBuild = true;
      allowSubstitutes = false;
    } // attributes); in
    # `nix build` links the output alone; the others are there by their names.
    made // { meta.outputsToInstall = [ (builtins.head outputs) ]; };

  # A text that may be the name of a derivation.
  sanitized = text:
    let
      parts = builtins.split "[^a-zA-Z0-9+._?=-]+" text;
      joined = builtins.concatStringsSep "-" (builtins.filter builtins.isString parts);
    in
    if joined == "" || builtins.substring 0 1 joined == "." then "image${joined}" else joined;

  plain = builtins.unsafeDiscardStringContext;

  isDerivation = value: builtins.isAttrs value && value.type or null == "derivation";

  # The store path of a package, a path or a string, with what brings it along.
  storePath = where: value:
    if builtins.isPath value || isDerivation value || builtins.isString value then
      let path = "${value}"; in
      if builtins.match "${builtins.storeDir}/[^/]+(/.*)?" (plain path) == null then
        fail where "`${path}` is not in ${builtins.storeDir}" "give a package, or a path of your sources"
      else
        path
    else
      fail where "it is ${check.shown value}" "give a package, or a path of your sources";

  # The store paths that a value speaks of, each with what brings it along.
  storePathsIn = value:
    let
      json = builtins.toJSON value;
      found = builtins.filter builtins.isList
        (builtins.split "(${builtins.storeDir}/[0-9a-z]{32}-[0-9a-zA-Z+._?=-]+)" (plain json));
      context = builtins.getContext json;
      bare = builtins.attrNames (builtins.listToAttrs
        (map (match: { name = builtins.head match; value = null; }) found));
    in
    map (path: builtins.appendContext path context) bare;

  # An attribute of a graph of these paths; nothing where there are none.
  graphOf = key: paths: if paths == [ ] then { } else { ${key} = paths; };

  optional = condition: value: if condition then [ value ] else [ ];
  optionalAttrs = condition: value: if condition then value else { };

  # Without the attributes that are null.
  given = attrs: builtins.removeAttrs attrs (builtins.filter (name: attrs.${name} == null) (builtins.attrNames attrs));

  # The attributes that a store path has in an image, the same wherever it is packed.
  storeDefaults = {
    file_mode = "by_bit";
    directory_mode = "0755";
    mtime = 1;
  };

  elsewhere = import ./elsewhere.nix;

  # An image as a layout, whatever its form, with and without its bytes.
  layoutOf = thin: image:
    let kinds = image.rulesContainer.layouts or image; in
    if thin then kinds.thin or image else kinds.fat or image;

  check = import ./check.nix { inherit fail isDerivation plain; };
  layers = import ./layers.nix internal;
  identity = import ./identity.nix internal;
  config = import ./config.nix internal;
  planned = import ./planned.nix internal;
  imageLayers = import ./imageLayers.nix internal;
  script = import ./script.nix internal;
  pushed = import ./pushed.nix internal;
  compat = import ./compat.nix internal;

  internal = {
    inherit system platform tool program fail required arguments run sanitized plain isDerivation storePath
      storePathsIn graphOf optional optionalAttrs given storeDefaults elsewhere check layoutOf layers identity config planned imageLayers script pushed compat;
  };
}.internal
