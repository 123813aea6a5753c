# What a container is started with, in the words of Docker's and OCI's JSON, as `assemble` wants it.
{ fail, ... }:
where: config:
let
  at = name: "${where}.config.${name}";
  pairs = name: value:
    let
      split = text:
        let parts = builtins.match "([^=]+)=(.*)" text; in
        if parts == null then
          fail (at name) "`${text}` is not NAME=VALUE" "write it as \"PATH=/bin\""
        else
          { name = builtins.elemAt parts 0; value = builtins.elemAt parts 1; };
    in
    if builtins.isAttrs value then
      map (name: { inherit name; value = toString value.${name}; }) (builtins.attrNames value)
    else if builtins.isList value then
      map split value
    else
      fail (at name) "it is ${builtins.typeOf value}" "give a set, or a list as [ \"PATH=/bin\" ]";
  keys = value: if builtins.isAttrs value then builtins.attrNames value else value;
  words = value: if builtins.isString value then [ value ] else map toString value;
  texts = value: builtins.mapAttrs (_: toString) value;
  healthcheck = value:
    let
      names = {
        Test = "test";
        Interval = "interval";
        Timeout = "timeout";
        StartPeriod = "start_period";
        StartInterval = "start_interval";
        Retries = "retries";
      };
      unknown = builtins.attrNames (builtins.removeAttrs value (builtins.attrNames names));
    in
    if unknown != [ ] then
      fail "${at "Healthcheck"}.${builtins.head unknown}" "there is no such field"
        "use ${builtins.concatStringsSep ", " (builtins.attrNames names)}"
    else
      builtins.listToAttrs (map
        (name: { name = names.${name}; value = value.${name}; })
        (builtins.attrNames value));
  fields = {
    Env = value: { env.append = pairs "Env" value; };
    Entrypoint = value: { entrypoint.replace = words value; };
    Cmd = value: { cmd.replace = words value; };
    User = value: { user.replace = toString value; };
    WorkingDir = value: { working_dir.replace = toString value; };
    ExposedPorts = value: { exposed_ports.append = keys value; };
    Volumes = value: { volumes.append = keys value; };
    Labels = value: { labels.append = texts value; };
    StopSignal = value: { stop_signal.replace = value; };
    Healthcheck = value: { healthcheck.replace = healthcheck value; };
    Shell = value: { shell.replace = words value; };
  };
  unknown = builtins.attrNames (builtins.removeAttrs config (builtins.attrNames fields));
in
if unknown != [ ] then
  fail (at (builtins.head unknown)) "there is no such field"
    "use ${builtins.concatStringsSep ", " (builtins.attrNames fields)}"
else
  builtins.foldl' (all: name: all // fields.${name} config.${name}) { }
    # What is null was left open.
    (builtins.filter (name: config.${name} != null) (builtins.attrNames config))
