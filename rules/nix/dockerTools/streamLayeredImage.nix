# As dockerTools.streamLayeredImage: a program that writes the archive to standard output, in `bin` of the output.
internal: args:
let
  wanted = internal.compat "dockerTools.streamLayeredImage" args;
in
import ../streamImage.nix internal {
  name = "stream-${internal.sanitized (baseNameOf wanted.name)}";
  image = import ../buildImage.nix (internal // { callee = "dockerTools.streamLayeredImage"; }) (wanted // { form = "layout"; thin = true; });
}
