# What the tests build: one attribute a thing that is shown.
{
  container, mkLib, withPkgs, imageFromName, exampleFiles, rules, overlay, nixpkgs, world, next, tool,
  plan ? null, lock ? null, vendored ? null, prebuilt ? { }, sha512 ? null,
}:
let
  inherit (container) buildImage buildLayer buildIndex pushImage pullImage streamImage loadImage;
  greeting = world: {
    name = "greet";
    contents = [ world.greet ];
    config = {
      # A store path in the config: it is in the image, and no reference of the image.
      Cmd = [ "${world.greet}/bin/greet" ];
      Env = [ "LANG=C" ];
      WorkingDir = "/srv";
    };
  };
  registry = "127.0.0.1:REGISTRY_PORT";
  access = { hosts.${registry}.plain_http = true; };
  push = image: repository: pushImage {
    name = "push-${repository}";
    inherit image access;
    repository = "${registry}/${repository}";
    tags = [ "1" ];
  };
in
rec {
  # A closure: fat, thin, by three layers, and by other planners.
  image = buildImage (greeting world);
  thin = buildImage (greeting world // { thin = true; });
  few = buildImage (greeting world // { maxLayers = 3; });
  nixery = buildImage (greeting world // { strategy = "nixery"; });
  auto_layer = buildImage (greeting world // { strategy = "auto_layer"; maxLayers = 4; });
  popularity = buildImage (greeting world // { strategy = "popularity"; maxLayers = 4; });
  nix2container = buildImage (greeting world // { strategy = "nix2container"; maxLayers = 4; });
  # Hashes of store paths stand in it as they are.
  uncompressed = buildImage (greeting world // { codec = "none"; });
  plan_of_image = image.plan;

  # With a plan that is checked in: each layer a derivation.
  locked = buildImage (greeting world // { inherit plan; });
  locked_next = buildImage (greeting next // { inherit plan; });
  image_next = buildImage (greeting next);
  # With one that is built while Nix evaluates.
  imported = buildImage (greeting world // { importPlan = true; });
  imported_next = buildImage (greeting next // { importPlan = true; });

  # Identity.
  identity = buildImage {
    name = "identity";
    contents = [ world.bash ];
    users.app = { uid = 1000; group = "app"; home = "/home/app"; };
    groups.app = { gid = 1000; members = [ "app" ]; };
    tmp = true;
    caCertificates = world.cacert;
    usrBinEnv = world.coreutils;
    binSh = world.sh;
    files = {
      "usr/bin/ping" = { source = "${world.hello}/bin/hello"; mode = "4755"; capabilities = "cap_net_raw+ep"; };
      "etc/app.conf" = { text = "greeting = yes\n"; mode = "0640"; uid = 1000; gid = 1000; };
      "srv/www" = { directory = true; };
      "etc/localtime" = { link = "../usr/share/zoneinfo/UTC"; };
    };
    config = { User = "app"; Cmd = [ "/bin/sh" "-c" "echo $UID in $HOME; : > /tmp/x && echo writes" ]; Env.HOME = "/home/app"; };
  };

  # Files of a package at the root, one of them setuid; the closure without the package itself.
  copied = buildImage {
    name = "copied";
    copyToRoot = [ world.greet ];
    perms = [ { path = world.greet; paths = "bin/*"; mode = "4755"; uid = 7; } ];
    config.Cmd = [ "/bin/greet" ];
  };

  # Layers of one's own below, a base, an index.
  base_layer = buildLayer { name = "base"; deps = [ world.bash ]; };
  layered = buildImage (greeting world // { layers = [ base_layer ]; });
  base = buildImage { name = "base"; deps = [ world.bash ]; config.Env = [ "BASE=1" ]; };
  on_base = buildImage (greeting world // { fromImage = base; });
  image_arm64 = buildImage (greeting world // {
    platform = "linux/arm64";
    extra.checks = { entrypoint = "ignore"; elf_machine = "ignore"; };
  });
  index = buildIndex { name = "greet"; images = [ image image_arm64 ]; };
  # What the image's closure is of.
  image_roots = world.greet;

  push_fat = push image "fat";
  push_thin = push thin "thin";
  push_index = push index "index";
  stream = streamImage { inherit image; names = [ "greet:streamed" ]; };
  load = loadImage { inherit image; command = [ "tee" "loaded.tar" ]; names = [ "greet:loaded" ]; };

  # What came back from the registry, and an image on it.
  pulled = pullImage { inherit lock; name = "fat"; access = access; };
  pulled_sparse = pullImage { inherit lock; name = "fat"; access = access; sparse = true; };
  pulled_index = pullImage { inherit lock; name = "index"; access = access; platform = "linux/arm64"; };
  pulled_mirror = pullImage { inherit lock; name = "fat"; mirrors = "file://${vendored}"; };
  pulled_vendored = pullImage { inherit lock vendored; name = "fat"; };
  pulled_private = pullImage { inherit lock; name = "private"; access = access; };
  pulled_sha512 = pullImage {
    lock = builtins.fromJSON (builtins.readFile sha512);
    name = "wide";
    mirrors = "file://${./wide}";
  };
  on_pulled = buildImage {
    name = "on-pulled";
    fromImage = pulled;
    config.Cmd = [ "/bin/greet" "again" ];
    files."etc/motd".text = "hello\n";
  };

  # By the names of nixpkgs.
  docker_tools = container.dockerTools.buildLayeredImage {
    name = "greet";
    tag = "compat";
    contents = [ world.greet ];
    config.Cmd = [ "${world.greet}/bin/greet" ];
    maxLayers = 10;
  };
  docker_tools_build = container.dockerTools.buildImage {
    name = "greet";
    copyToRoot = world.greet;
    config.Cmd = [ "/bin/greet" ];
  };
  docker_tools_stream = container.dockerTools.streamLayeredImage {
    name = "greet";
    contents = [ world.greet ];
    config.Cmd = [ "/bin/greet" ];
  };
  # An archive as a base, in an index, pushed.
  docker_tools_on = container.dockerTools.buildImage {
    name = "top";
    fromImage = docker_tools_build;
    config.Env = [ "TOP=1" ];
  };
  docker_tools_index = buildIndex { name = "greet"; images = [ docker_tools_build ]; };
  docker_tools_push = pushImage { image = docker_tools_build; repository = "registry.example.com/greet"; };
  # The first plan, where the file is not there yet.
  first_plan = (buildImage (greeting world // { plan = ./none/plan.json; })).plan;
  # A shell of the store that nothing else speaks of.
  shell_of_user = buildImage { name = "x"; users.app = { uid = 1; gid = 1; shell = "${world.sh}/bin/sh"; }; };
  by_name = imageFromName "shell/hello/haskellPackages.tool";

  # By a package set of the shape of nixpkgs: its overlay, its functions, without flakes, for another platform.
  by_overlay = (nixpkgs { overlays = [ overlay ]; }).containerLib.buildImage (greeting world);
  by_nixpkgs = (withPkgs (nixpkgs { })).buildImage (greeting world);
  by_import = (import rules { pkgs = nixpkgs { }; }).buildImage (greeting world);
  by_call_package = (nixpkgs { overlays = [ overlay ]; }).callPackage
    ({ containerLib, greet }: containerLib.buildImage ((greeting world) // { contents = [ greet ]; })) { };
  cross = (withPkgs (nixpkgs { }).pkgsCross.aarch64-multiplatform).buildImage {
    name = "cross";
    files."etc/motd".text = "hello\n";
  };
  by_name_arm64 = (withPkgs (nixpkgs { })).imageFromName "arm64/hello";
  # With the programs of a release.
  by_release = (mkLib { system = "x86_64-linux"; tool = prebuilt.x86_64-linux; }).buildImage (greeting world);

  # What takes so long that it can be killed meanwhile.
  slow = buildImage { name = "slow"; files."srv/random" = ./random; codec.gzip-v1.level = 12; };

  # Arguments of other tools.
  options = import ./options.nix { inherit container world; };

  # The examples of the documentation.
  examples = builtins.listToAttrs (map
    (name: { inherit name; value = import (exampleFiles + "/${name}.nix") { pkgs = world; inherit container; }; })
    [ "hello" "service" "layered" "index" ]);

  # Without flakes and with a package set.
  by_set = (withPkgs (world // { rules-container = tool; })).buildImage (greeting world);

  # What is refused.
  errors = import ./errors.nix {
    inherit container mkLib imageFromName world tool greeting base base_layer;
  };
}
