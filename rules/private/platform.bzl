"""Bazel's platforms in the image specification's words, and images for a chosen one."""

# Name in the image specification to the constraint value.
_OS = {
    "linux": "@platforms//os:linux",
    "windows": "@platforms//os:windows",
}

_ARCHITECTURE = {
    "386": "@platforms//cpu:x86_32",
    "amd64": "@platforms//cpu:x86_64",
    "arm/v7": "@platforms//cpu:armv7",
    "arm64": "@platforms//cpu:aarch64",
    "riscv64": "@platforms//cpu:riscv64",
    "s390x": "@platforms//cpu:s390x",
}

_ConfigurationInfo = provider(
    doc = "What images want to know of a configuration.",
    fields = {
        "platform": "What an image runs on, as `linux/arm64`, or None where the platform has another system or processor.",
        "stamp": "Whether `--stamp` is given.",
    },
)

def _configuration_impl(ctx):
    system = _first(ctx, ctx.attr._systems)
    architecture = _first(ctx, ctx.attr._architectures)
    return _ConfigurationInfo(
        platform = system + "/" + architecture if system and architecture else None,
        stamp = ctx.attr.stamp,
    )

configuration = rule(
    implementation = _configuration_impl,
    doc = "What images want to know of a configuration, found out once for all of them.",
    attrs = {
        "stamp": attr.bool(doc = "Whether `--stamp` is given."),
        "_architectures": attr.label_keyed_string_dict(default = {Label(value): name for name, value in _ARCHITECTURE.items()}),
        "_systems": attr.label_keyed_string_dict(default = {Label(value): name for name, value in _OS.items()}),
    },
)

CONFIGURATION_ATTRS = {
    "_configuration": attr.label(default = "//rules/private:configuration", providers = [_ConfigurationInfo]),
}

def this_configuration(ctx):
    """What is known of the configuration that something is built in.

    Args:
      ctx: context of a rule with `CONFIGURATION_ATTRS`.

    Returns:
      A provider with `platform` and `stamp`.
    """
    return ctx.attr._configuration[_ConfigurationInfo]

def target_platform(ctx):
    """What an image built in this configuration runs on.

    Args:
      ctx: context of a rule with `CONFIGURATION_ATTRS`.

    Returns:
      A string, as `linux/arm64`, or None where the platform has another system or processor.
    """
    return this_configuration(ctx).platform

def constraints(platform):
    """Bazel's constraints for a platform of the image specification.

    Args:
      platform: as `linux/arm64/v8`.

    Returns:
      List of labels, or None where Bazel has no word for it.
    """
    parts = platform.split("/")
    if len(parts) < 2:
        return None
    architecture = "/".join(parts[1:])
    if parts[1] in ["amd64", "arm64"] and parts[2:] in [[], ["v8"]]:
        architecture = parts[1]
    if parts[0] not in _OS or architecture not in _ARCHITECTURE:
        return None
    return [Label(_OS[parts[0]]), Label(_ARCHITECTURE[architecture])]

def _first(ctx, names):
    for target, name in names.items():
        if ctx.target_platform_has_constraint(target[platform_common.ConstraintValueInfo]):
            return name
    return None

_PLATFORMS = "//command_line_option:platforms"

def _one_platform_impl(_settings, attr):
    return {_PLATFORMS: [str(attr.platform)]} if attr.platform else {}

# Of a rule: it and what it is made of are built for its attribute `platform`.
one_platform = transition(
    implementation = _one_platform_impl,
    inputs = [],
    outputs = [_PLATFORMS],
)

def _each_platform_impl(_settings, attr):
    # What is split comes back by key: numbers of one length keep the order of the attribute.
    return {
        str(1000 + number): {_PLATFORMS: [str(platform)]}
        for number, platform in enumerate(attr.platforms)
    }

# Of an attribute: what it names is built once for each of the rule's attribute `platforms`.
each_platform = transition(
    implementation = _each_platform_impl,
    inputs = [],
    outputs = [_PLATFORMS],
)
