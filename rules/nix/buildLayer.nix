# Layers to be used in `layers` of images, each its own store path: what images share, or what is to
# stay apart. Arguments as nix2container has them.
internal:
with internal;
let
  where = "buildLayer";
  known = {
    # For errors, and the name of the derivation.
    name = "layer";
    # Packages whose closure is in these layers, and nothing of them at the root.
    deps = [ ];
    # Packages that are linked at the root, with their closure.
    contents = [ ];
    # Packages whose files are at the root, with what those need of the store.
    copyToRoot = [ ];
    # Files by their paths in the image.
    files = { };
    # Attributes of files of `copyToRoot`: [ { path = package; paths = "bin/*"; mode = "4755"; } ].
    perms = [ ];
    # Layers that lie below: what they have is not packed again.
    layers = [ ];
    # How many layers the closure may take.
    maxLayers = 1;
    # A plan that is checked in, or null; and whether it is built while Nix evaluates where there is none.
    plan = null;
    importPlan = false;
    # How layers are compressed, as `codec` of a request of `layer`.
    codec = { gzip-v1 = { level = 6; }; };
  };
in
args: imageLayers where (check.all where {
  layers = check.listOf check.layers;
  inherit (check) codec;
} (arguments where known args))
