# An index: one name for images of several platforms.
internal:
with internal;
let
  where = "buildIndex";
  known = {
    # The name, as "app".
    name = required;
    # Its tag; null for none.
    tag = "latest";
    tags = [ ];
    # The images: of `buildImage`, `pullImage`, `buildIndex`, or layouts.
    images = required;
    # Whether an index among them is listed as one ("keep"), or by its images ("flatten").
    nested = "keep";
    annotations = { };
    # Whether nothing keeps the layers' bytes.
    thin = false;
  };
in
args:
let
  a = check.all where {
    images = check.listOf check.layout;
    tags = check.listOf check.string;
    tag = check.orNull check.string;
    nested = check.oneOf [ "keep" "flatten" ];
    annotations = check.setOf check.string;
  } (arguments where known args);
  index = thin: run {
    program = "assemble";
    name = sanitized (baseNameOf a.name);
    outputs = [ "out" "receipt" "digest" "documents" ];
    request = {
      kind = "assemble";
      version = 1;
      origin = a.name;
      make.index = {
        entries = map
          (image: {
            layout = layoutOf thin image;
            links = "follow";
            inherit (a) nested;
          })
          a.images;
        inherit (a) annotations;
      };
      tags = optional (a.tag != null) a.tag ++ a.tags;
      output = { transfer = "symlink"; verify = "size"; };
    };
    references = [ "out" ];
  };
  infos = map (image: image.rulesContainer or { roots = [ ]; supply = [ ]; }) a.images;
  dressed = thin: index thin // {
    rulesContainer = {
      kind = "index";
      count = 0;
      counted = { fat = [ ]; thin = [ ]; };
      roots = builtins.concatMap (info: info.roots) infos;
      reference = null;
      isThin = thin;
      supply = builtins.concatMap (info: info.supply) infos;
      platform = null;
    };
    imageName = a.name;
    imageTag = if a.tag == null then "latest" else a.tag;
  };
in
if a.images == [ ] then
  fail "${where}.images" "there are none" "give a list of images"
else
  dressed a.thin // {
    fat = dressed false;
    thin = dressed true;
  }
