"""How registries are reached, as requests have it. None of it changes a byte."""

load(":bad.bzl", "bad")

def host_settings(what, attr, ca_files):
    """The settings of hosts.

    Args:
      what: the label, or what else the user knows the thing by.
      attr: what has the attributes `plain_http`, `requests_at_once`, `client_certificates` and `client_keys`.
      ca_files: list of pairs of host and path.

    Returns:
      Dict of host to settings.
    """
    hosts = {host: {"plain_http": True} for host in attr.plain_http}
    for host, path in ca_files:
        if host in hosts:
            bad(what, "ca_files", host, "each host once, and none that is in `plain_http`", "put all authorities of a host into one file")
        hosts[host] = {"ca_file": path}
    for host, number in attr.requests_at_once.items():
        if not number.isdigit() or len(number) > 3 or not 1 <= int(number) or int(number) > 255:
            bad(what, "requests_at_once", number, "for each host a number from 1 to 255", "write `{\"%s\": \"4\"}`" % host)
        hosts.setdefault(host, {})["requests_at_once"] = int(number)
    for name, field in [("client_certificates", "client_certificate"), ("client_keys", "client_key")]:
        given = getattr(attr, name)
        for host, path in given.items():
            if not path.startswith("/"):
                bad(what, name, path, "the absolute path of a PEM file on the machine that asks", "write where the file is; a key is no part of a source tree")
            if host in attr.plain_http:
                bad(what, name, host, "none that is in `plain_http`, where nobody is shown a certificate", "remove one of them")
            hosts.setdefault(host, {})[field] = path
    for host in attr.client_certificates.keys() + attr.client_keys.keys():
        if host not in attr.client_certificates or host not in attr.client_keys:
            bad(what, "client_certificates" if host in attr.client_certificates else "client_keys", host, "hosts that are in `client_certificates` and in `client_keys`", "give both files of the host")
    return hosts
