# Arguments of nixpkgs' dockerTools, as `buildImage` wants them.
internal:
with internal;
where: args:
let
  shell = what: {
    __refuse = "${what} runs a shell while the image is built, and nothing here does";
    fix = "make a derivation of it and put that into `copyToRoot`; for owners and modes use `files` and `perms`";
  };
  other = {
    __refuse = "which image is taken of an archive of several is not asked here";
    fix = "give the one that you mean as `fromImage`: of `pullImage`, whose lock file says which it is";
  };
  refused = {
    extraCommands = shell "it";
    fakeRootCommands = shell "it";
    runAsRoot = shell "it";
    postMount = shell "it";
    preMount = shell "it";
    layeringPipeline = {
      __refuse = "pipelines of other planners are not read here";
      fix = "take `strategy`, `hints` or `plan` of buildImage";
    };
    includeNixDB = {
      __refuse = "the database of a Nix store in an image is not made here";
      fix = "run `nix-store --load-db` when the container starts";
    };
    enableFakechroot = shell "it";
  } // builtins.listToAttrs (map
    (name: {
      inherit name;
      value = {
        __refuse = "files of packages belong to root here, and have the time 1";
        fix = "set owners and times by `files` and `perms` of buildImage";
      };
    })
    [ "uid" "gid" "uname" "gname" "mtime" ]) // {
    fromImageName = other;
    fromImageTag = other;
    keepContentsDirlinks = {
      __refuse = "folders are always folders here";
      fix = "leave it out";
    };
  };
  # What asks for nothing else than what is done.
  empty = value: builtins.elem value [ null "" false 0 "root" "1970-01-01T00:00:01Z" ];
  bad = builtins.filter (name: args ? ${name} && !(empty args.${name})) (builtins.attrNames refused);
  seconds = { "1970-01-01T00:00:01Z" = 1; };
  architectures = text: if text == null then internal.platform else "linux/${text}";
  # What changes nothing here.
  ignored = [
    "meta" "passthru" "buildVMMemorySize" "diskSize" "compressor" "imageDigest" "debug"
  ] ++ builtins.attrNames refused;
in
if bad != [ ] then
  let name = builtins.head bad; in
  fail "${where}.${name}" refused.${name}.__refuse refused.${name}.fix
else
  {
    name = args.name or (fail "${where}.name" "it has to be given" "add `name = \"app\";`");
    tag = if args.tag or null == null then "latest" else args.tag;
    fromImage = args.fromImage or null;
    config = if args.config or null == null then { } else args.config;
    created =
      let created = args.created or 1; in
      if created == "now" then
        fail "${where}.created" "`now` differs in every build" "give a time, as \"2024-01-01T00:00:00Z\""
      else
        seconds.${toString created} or created;
    platform = architectures (args.architecture or null);
    form = "docker_archive";
  } // builtins.removeAttrs args ([ "name" "tag" "fromImage" "config" "created" "architecture" ] ++ ignored)
