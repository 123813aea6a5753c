# What other tools' functions are given, each argument by itself: whether it is taken here. The page of
# options says the same, and a test holds the two together.
{ container, world }:
let
  taken = function: required: samples: builtins.mapAttrs
    (name: value: (builtins.tryEval (
      let made = function (required // { ${name} = value; }); in
      builtins.toJSON (made.fat or made.drvPath)
    )).success)
    samples;
  base = container.buildImage { name = "base"; files."x".text = "x"; };
  shell = "mkdir /x";
in
{
  dockerTools = taken container.dockerTools.buildLayeredImage { name = "x"; } {
    name = "y";
    tag = "1";
    contents = [ world.hello ];
    copyToRoot = world.hello;
    config = { Cmd = [ "/bin/hello" ]; };
    fromImage = base;
    fromImageName = "app";
    fromImageTag = "1";
    architecture = "arm64";
    created = "2024-01-01T00:00:00Z";
    mtime = "2024-01-01T00:00:00Z";
    uid = 1000;
    gid = 1000;
    uname = "app";
    gname = "app";
    maxLayers = 20;
    layeringPipeline = [ [ "popularity_contest" ] ];
    extraCommands = shell;
    fakeRootCommands = shell;
    enableFakechroot = true;
    runAsRoot = shell;
    keepContentsDirlinks = true;
    includeStorePaths = false;
    includeNixDB = true;
    diskSize = 1024;
    buildVMMemorySize = 512;
    compressor = "zstd";
    passthru = { };
    meta = { };
  };
  buildImage = taken container.buildImage { name = "x"; } {
    name = "y";
    tag = "1";
    config = { };
    fromImage = base;
    maxLayers = 20;
    created = "2024-01-01T00:00:00Z";
    layers = [ (container.buildLayer { deps = [ world.hello ]; }) ];
    copyToRoot = [ world.hello ];
    perms = [ { path = world.hello; paths = "bin/*"; mode = "0755"; uid = 1; } ];
    initializeNixDatabase = true;
    nixUid = 1000;
    nixGid = 1000;
    arch = "arm64";
    meta = { };
  };
  buildLayer = taken container.buildLayer { } {
    deps = [ world.hello ];
    copyToRoot = [ world.hello ];
    contents = [ world.hello ];
    layers = [ (container.buildLayer { deps = [ world.hello ]; }) ];
    perms = [ ];
    maxLayers = 5;
    reproducible = false;
    ignore = world.hello;
    metadata = { created_by = "me"; };
  };
  pullImage = taken container.pullImage { lock = { }; name = "x"; } {
    imageName = "debian";
    imageDigest = "sha256:00";
    sha256 = "00";
    arch = "arm64";
    tlsVerify = false;
  };
}
