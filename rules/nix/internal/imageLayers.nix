# The layers of a set of packages and files: those of the closure first, then what is at the root.
internal:
with internal;
let
  entriesOf = import ./entries.nix internal;
  list = value: if builtins.isList value then value else if value == null then [ ] else [ value ];
in
where: a:
let
  contents = list a.contents;
  copyToRoot = list a.copyToRoot;
  deps = list (a.deps or [ ]);
  extra = a.entries or [ ];
  paths = attribute: map (storePath "${where}.${attribute}");
  copied = paths "copyToRoot" copyToRoot;
  perms = entriesOf.perms "${where}.perms" (map plain copied) a.perms;
  # All of them are looked at, also where nothing is copied.
  entries = builtins.seq perms extra
    ++ map (entriesOf.copied "${where}.copyToRoot" perms) copyToRoot
    ++ map (entriesOf.linked "${where}.contents") contents
    ++ entriesOf.files "${where}.files" a.files;
  roots = paths "contents" contents ++ copied ++ paths "deps" deps ++ (a.roots or [ ])
    # What files are copied from stays behind; what it needs comes along.
    ++ storePathsIn (builtins.attrValues a.files);
  below = builtins.concatMap (layer: layer.roots) a.layers ++ (a.below or [ ]);

  root = layers.single {
    name = sanitized "${a.name}-root";
    request = {
      kind = "layer";
      version = 1;
      origin = a.name;
      inherit (a) codec;
      defaults = storeDefaults;
      duplicates = a.duplicates or "error";
      history.created_by = "files of ${a.name}";
      inherit entries;
    };
  };
  baseLayers = (a.baseLayers or 0)
    + builtins.foldl' (sum: layer: sum + layer.count) 0 a.layers
    + (if entries == [ ] then 0 else 1);
  allBelow = a.layers ++ optional (a ? counted) { inherit (a) counted; };
  counted = builtins.listToAttrs (map
    (kind: { name = kind; value = builtins.concatMap (set: set.counted.${kind}) allBelow; })
    [ "fat" "thin" ]);
  store = planned {
    inherit where below copied roots counted;
    inherit (a) codec plan importPlan;
    name = sanitized a.name;
    packages = contents ++ copyToRoot ++ deps ++ (a.planPackages or [ ]);
    planning = {
      max_layers = if a ? baseLayers then a.maxLayers else a.maxLayers + baseLayers;
      base_layers = baseLayers;
    } // a.planning or { };
  };
  hasStore = roots != [ ] && a.includeStorePaths or true;
  sets = (if hasStore then store.sets else [ ]) ++ (if entries == [ ] then [ ] else [ root ]);
in
if !(builtins.isInt a.maxLayers) || a.maxLayers < 1 || a.maxLayers > 127 then
  fail "${where}.maxLayers" "it is ${builtins.toJSON a.maxLayers}" "give a number from 1 to 127"
else if hasStore && a ? baseLayers && baseLayers >= a.maxLayers then
  fail "${where}.maxLayers" "the base and the layers on it are ${toString baseLayers} already, of ${toString a.maxLayers}"
    "raise `maxLayers`, at most to 127, or take a base of fewer layers"
else
  {
    type = "rules_container_layers";
    count = builtins.foldl' (sum: set: sum + set.count) 0 sets;
    counted = builtins.listToAttrs (map
      (kind: { name = kind; value = builtins.concatMap (set: set.counted.${kind}) sets; })
      [ "fat" "thin" ]);
    fat = builtins.concatMap (set: set.fat) sets;
    thin = builtins.concatMap (set: set.thin) sets;
    supply = builtins.concatMap (set: set.supply) sets;
    inherit roots;
    # A folder with `plan.json`, to be checked in, and `explanation.json`, why each path is where it is.
    plan = store.plan;
  }
