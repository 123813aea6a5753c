# What a container is started with, in the words of Docker's and OCI's JSON, as `assemble` wants it.
{ fail, check, ... }:
where: config:
let
  at = name: "${where}.config.${name}";
  pairs = field: value:
    let
      split = text:
        let parts = builtins.match "([^=]+)=(.*)" (check.string (at field) text); in
        if parts == null then
          fail (at field) "`${text}` is not NAME=VALUE" "write it as \"PATH=/bin\""
        else
          { name = builtins.elemAt parts 0; value = builtins.elemAt parts 1; };
    in
    if builtins.isAttrs value then
      map (name: { inherit name; value = check.text "${at field}.${name}" value.${name}; }) (builtins.attrNames value)
    else if builtins.isList value then
      map split value
    else
      fail (at field) "it is ${check.shown value}" "give a set, or a list as [ \"PATH=/bin\" ]";
  keys = name: value:
    if builtins.isAttrs value then builtins.attrNames value
    else if builtins.isList value then check.listOf check.text (at name) value
    else fail (at name) "it is ${check.shown value}" "give a set, as { \"80/tcp\" = { }; }, or a list";
  words = name: value:
    if builtins.isString value then [ value ]
    else if builtins.isList value then check.listOf check.text (at name) value
    else fail (at name) "it is ${check.shown value}" "give a list, as [ \"/bin/app\" \"--flag\" ]";
  word = name: check.text (at name);
  healthcheck = given:
    let
      value = check.setOf (_: one: one) (at "Healthcheck") given;
      names = {
        Test = "test";
        Interval = "interval";
        Timeout = "timeout";
        StartPeriod = "start_period";
        StartInterval = "start_interval";
        Retries = "retries";
      };
      kinds = {
        Test = check.listOf check.text;
        Interval = check.nanoseconds;
        Timeout = check.nanoseconds;
        StartPeriod = check.nanoseconds;
        StartInterval = check.nanoseconds;
        Retries = check.number;
      };
      unknown = builtins.attrNames (builtins.removeAttrs value (builtins.attrNames names));
    in
    if unknown != [ ] then
      fail "${at "Healthcheck"}.${builtins.head unknown}" "there is no such field"
        "use ${builtins.concatStringsSep ", " (builtins.attrNames names)}"
    else
      builtins.listToAttrs (map
        (name: { name = names.${name}; value = kinds.${name} "${at "Healthcheck"}.${name}" value.${name}; })
        (builtins.attrNames value));
  fields = {
    Env = value: { env.append = pairs "Env" value; };
    Entrypoint = value: { entrypoint.replace = words "Entrypoint" value; };
    Cmd = value: { cmd.replace = words "Cmd" value; };
    User = value: { user.replace = word "User" value; };
    WorkingDir = value: { working_dir.replace = check.absolute (at "WorkingDir") value; };
    ExposedPorts = value: { exposed_ports.append = keys "ExposedPorts" value; };
    Volumes = value: { volumes.append = keys "Volumes" value; };
    Labels = value: { labels.append = check.setOf check.text (at "Labels") value; };
    StopSignal = value: { stop_signal.replace = word "StopSignal" value; };
    Healthcheck = value: { healthcheck.replace = healthcheck value; };
    Shell = value: { shell.replace = words "Shell" value; };
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
