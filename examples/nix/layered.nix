# What seldom changes in layers of its own, an image on another one, and twenty layers at most.
{ pkgs, container }:
let
  base = container.buildImage {
    name = "base";
    layers = [ (container.buildLayer { name = "shell"; deps = [ pkgs.bash ]; }) ];
    config.Env = [ "PATH=/bin" ];
  };
in
container.buildImage {
  name = "app";
  fromImage = base;
  contents = [ pkgs.hello ];
  maxLayers = 20;
  # A release that changes only the application may move so much.
  budgets = [ { change = "application"; max_bytes = 50000000; } ];
  config.Cmd = [ "/bin/hello" ];
}
