# An image: a layout, in which each blob is a link to its own store path. Arguments as dockerTools and
# nix2container have them; docs/nix/options.md tells of each.
internal:
with internal;
let
  # The name by which it was called.
  where = internal.callee or "buildImage";
  known = {
    # The image's name, as "app" or "registry.example.com/team/app".
    name = required;
    # Its tag; null for none.
    tag = "latest";
    # More tags, or references with tags.
    tags = [ ];
    # The image to build on: of `pullImage`, `buildImage`, or a layout.
    fromImage = null;
    # Packages whose files are linked at the root, as /bin/hello, with their closure.
    contents = [ ];
    # Packages whose files are copied to the root, with what those need of the store.
    copyToRoot = [ ];
    # Packages whose closure is in the image, and nothing of them at the root.
    deps = [ ];
    # Files by their paths: { text | source | base64 | link | hardlink | directory; mode; uid; gid; … }.
    files = { };
    # Attributes of files of `copyToRoot`: [ { path = package; paths = "bin/*"; mode = "4755"; } ].
    perms = [ ];
    # Layers of `buildLayer`, below what is in this image alone.
    layers = [ ];
    # What a container is started with, in Docker's words: Env, Entrypoint, Cmd, User, WorkingDir, ….
    config = { };
    # Users and groups: { app = { uid = 1000; group = "app"; home = "/home/app"; }; }.
    users = { };
    groups = { };
    # Whether there is a /tmp and a /var/tmp that everybody may write to.
    tmp = false;
    # The package of CA certificates, to be /etc/ssl/certs/ca-bundle.crt.
    caCertificates = null;
    # The package whose bin/env is /usr/bin/env.
    usrBinEnv = null;
    # The package whose bin/sh is /bin/sh.
    binSh = null;
    # The most layers, those of the base included: 1 to 127.
    maxLayers = 100;
    # Layers smaller than this are merged with others, in bytes.
    minLayerSize = 0;
    # How layers are found: cost, popularity, auto_layer, nix2container, nixery.
    strategy = "cost";
    # What changes often: [ { pattern = "app*"; volatility = "application"; } ].
    hints = [ ];
    # What a change may move at most: [ { change = "application"; max_bytes = 5000000; } ].
    budgets = [ ];
    # The plan, a file in your sources: see the attribute `plan` of the image.
    plan = null;
    # Whether, where there is no such file, the plan is built while Nix evaluates (import from derivation),
    # so that each layer is a derivation of its own all the same.
    importPlan = false;
    # Packages to look for the plan's names in, besides the inputs of what is in the image.
    planPackages = [ ];
    # Whether the closure is in the image; without, somebody mounts a store.
    includeStorePaths = true;
    # Whether nothing keeps the layers' bytes: `push` makes them again.
    thin = false;
    # What happens where two packages want one path: "error", or "last_wins".
    duplicates = "error";
    # What the image is for, as "linux/arm64".
    platform = internal.platform;
    # When it was made: seconds since 1970, or a time as text.
    created = 0;
    author = null;
    annotations = { };
    # How layers are compressed, as `codec` of a request of `layer`.
    codec = { gzip-v1 = { level = 6; }; };
    # The form of the output: layout, oci_archive, docker_archive.
    form = "layout";
    # Further fields of `make.image` in the request of `assemble`.
    extra = { };
  };
in
args:
let
  a = check.all where {
    fromImage = check.orNull check.layout;
    layers = check.listOf check.layers;
    tags = check.listOf check.string;
    tag = check.orNull check.string;
    author = check.orNull check.string;
    annotations = check.setOf check.string;
    strategy = check.oneOf [ "cost" "popularity" "auto_layer" "nix2container" "nixery" ];
    hints = check.listOf (check.fields [ "pattern" "volatility" "weight" ] "{ pattern = \"app*\"; volatility = \"application\"; }");
    budgets = check.listOf (check.fields [ "change" "max_bytes" ] "{ change = \"application\"; max_bytes = 5000000; }");
    duplicates = check.oneOf [ "error" "last_wins" ];
    form = check.oneOf [ "layout" "oci_archive" "docker_archive" ];
    inherit (check) platform codec created;
  } (arguments where known args);
  base = a.fromImage;
  info = base.rulesContainer or {
    count = 0;
    counted = { fat = [ ]; thin = [ ]; };
    roots = [ ];
    supply = [ ];
    reference = null;
  };
  people = identity {
    inherit where;
    inherit (a) users groups tmp caCertificates usrBinEnv binSh;
  };
  own = imageLayers where {
    inherit (a) name contents copyToRoot deps files perms layers maxLayers plan importPlan planPackages includeStorePaths codec;
    inherit (people) entries;
    inherit (a) duplicates;
    roots = people.roots ++ storePathsIn a.config;
    below = info.roots;
    baseLayers = info.count;
    inherit (info) counted;
    planning = {
      min_layer_size = a.minLayerSize;
      inherit (a) strategy hints budgets;
    };
  };
  sets = a.layers ++ [ own ];
  of = kind: builtins.concatMap (set: set.${kind}) sets;
  supply = info.supply ++ of "supply";

  # Unless it is said otherwise.
  says = builtins.any (one: one.name == "SSL_CERT_FILE") (asked.env.append or [ ]);
  trust = optionalAttrs (a.caCertificates != null && !says) {
    env.append = [ { name = "SSL_CERT_FILE"; value = "/etc/ssl/certs/ca-bundle.crt"; } ];
  };
  asked = config where a.config;
  started = trust // asked // optionalAttrs (trust != { } && asked ? env) {
    env.append = trust.env.append ++ asked.env.append;
  };
  user = builtins.head (builtins.split ":" (toString (a.config.User or "0")));

  tags = optional (a.tag != null) a.tag ++ a.tags;
  named = [ "${a.name}:${if a.tag == null then "latest" else a.tag}" ] ++ a.tags;

  image = form: thin: run {
    program = "assemble";
    name = sanitized (baseNameOf a.name);
    outputs = [ "out" "receipt" "digest" ] ++ optional (form == "layout") "documents";
    request = {
      kind = "assemble";
      version = 1;
      origin = a.name;
      make.image = {
        inherit (a) platform;
        layers = of (if thin then "thin" else "fat");
        inherit (a) created;
        config = started;
        # Store paths have no listing: what is started is not looked for.
        checks.entrypoint = "ignore";
      } // optionalAttrs (base != null) {
        base = {
          layout = layoutOf thin base;
          # Blobs are links to store paths.
          links = "follow";
        } // optionalAttrs (info.reference or null != null) { name = info.reference; };
      } // optionalAttrs (a.author != null) { author.replace = a.author; }
        // optionalAttrs (a.annotations != { }) { annotations.append = a.annotations; }
        // a.extra;
      tags = if form == "docker_archive" then named else tags;
      output = {
        inherit form;
        transfer = "symlink";
        verify = "size";
      };
    };
    # Links to blobs and documents, and nothing of what those speak of.
    references = if form == "layout" then [ "out" ] else [ ];
    checks = optionalAttrs (form == "layout" && own.roots != [ ]) {
      out.disallowedRequisites = own.roots;
    };
  };
  dressed = form: thin: image form thin // {
    rulesContainer = {
      kind = "built";
      # The receipt tells.
      count = 0;
      counted = { fat = [ (image "layout" false).receipt ]; thin = [ (image "layout" true).receipt ]; };
      roots = info.roots ++ builtins.concatMap (set: set.roots) sets;
      reference = null;
      isThin = thin;
      inherit supply form;
      inherit (a) platform;
      # Archives are for people: what goes on works on the layout.
      layouts = { fat = dressed "layout" false; thin = dressed "layout" true; };
    };
    imageName = a.name;
    imageTag = if a.tag == null then "latest" else a.tag;
  };
in
if people.wanted && base == null && !(people.has user) then
  fail "${where}.config.User" "there is no user `${user}`" "add `users.${user} = { uid = 1000; … };`, or give a number"
else if a.thin && a.form != "layout" then
  fail "${where}.thin" "an archive is whole" "leave out `form` or `thin`"
else
  dressed a.form a.thin // {
    # The same image with and without its bytes.
    fat = dressed a.form false;
    thin = dressed "layout" true;
    # A folder with `plan.json`, to be checked in, and `explanation.json`.
    inherit (own) plan;
  }
