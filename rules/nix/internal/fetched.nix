# The programs of a release: its archive by the hash that the release tells, unpacked by Nix itself, for
# which nothing has to be there before.
{ url, sha256 }:
let
  archive = derivation {
    name = "rules_container.tar.gz";
    system = "builtin";
    builder = "builtin:fetchurl";
    inherit url;
    outputHashMode = "flat";
    outputHashAlgo = "sha256";
    outputHash = sha256;
    preferLocalBuild = true;
    impureEnvVars = [ "http_proxy" "https_proxy" "all_proxy" "no_proxy" ];
  };
in
derivation {
  name = "rules_container";
  system = "builtin";
  builder = "builtin:unpack-channel";
  src = archive;
  # What the one folder of the archive is called from here on.
  channelName = "bin";
  preferLocalBuild = true;
}
