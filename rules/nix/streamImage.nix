# A program that writes a docker-archive of an image to standard output: `result/bin/stream | docker load`.
# Nothing keeps the archive.
internal:
with internal;
let
  where = "streamImage";
  known = {
    # The name of the program.
    name = "stream";
    # An image.
    image = required;
    # Its names; null for the image's own.
    names = null;
  };
in
args:
let
  a = check.all where {
    image = check.layout;
    names = check.orNull (check.listOf check.string);
  } (arguments where known args);
in
import ./loadImage.nix internal {
  inherit (a) name image names;
  # It is given the archive, and hands it on.
  command = [ "cat" ];
}
