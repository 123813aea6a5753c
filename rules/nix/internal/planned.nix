# The layers of a closure.
#
# Without a plan, one derivation plans and packs all. With one, which is a file in the sources and
# keyed by names, each layer is a derivation that depends on its own store paths alone: where they are
# the same, Nix has it already. Nothing is built in order to evaluate. What Nix can't find by name, and
# what the plan does not know, goes into the last layers, by a derivation that knows the closure.
#
# With `importPlan` the plan is built while Nix evaluates, and the rest is as with a file.
{ fail, check, plain, isDerivation, optional, optionalAttrs, layers, sanitized, storeDefaults, ... }:
{
  # The function that is called, for errors.
  where,
  name,
  codec,
  # What is in the image: store paths.
  roots,
  # What its base and other layers have.
  below,
  # Receipts that tell of layers that are not in `planning.base_layers`.
  counted,
  # Roots whose files lie elsewhere in the image.
  copied,
  # `planning` of the request.
  planning,
  # The file of the plan, or null; and whether it is built in order to evaluate where there is none.
  plan,
  importPlan,
  # Packages to look for names in, besides the roots' own inputs.
  packages,
}:
let
  common = {
    version = 1;
    inherit codec;
    defaults = storeDefaults;
  };
  request = common // {
    kind = "layers";
    origin = name;
    graph.nix.attribute = "closure";
    inherit copied planning;
  } // optionalAttrs (below != [ ]) { subtract = [ { attribute = "below"; } ]; };
  attributes.exportReferencesGraph = { closure = roots; } // optionalAttrs (below != [ ]) { inherit below; };

  all = layers.several {
    name = "${name}-layers";
    request = request // {
      # The first plan is made where the file is not there yet.
      planning = planning // optionalAttrs (plan != null && (!(builtins.isPath plan) || builtins.pathExists plan)) {
        previous = "${plan}";
      };
    };
    below = counted;
    inherit attributes roots;
  };

  known = if plan == null && importPlan then "${all.plan}/plan.json" else plan;
  again = "build the image's attribute `plan`, and copy its `plan.json` there";
  document = check.json again "${where}.plan" known;

  # Every package that the roots are made from, nearest first. Their derivations are values: no file
  # of the store is read.
  candidates = map (item: item.package) (builtins.genericClosure {
    startSet = map item (builtins.filter isDerivation packages);
    operator = found: map item (outputsOf found.package ++ inputsOf found.package);
  });
  item = package: { key = plain package.outPath; inherit package; };
  outputsOf = package: map (output: package.${output})
    (builtins.filter (output: package ? ${output}) (package.outputs or [ ]));
  inputsOf = package: packagesIn 3 (builtins.attrValues (package.drvAttrs or { }));
  packagesIn = depth: value:
    if isDerivation value then
      [ value ]
    else if builtins.isList value && depth > 0 then
      builtins.concatMap (packagesIn (depth - 1)) value
    else
      [ ];

  # As the planner names paths: without the hash, and without the words of the name that begin with a
  # digit.
  full = path: builtins.substring 33 (-1) (baseNameOf path);
  short = text:
    let
      words = builtins.filter builtins.isString (builtins.split "-" text);
      isVersion = word: builtins.match "[0-9].*" word != null;
    in
    builtins.concatStringsSep "-"
      ([ (builtins.head words) ] ++ builtins.filter (word: !(isVersion word)) (builtins.tail words));

  # Names to paths; of several with one name the nearest.
  named = by: builtins.listToAttrs (map
    (package: { name = by (full (plain package.outPath)); value = "${package}"; })
    candidates);
  byFull = named (text: text);
  byShort = named short;
  pathOf = member: byFull.${member} or byShort.${member} or null;

  found = builtins.filter (layer: layer.paths != [ ]) (map
    (layer: {
      inherit (layer) key;
      paths = builtins.filter (path: path != null) (map pathOf layer.members);
    })
    document.layers);

  # It depends on nothing of this image, so that images that agree on a layer share it.
  one = layer: layers.single {
    name = sanitized "layer-${layer.key}";
    request = common // {
      kind = "layer";
      origin = "layer ${layer.key}";
      history.created_by = "layer ${layer.key}";
      entries = map (path: { store_path.source = path; }) layer.paths;
    };
  };
  count = builtins.length found;
  taken = planning.base_layers + count;
  rest = layers.several {
    name = "${name}-rest";
    request = request // {
      packed = builtins.concatMap (layer: layer.paths) found;
      planning = planning // { base_layers = taken; };
    };
    below = counted;
    inherit attributes roots;
  };
in
{
  sets =
    if known == null then
      [ all ]
    else if document.kind or null != "layer_plan" || document.version or null != 1 then
      fail "${where}.plan" "`${toString known}` is not a plan" again
    else if taken >= planning.max_layers then
      fail "${where}.plan" "it has ${toString count} layers, and ${toString (planning.max_layers - planning.base_layers)} may be used"
        "make it again: ${again}; or raise `maxLayers`"
    else
      map one found ++ [ rest ];
  # To be had also where the file is of no use, for it is what mends that.
  inherit (all) plan;
}
