# As dockerTools.buildLayeredImage: an archive for `docker load`, of an image in layers.
internal: args:
import ../buildImage.nix (internal // { callee = "dockerTools.buildLayeredImage"; }) (internal.compat "dockerTools.buildLayeredImage" args)
