# Who is in an image, and the few files that programs expect of any system: as entries of a layer, all
# of them real files. No daemon, no fakeroot: an owner is a number in a header.
{ fail, check, optional, storePath, storePathsIn, ... }:
# `users`, `groups`, `tmp`, `caCertificates`, `usrBinEnv`, `binSh` as `buildImage` has them.
{ where, users, groups, tmp, caCertificates, usrBinEnv, binSh }:
let
  wanted = users != { } || groups != { };
  # A name, and a field, that /etc/passwd and /etc/group can hold.
  checkName = what: name:
    if builtins.match "[a-zA-Z0-9_][a-zA-Z0-9_.-]*[$]?" name != null then name
    else fail "${where}.${what}.${builtins.toJSON name}" "a name has letters, digits and `_ . -`" "take another name";
  checkText = at: value:
    if builtins.match ".*[:\n].*" (check.string at value) == null then value
    else fail at "it has a colon or a line break, which ends a field of /etc/passwd" "take it out";
  checkFolder = at: value: check.absolute at (checkText at value);
  given = what: known: example: set: builtins.mapAttrs
    (name: value: builtins.seq (checkName what name)
      (check.fields known example "${where}.${what}.${name}" value))
    set;
  givenGroup = name: value:
    let at = "${where}.groups.${name}"; in
    {
      gid = if value ? gid then check.number "${at}.gid" value.gid
        else fail "${at}.gid" "it has to be given" "add `gid = 1000;`";
      members = map (checkText "${at}.members") (check.listOf check.string "${at}.members" (value.members or [ ]));
    };
  allGroups = {
    root = { gid = 0; members = [ ]; };
    nobody = { gid = 65534; members = [ ]; };
  } // builtins.mapAttrs givenGroup (given "groups" [ "gid" "members" ] "{ gid = 1000; }" groups);
  allUsers = {
    root = { uid = 0; group = "root"; home = "/root"; description = "root"; };
    nobody = { uid = 65534; group = "nobody"; home = "/var/empty"; description = "nobody"; };
  } // given "users" known "{ uid = 1000; }" users;

  known = [ "uid" "group" "gid" "home" "shell" "description" "createHome" "homeMode" ];
  user = name:
    let
      at = "${where}.users.${name}";
      given = allUsers.${name};
      group = check.string "${at}.group" (given.group or name);
      gid =
        if given ? gid then
          check.number "${at}.gid" given.gid
        else
          (allGroups.${group} or (fail "${at}.group" "there is no group `${group}`"
            "add `groups.${group} = { gid = ${toString given.uid}; };`, or give `gid`")).gid;
    in
    if !(given ? uid) then
      fail "${at}.uid" "it has to be given" "add `uid = 1000;`"
    else {
      inherit name gid;
      uid = check.number "${at}.uid" given.uid;
      home = checkFolder "${at}.home" (given.home or "/home/${name}");
      # A shell of the store is in the image, as whatever is spoken of.
      shell = checkFolder "${at}.shell" "${given.shell or "/bin/sh"}";
      description = checkText "${at}.description" (given.description or "");
      createHome = given.createHome or (users ? ${name});
      homeMode = check.mode "${at}.homeMode" (given.homeMode or "0700");
    };
  by = number: builtins.sort (a: b: a.${number} < b.${number} || (a.${number} == b.${number} && a.name < b.name));
  sorted = by "uid" (map user (builtins.attrNames allUsers));
  sortedGroups = by "gid" (map (name: allGroups.${name} // { inherit name; }) (builtins.attrNames allGroups));

  colons = builtins.concatStringsSep ":";
  lines = map (line: line + "\n");
  text = path: content: { file = { inherit path; text = builtins.concatStringsSep "" content; attributes.mode = "0644"; }; };
  relative = path: builtins.substring 1 (-1) path;

  passwd = lines (map
    (u: colons [ u.name "x" (toString u.uid) (toString u.gid) u.description u.home u.shell ])
    sorted);
  group = lines (map
    (g: colons [ g.name "x" (toString g.gid) (builtins.concatStringsSep "," g.members) ])
    sortedGroups);
  homes = map
    (u: {
      directory = {
        path = relative u.home;
        attributes = { mode = u.homeMode; inherit (u) uid gid; };
      };
    })
    (builtins.filter (u: u.createHome) sorted);
  sticky = path: { directory = { inherit path; attributes.mode = "1777"; }; };
  copy = attribute: path: source: {
    file = { inherit path source; attributes.mode = "0755"; origin = "${where}.${attribute}"; };
  };
  bundle = path: {
    file = {
      inherit path;
      source = "${storePath "${where}.caCertificates" caCertificates}/etc/ssl/certs/ca-bundle.crt";
      attributes.mode = "0644";
      origin = "${where}.caCertificates";
    };
  };
in
{
  entries =
    (if !wanted then [ ] else [
      (text "etc/passwd" passwd)
      (text "etc/group" group)
      (text "etc/nsswitch.conf" [ "hosts: files dns\n" ])
    ] ++ homes)
    ++ (if !tmp then [ ] else [ (sticky "tmp") (sticky "var/tmp") ])
    ++ (if caCertificates == null then [ ] else [
      (bundle "etc/ssl/certs/ca-bundle.crt")
      (bundle "etc/ssl/certs/ca-certificates.crt")
    ])
    ++ (if usrBinEnv == null then [ ] else [
      (copy "usrBinEnv" "usr/bin/env" "${storePath "${where}.usrBinEnv" usrBinEnv}/bin/env")
    ])
    ++ (if binSh == null then [ ] else [
      (copy "binSh" "bin/sh" "${storePath "${where}.binSh" binSh}/bin/sh")
    ]);

  # What they need of the store.
  roots = map (storePath where)
    (optional (usrBinEnv != null) usrBinEnv ++ optional (binSh != null) binSh)
    # Shells of users.
    ++ storePathsIn (map (u: u.shell) sorted);

  # Whether a user of this name, or a number, is there.
  has = name: builtins.match "[0-9]+" name != null || builtins.elem name (map (u: u.name) sorted);
  inherit wanted;
}
