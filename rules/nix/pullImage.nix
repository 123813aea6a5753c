# An image of a registry, from a lock file that `pull lock` wrote.
#
# Each blob is a fixed-output derivation whose hash is the digest that the image has for it: there is
# no second hash, and images that share a blob share its store path. An ordinary derivation puts links
# to them together to a layout.
internal:
with internal;
let
  where = "pullImage";
  known = {
    # The lock file, or what is in it.
    lock = required;
    # The image's name in it.
    name = required;
    # For which platform, as "linux/arm64"; null for all that the image has.
    platform = internal.platform;
    # Whether layers stay in the registry: `push` mounts them, or sends them on.
    sparse = false;
    # Places to pull from, in order, as "https://mirror.example/hub|direct". `file://` with a path of
    # the store, as "file://${./images}|direct", works in the sandbox.
    mirrors = "";
    # Patterns of names that no mirror may hear of.
    private = "";
    # A layout that `pull vendor` made, as a path of your sources: nothing is fetched.
    vendored = null;
    # How registries are reached, as `access` of a request of `pull`. Logins are not for derivations:
    # see `pull vendor --to-nix-store`.
    access = { };
  };
in
args:
let
  a = check.all where {
    platform = check.orNull check.platform;
  } (arguments where known args);
  lockFix = "write it with `pull lock ${a.name}=REFERENCE`";
  document = if builtins.isAttrs a.lock && !(isDerivation a.lock) then a.lock else check.json lockFix "${where}.lock" a.lock;
  images = document.images or { };
  entry =
    if document.kind or null != "images_lock" || document.version or null != 1 then
      fail "${where}.lock" "it is not a lock file of version 1" lockFix
    else
      images.${a.name} or (fail "${where}.name" "there is no image `${a.name}` in the lock file"
        "run `pull lock ${a.name}=REFERENCE`, or take one of: ${builtins.concatStringsSep " " (builtins.attrNames images)}");

  # As `pull` chooses: what is exactly the platform, or else the only one that begins so.
  platforms = map (manifest: manifest.platform or "") entry.manifests;
  isFor = manifest: manifest.platform or "" == a.platform;
  begins = manifest:
    builtins.substring 0 (builtins.stringLength a.platform + 1) (manifest.platform or "") == "${a.platform}/";
  exact = builtins.filter isFor entry.manifests;
  fitting = builtins.filter begins entry.manifests;
  manifests =
    if a.platform == null then
      entry.manifests
    else if exact != [ ] then
      [ (builtins.head exact) ]
    else if builtins.length fitting == 1 then
      fitting
    else
      fail "${where}.platform" "`${a.name}` has no image for ${a.platform}"
        "take one of: ${builtins.concatStringsSep " " (builtins.filter (text: text != "") platforms)}";

  documents =
    (if a.platform == null then [ entry ] ++ entry.indexes or [ ] else [ ]) ++ manifests;
  blobs = documents
    ++ map (manifest: manifest.config) manifests
    ++ (if a.sparse then [ ] else builtins.concatMap (manifest: manifest.layers) manifests);

  fetch = blob:
    let
      parts = builtins.match "(sha256|sha512):([0-9a-f]+)" blob.digest;
      algorithm = builtins.elemAt parts 0;
      hex = builtins.elemAt parts 1;
    in
    if parts == null then
      fail "${where}.lock" "`${blob.digest}` is not a digest that Nix knows" "write the lock file with `pull lock`"
    else if a.vendored != null then
      builtins.path {
        path = check.file "run `pull vendor ${a.name}` again" "${where}.vendored" (a.vendored + "/blobs/${algorithm}/${hex}");
        # The store path that a fixed-output derivation has.
        name = hex;
        recursive = false;
        sha256 = if algorithm == "sha256" then hex else
          fail "${where}.vendored" "`${blob.digest}` is not sha256" "pull it from a registry";
      }
    else
      derivation {
        name = hex;
        inherit system;
        builder = program "pull";
        args = [ "--nix" ];
        __structuredAttrs = true;
        request = {
          kind = "pull";
          version = 1;
          origin = "pullImage ${a.name}";
          image.blob = {
            inherit (entry) reference;
            inherit (blob) media_type digest size;
          };
          from = { inherit (a) mirrors private access; };
        };
        outputHashMode = "flat";
        outputHashAlgo = algorithm;
        outputHash = hex;
        preferLocalBuild = true;
      };

  files = builtins.listToAttrs (map (blob: { name = blob.digest; value = fetch blob; }) blobs);
  layout = run {
    program = "pull";
    name = sanitized a.name;
    request = {
      kind = "pull";
      version = 1;
      origin = "pullImage ${a.name}";
      image.entry = entry;
      platforms = if a.platform == null then [ ] else [ a.platform ];
      inherit (a) sparse;
      from = { inherit files; };
    };
    # The layout is links to the blobs.
    references = [ "out" ];
  };
in
layout // {
  # What `buildImage` and `buildIndex` want to know of it.
  rulesContainer = {
    kind = "pulled";
    # Layers of the image that has most.
    count = builtins.foldl' (most: manifest: let n = builtins.length manifest.layers; in if n > most then n else most) 0 manifests;
    counted = { fat = [ ]; thin = [ ]; };
    inherit (entry) reference;
    roots = [ ];
    supply = [ ];
    inherit (a) platform;
  };
  # The layout without layers: for images that are made from receipts.
  thin = if a.sparse then layout else import ./pullImage.nix internal (args // { sparse = true; });
  # Each blob as its own store path.
  blobs = files;
  imageName = entry.reference;
  imageDigest = (builtins.head documents).digest;
}
