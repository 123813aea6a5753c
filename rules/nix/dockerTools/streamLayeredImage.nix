# As dockerTools.streamLayeredImage: a program that writes the archive to standard output.
internal: args:
let
  wanted = internal.compat "dockerTools.streamLayeredImage" args;
in
import ../streamImage.nix internal {
  name = "stream-${internal.sanitized (baseNameOf wanted.name)}";
  image = import ../buildImage.nix internal (wanted // { form = "layout"; thin = true; });
}
