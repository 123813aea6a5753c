# All functions, for programs that are at hand. Nothing of nixpkgs is needed.
args:
let
  internal = import ./internal args;
  call = file: import file internal;
in
{
  # The programs that the functions run.
  inherit (internal) tool platform;

  # Images.
  pullImage = call ./pullImage.nix;
  buildLayer = call ./buildLayer.nix;
  buildImage = call ./buildImage.nix;
  buildIndex = call ./buildIndex.nix;

  # What is done with them: programs for `nix run`.
  pushImage = call ./pushImage.nix;
  loadImage = call ./loadImage.nix;
  streamImage = call ./streamImage.nix;

  # By the names and with the arguments of nixpkgs.
  dockerTools = {
    buildImage = call ./dockerTools/buildImage.nix;
    buildLayeredImage = call ./dockerTools/buildLayeredImage.nix;
    streamLayeredImage = call ./dockerTools/streamLayeredImage.nix;
    pullImage = call ./pullImage.nix;
  };

  # One request of `layer` or `assemble` as it stands in its JSON file.
  runRequest = call ./runRequest.nix;
}
