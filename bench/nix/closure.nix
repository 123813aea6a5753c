# A closure of large store paths and an application that needs them all, and images of it.
{ rules, tool, busybox, paths, release ? "1", round ? "0", plan ? null }:
let
  container = import rules { system = "x86_64-linux"; tool = builtins.storePath tool; };
  shell = builtins.storePath busybox;
  # Each piece as a package has it: the output of a derivation.
  large = builtins.genList
    (number: derivation {
      name = "piece${toString number}-1";
      system = "x86_64-linux";
      builder = "${shell}/cp";
      args = [ (builtins.storePath (builtins.elemAt pieces number)) (builtins.placeholder "out") ];
    })
    (builtins.length pieces);
  pieces = builtins.fromJSON (builtins.readFile paths);
  app = derivation {
    name = "app-${release}";
    system = "x86_64-linux";
    builder = "${shell}/sh";
    args = [ "-c" "echo 'release ${release} of' $large > $out" ];
    inherit large;
  };
  image = more: container.buildImage ({
    # Another name is another derivation of the same bytes.
    name = "app-${round}";
    deps = [ app ];
    config.Cmd = [ "${app}" ];
  } // more);
in
{
  inherit app;
  fat = image { };
  thin = image { thin = true; };
  planned = (image { }).plan;
  fat_by_plan = image { plan = /. + plan; planPackages = [ app ]; };
  thin_by_plan = image { plan = /. + plan; thin = true; };
  thin_by_import = image { importPlan = true; thin = true; };
}
