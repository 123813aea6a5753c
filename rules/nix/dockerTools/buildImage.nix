# As dockerTools.buildImage: an archive for `docker load`; `copyToRoot` is copied.
internal: args:
import ../buildImage.nix (internal // { callee = "dockerTools.buildImage"; }) (internal.compat "dockerTools.buildImage" args)
