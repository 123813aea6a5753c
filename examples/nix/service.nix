# What a service wants of a system: somebody to be, somewhere to write, whom to trust.
{ pkgs, container }:
container.buildImage {
  name = "service";
  contents = [ pkgs.hello ];
  users.service = { uid = 1000; group = "service"; home = "/var/lib/service"; };
  groups.service.gid = 1000;
  tmp = true;
  caCertificates = pkgs.cacert;
  files = {
    "etc/service.conf".text = "greeting = hello\n";
    "var/log/service" = { directory = true; uid = 1000; gid = 1000; mode = "0750"; };
  };
  config = {
    User = "service";
    WorkingDir = "/var/lib/service";
    Env.GREETING = "hello";
    Entrypoint = [ "/bin/hello" ];
  };
}
