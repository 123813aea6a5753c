# Who is in an image, and the few files that programs expect of any system: as entries of a layer, all
# of them real files. No daemon, no fakeroot: an owner is a number in a header.
{ fail, optional, storePath, ... }:
# `users`, `groups`, `tmp`, `caCertificates`, `usrBinEnv`, `binSh` as `buildImage` has them.
{ where, users, groups, tmp, caCertificates, usrBinEnv, binSh }:
let
  wanted = users != { } || groups != { };
  allGroups = {
    root.gid = 0;
    nobody.gid = 65534;
  } // groups;
  allUsers = {
    root = { uid = 0; group = "root"; home = "/root"; description = "root"; };
    nobody = { uid = 65534; group = "nobody"; home = "/var/empty"; description = "nobody"; };
  } // users;

  known = [ "uid" "group" "gid" "home" "shell" "description" "createHome" "homeMode" ];
  user = name:
    let
      at = "${where}.users.${name}";
      given = allUsers.${name};
      unknown = builtins.attrNames (builtins.removeAttrs given known);
      group = given.group or name;
      gid =
        if given ? gid then
          given.gid
        else
          (allGroups.${group} or (fail "${at}.group" "there is no group `${group}`"
            "add `groups.${group} = { gid = ${toString given.uid}; };`, or give `gid`")).gid;
    in
    if unknown != [ ] then
      fail "${at}.${builtins.head unknown}" "a user has no such attribute" "use ${builtins.concatStringsSep ", " known}"
    else if !(given ? uid) then
      fail "${at}.uid" "it has to be given" "add `uid = 1000;`"
    else {
      inherit name gid;
      inherit (given) uid;
      home = given.home or "/home/${name}";
      shell = given.shell or "/bin/sh";
      description = given.description or "";
      createHome = given.createHome or (users ? ${name});
      homeMode = given.homeMode or "0700";
    };
  by = number: builtins.sort (a: b: a.${number} < b.${number} || (a.${number} == b.${number} && a.name < b.name));
  sorted = by "uid" (map user (builtins.attrNames allUsers));
  sortedGroups = by "gid" (map (name: { inherit name; } // allGroups.${name}) (builtins.attrNames allGroups));

  colons = builtins.concatStringsSep ":";
  lines = map (line: line + "\n");
  text = path: content: { file = { inherit path; text = builtins.concatStringsSep "" content; attributes.mode = "0644"; }; };
  relative = path: builtins.substring 1 (-1) path;

  passwd = lines (map
    (u: colons [ u.name "x" (toString u.uid) (toString u.gid) u.description u.home u.shell ])
    sorted);
  group = lines (map
    (g: colons [ g.name "x" (toString g.gid) (builtins.concatStringsSep "," (g.members or [ ])) ])
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
    (optional (usrBinEnv != null) usrBinEnv ++ optional (binSh != null) binSh);

  # Whether a user of this name, or a number, is there.
  has = name: builtins.match "[0-9]+" name != null || builtins.elem name (map (u: u.name) sorted);
  inherit wanted;
}
