# What arguments may be. Each check is given where an argument stands and its value, and gives the value
# back, or an error that says what it is and what to write.
{ fail, isDerivation, plain }:
rec {
  # How a value is called in an error: as it is where that is short, else by its type.
  shown = value:
    if builtins.isString value then "`${plain value}`"
    else if builtins.isInt value || builtins.isBool value || value == null then builtins.toJSON value
    else if isDerivation value then "the package `${value.name or "?"}`"
    else if builtins.isPath value then "`${toString value}`"
    else builtins.typeOf value;

  # All of `checks` on the values of these names, before anything is made of them.
  all = where: checks: values:
    let
      checked = builtins.mapAttrs (name: check: check "${where}.${name}" values.${name})
        (builtins.intersectAttrs values checks);
    in
    builtins.foldl' (made: name: builtins.seq checked.${name} made) (values // checked) (builtins.attrNames checked);

  oneOf = choices: where: value:
    if builtins.elem value choices then value
    else fail where "it is ${shown value}" "give one of: ${builtins.concatStringsSep ", " (map builtins.toJSON choices)}";

  orNull = check: where: value: if value == null then null else check where value;

  string = where: value:
    if builtins.isString value then value else fail where "it is ${shown value}" "give a string";

  # Every element of a list, by its number.
  listOf = check: where: value:
    if !(builtins.isList value) then
      fail where "it is ${shown value}" "give a list"
    else
      each (builtins.genList (at: check "${where}[${toString at}]" (builtins.elemAt value at)) (builtins.length value));

  # Every value of a set, by its name.
  setOf = check: where: value:
    if !(builtins.isAttrs value) || isDerivation value then
      fail where "it is ${shown value}" "give a set"
    else
      let checked = builtins.mapAttrs (name: check "${where}.${name}") value; in
      builtins.seq (each (builtins.attrValues checked)) checked;

  each = list: builtins.foldl' (made: one: builtins.seq one made) list list;

  # A set of these fields, and `example` to copy.
  fields = known: example: where: value:
    let unknown = builtins.attrNames (builtins.removeAttrs value known); in
    if !(builtins.isAttrs value) || isDerivation value then
      fail where "it is ${shown value}" "give a set, as ${example}"
    else if unknown != [ ] then
      fail "${where}.${builtins.head unknown}" "there is no such attribute" "use ${builtins.concatStringsSep ", " known}"
    else
      value;

  # Text of a config: a store path for what has one.
  text = where: value:
    if builtins.isString value || builtins.isPath value || isDerivation value then "${value}"
    else if builtins.isInt value then toString value
    else fail where "it is ${shown value}" "give a string";

  # A number that a header can hold, as a uid.
  number = where: value:
    if builtins.isInt value && value >= 0 && value < 4294967295 then value
    else fail where "it is ${shown value}" "give a number from 0 to 4294967294, as 1000";

  mode = where: value:
    if builtins.isString value && builtins.match "[0-7]{1,5}" value != null then value
    else fail where "it is ${shown value}" "give an octal string, as \"0755\"";

  # Attributes of entries.
  attributes = where: value: all where {
    inherit mode;
    uid = number;
    gid = number;
    uname = string;
    gname = string;
  } value;

  nanoseconds = where: value:
    if builtins.isInt value then value
    else fail where "it is ${shown value}" "give nanoseconds: half a minute is 30000000000";

  absolute = where: value:
    let path = text where value; in
    if builtins.substring 0 1 path == "/" then path
    else fail where "it is ${shown value}" "give an absolute path, as \"/srv\"";

  platform = where: value:
    if builtins.isString value && builtins.match "[a-z0-9]+([(][^)]*[)])?/[a-z0-9_]+(/[a-z0-9.]+)?" value != null then value
    else fail where "${shown value} is not a platform" "write it as \"linux/arm64\"";

  codec = where: value:
    let
      hint = "give { gzip-v1.level = 6; }, { zstd-v1.level = 3; } or \"none\"";
      names = builtins.attrNames value;
    in
    if value == "none" then value
    else if !(builtins.isAttrs value) || builtins.length names != 1 || !(builtins.elem (builtins.head names) [ "gzip-v1" "zstd-v1" ]) then
      fail where (if builtins.isAttrs value then "it has `${builtins.concatStringsSep "`, `" names}`" else "${shown value} is no codec") hint
    else value;

  created = where: value:
    if value == "now" then
      fail where "`now` differs in every build" "give a time, as \"2024-01-01T00:00:00Z\""
    else if builtins.isInt value || builtins.isString value then value
    else fail where "it is ${shown value}" "give seconds since 1970, or a time as \"2024-01-01T00:00:00Z\"";

  # What `buildLayer` makes.
  layers = where: value:
    if builtins.isAttrs value && value.type or null == "rules_container_layers" then value
    else fail where "it is ${shown value}, and not of `buildLayer`" "make a layer of it: `buildLayer { deps = [ … ]; }`";

  # A layout: an image of ours, or a folder.
  layout = where: value:
    let
      pulled = "of `pullImage`, `buildImage` or `buildIndex`, or a folder with `oci-layout`";
    in
    if builtins.isAttrs value && value.type or null == "rules_container_layers" then
      fail where "these are layers, and no image" "give them to `layers`, and here an image ${pulled}"
    else if isDerivation value then value
    else if builtins.isPath value then
      if builtins.pathExists (value + "/oci-layout") then value
      else fail where "there is no layout at `${toString value}`"
        "give an image ${pulled}; an archive becomes one by `skopeo copy docker-archive:app.tar oci:app`"
    else if builtins.isString value then
      if builtins.match "${builtins.storeDir}/.*" (plain value) != null then value
      else fail where "`${plain value}` is no image of the store"
        "an image of a registry is `pullImage { lock = ./images.lock.json; name = \"…\"; }`"
    else fail where "it is ${shown value}" "give an image ${pulled}";

  # A file of the sources, or of the store.
  file = fix: where: value:
    if builtins.isPath value then
      if builtins.pathExists value then value
      else fail where "there is no file `${toString value}`" "${fix}. In a repository, a flake sees only what git knows: `git add` it"
    else if builtins.isString value || isDerivation value then value
    else fail where "it is ${shown value}" "give a file, as ./${baseNameOf where}.json";

  # JSON of a file that was written for it.
  json = fix: where: value:
    let text = builtins.readFile (file fix where value); in
    if builtins.substring 0 1 text == "{" then builtins.fromJSON text
    else fail where "`${baseNameOf (plain (toString value))}` holds no JSON object" fix;
}
