# One name for images of two platforms, and the program that pushes it: nix run .#push
{ pkgs, container }:
let
  image = platform: container.buildImage {
    name = "hello-${builtins.baseNameOf platform}";
    inherit platform;
    files."etc/greeting".text = "hello from ${platform}\n";
  };
  index = container.buildIndex {
    name = "hello";
    images = map image [ "linux/amd64" "linux/arm64" ];
  };
in
container.pushImage {
  image = index;
  repository = "registry.example.com/you/hello";
  tags = [ "1.0" "latest" ];
}
