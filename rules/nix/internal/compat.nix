# Arguments of nixpkgs' dockerTools, as `buildImage` wants them.
internal:
with internal;
where: args:
let
  # Some of them are taken, in the words of dockerTools.
  refused = builtins.removeAttrs elsewhere [ "architecture" "compressor" "meta" ];
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
  fail "${where}.${name}" refused.${name}.what refused.${name}.fix
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
