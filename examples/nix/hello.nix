# The smallest image: a package, and what is started.
{ pkgs, container }:
container.buildImage {
  name = "hello";
  contents = [ pkgs.hello ];
  config.Cmd = [ "/bin/hello" ];
}
