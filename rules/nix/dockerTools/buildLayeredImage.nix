# As dockerTools.buildLayeredImage: an archive for `docker load`, of an image in layers.
internal: args:
import ../buildImage.nix internal (internal.compat "dockerTools.buildLayeredImage" args)
