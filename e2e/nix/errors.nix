# What is refused: an attribute each. `errors.txt` has what is said of it.
{ container, mkLib, imageFromName, world, tool, greeting, base, base_layer }:
let
  inherit (container) buildImage buildLayer buildIndex pushImage pullImage loadImage;
  one = {
    digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    size = 0;
    manifests = [ ];
  };
in
{
  unknown_argument = buildImage (greeting world // { content = [ ]; });
  missing_argument = buildImage { };
  not_a_list = buildImage { name = "x"; tags = "1.0"; };
  not_a_set = buildImage { name = "x"; files = [ ]; };
  not_a_bool = buildImage { name = "x"; thin = "yes"; };
  not_an_env = buildImage { name = "x"; config.Env = "A=b"; };
  not_a_file = buildImage { name = "x"; files."etc/x" = 5; };
  no_text = buildImage { name = 5; };
  not_a_number = buildImage (greeting world // { maxLayers = 200; });
  no_layer_left = buildImage (greeting world // { maxLayers = 1; });
  too_many_base_layers = buildImage (greeting world // { fromImage = base; maxLayers = 4; });
  user_without_group = buildImage { name = "x"; users.app = { uid = 1000; group = "staff"; }; };
  unknown_user = buildImage { name = "x"; users.app = { uid = 1000; gid = 5; }; config.User = "www"; };
  no_uid = buildImage { name = "x"; users.app = { }; };
  unknown_config = buildImage { name = "x"; config.Command = [ "x" ]; };
  not_a_package = buildImage { name = "x"; contents = [ 5 ]; };
  not_in_the_store = buildImage { name = "x"; contents = [ "/usr" ]; };
  absolute_link_in_etc = buildImage { name = "x"; files."etc/resolv.conf".link = "/run/resolv.conf"; };
  file_of_two_contents = buildImage { name = "x"; files."etc/x" = { text = "a"; link = "b"; }; };
  no_such_image = pullImage { lock = { kind = "images_lock"; version = 1; images.debian = { }; }; name = "debain"; };
  not_a_lock = pullImage { lock = { }; name = "debian"; };
  no_such_platform = pullImage {
    lock = { kind = "images_lock"; version = 1; images.debian.manifests = [ { platform = "linux/s390x"; } ]; };
    name = "debian";
  };
  run_as_root = container.dockerTools.buildImage { name = "x"; runAsRoot = "mkdir /x"; };
  other_owner = container.dockerTools.buildLayeredImage { name = "x"; uid = 1000; };
  now = container.dockerTools.buildImage { name = "x"; created = "now"; };
  no_such_package = imageFromName "shell/hallo";
  no_programs = (mkLib { system = "riscv64-linux"; }).buildImage (greeting world);
  archive_of_receipts = buildImage (greeting world // { thin = true; form = "oci_archive"; });
  # These are seen by the programs.
  two_packages_want_one_file = buildImage { name = "x"; contents = [ world.greet world.rival ]; };
  wrong_platform = buildImage (greeting world // { fromImage = base; platform = "linux/arm64"; });
  over_budget = buildImage (greeting world // { maxLayers = 2; budgets = [ { change = "application"; max_bytes = 1000; } ]; });
  not_in_the_closure = container.runRequest {
    program = "layer";
    outputs = [ "out" ];
    graphs.closure = [ world.hello ];
    request = { kind = "layers"; version = 1; origin = "x"; graph.nix.attribute = "closure"; packed = [ "${world.greet}" ]; };
  };
  no_graph = container.runRequest {
    program = "layer";
    outputs = [ "out" ];
    request = { kind = "layers"; version = 1; origin = "x"; graph.nix.attribute = "closure"; };
  };

  # Files that are not there, or hold something else.
  no_plan = buildImage (greeting world // { plan = ./none/plan.json; });
  no_plan_file = buildImage (greeting world // { plan = ./world.nix; });
  another_plan = buildImage (greeting world // { plan = builtins.toFile "other.json" "{}"; });
  plan_of_too_many = buildImage (greeting world // {
    maxLayers = 2;
    plan = builtins.toFile "plan.json" (builtins.toJSON {
      kind = "layer_plan";
      version = 1;
      layers = map (name: { key = name; members = [ name ]; size = 1; }) [ "bash" "hello" "greet" ];
    });
  });
  no_lock = pullImage { lock = ./none/images.lock.json; name = "debian"; };
  no_lock_file = pullImage { lock = ./world.nix; name = "debian"; };
  not_vendored = pullImage {
    lock = { kind = "images_lock"; version = 1; images.debian = one; };
    name = "debian";
    platform = null;
    vendored = ./none;
  };

  # Images and layers, of the wrong kind.
  base_of_a_number = buildImage { name = "x"; fromImage = 5; };
  base_of_a_registry = buildImage { name = "x"; fromImage = "debian:12"; };
  base_of_layers = buildImage { name = "x"; fromImage = base_layer; };
  base_that_is_no_layout = buildImage { name = "x"; fromImage = ./world.nix; };
  layers_of_packages = buildImage { name = "x"; layers = [ world.hello ]; };
  images_of_numbers = buildIndex { name = "x"; images = [ 5 ]; };
  push_of_a_number = pushImage { image = 5; repository = "x"; };
  push_to_a_number = pushImage { image = base; repository = 5; };
  push_over_maybe = pushImage { image = base; repository = "x"; existing = "maybe"; };
  load_by_text = loadImage { image = base; command = "docker load"; };

  # Who is in it.
  user_of_text = buildImage { name = "x"; users.app = "x"; };
  user_of_other_fields = buildImage { name = "x"; users.app = { uid = 1; isNormalUser = true; }; };
  user_by_text = buildImage { name = "x"; users.app = { uid = "1000"; gid = 1; }; };
  user_with_a_colon = buildImage { name = "x"; users."a:b" = { uid = 1; gid = 1; }; };
  description_with_a_colon = buildImage { name = "x"; users.app = { uid = 1; gid = 1; description = "a:b"; }; };
  home_that_is_relative = buildImage { name = "x"; users.app = { uid = 1; gid = 1; home = "app"; }; };
  home_of_another_mode = buildImage { name = "x"; users.app = { uid = 1; gid = 1; homeMode = "rwx"; }; };
  group_of_a_number = buildImage { name = "x"; groups.app = 5; };
  group_without_gid = buildImage { name = "x"; groups.app = { }; };
  members_of_text = buildImage { name = "x"; groups.app = { gid = 1; members = "root"; }; };

  # Choices and forms.
  another_platform = buildImage { name = "x"; platform = "amd64"; };
  another_strategy = buildImage { name = "x"; strategy = "fast"; };
  another_codec = buildImage { name = "x"; codec = "gzip"; };
  another_form = buildImage { name = "x"; form = "tar"; };
  another_way_of_duplicates = buildImage { name = "x"; duplicates = "first_wins"; };
  another_time = buildImage { name = "x"; created = true; };
  created_now = buildImage { name = "x"; created = "now"; };
  hint_of_text = buildImage { name = "x"; hints = [ "app*" ]; };
  budget_of_other_fields = buildImage { name = "x"; budgets = [ { change = "application"; max = 5; } ]; };
  tag_of_a_number = buildImage { name = "x"; tags = [ 5 ]; };
  annotation_of_a_number = buildImage { name = "x"; annotations.a = 5; };
  size_of_text = buildImage { name = "x"; minLayerSize = "5"; };
  mode_of_a_number = buildImage { name = "x"; files."etc/x" = { text = ""; mode = 644; }; };
  file_of_this_machine = buildImage { name = "x"; files."etc/x".source = "/etc/passwd"; };
  perms_of_nobody = buildImage { name = "x"; copyToRoot = [ world.hello ]; perms = [ { mode = "0755"; } ]; };
  perms_of_another = buildImage { name = "x"; copyToRoot = [ world.hello ]; perms = [ { path = world.greet; mode = "0755"; } ]; };
  cmd_of_a_number = buildImage { name = "x"; config.Cmd = 5; };
  cmd_of_a_truth = buildImage { name = "x"; config.Cmd = [ "x" true ]; };
  env_without_value = buildImage { name = "x"; config.Env = [ "DEBUG" ]; };
  ports_of_a_number = buildImage { name = "x"; config.ExposedPorts = 80; };
  labels_of_text = buildImage { name = "x"; config.Labels = "a=b"; };
  folder_that_is_relative = buildImage { name = "x"; config.WorkingDir = "srv"; };
  interval_of_text = buildImage { name = "x"; config.Healthcheck = { Test = [ "CMD" "x" ]; Interval = "30s"; }; };
  no_such_program = container.runRequest { program = "lair"; request = { }; };

  # Other tools' arguments.
  docker_tools_of_other_arguments = container.dockerTools.buildLayeredImage { name = "x"; content = [ ]; };
  docker_tools_pull = container.dockerTools.pullImage { imageName = "debian"; };
  nix2container_arch = buildImage { name = "x"; arch = "arm64"; };
  nix2container_reproducible = buildLayer { reproducible = false; };
}
