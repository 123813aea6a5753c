# A program that loads an image into docker or podman, for `nix run`.
internal:
with internal;
let
  where = "loadImage";
  known = {
    # The name of the program.
    name = "load";
    # An image.
    image = required;
    # What is started, and reads a docker-archive.
    command = [ "docker" "load" ];
    # Its names there; null for the image's own.
    names = null;
  };
in
args:
let
  a = check.all where {
    image = check.layout;
    command = check.listOf check.text;
    names = check.orNull (check.listOf check.string);
  } (arguments where known args);
  what = pushed a.image;
in
script {
  inherit (a) name;
  request = {
    kind = "push";
    version = 1;
    origin = a.name;
    images = [
      (what.image // {
        into = [{
          load = {
            inherit (a) command;
            names = if a.names != null then a.names else [ "${a.image.imageName or "image"}:${a.image.imageTag or "latest"}" ];
          };
        }];
      })
    ];
  } // what.program;
}
