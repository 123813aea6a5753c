"""Toolchains: the programs, for actions (on the execution platform) and for `bazel run` (on the target platform)."""

load("//rules:providers.bzl", "ContainerToolsInfo")
load(":bad.bzl", "show")

TOOLCHAIN_TYPE = Label("//rules:toolchain_type")
RUN_TOOLCHAIN_TYPE = Label("//rules:run_toolchain_type")

# In the order in which an image goes through them.
PROGRAMS = ["pull", "layer", "assemble", "attest", "push", "verify"]

_FIRST_TWO = """\
  1. built from source: --repo_env=RULES_CONTAINER_TOOLS=/folder/with/the/programs (absolute, not below /tmp)
  2. prebuilt: tools.prebuilt(platform = "linux_amd64", urls = [...], sha256 = "...") in MODULE.bazel"""

TWO_WAYS = "It is found in one of two ways:\n" + _FIRST_TWO

THREE_WAYS = "The programs of rules_container are found in one of three ways:\n" + _FIRST_TWO + """
  3. your own targets: container_toolchain(...) in a BUILD file, and register_toolchains(...) in MODULE.bazel"""

def _tools_impl(ctx):
    programs = {}
    for name in PROGRAMS:
        target = getattr(ctx.attr, name)
        programs[name] = target[DefaultInfo].files_to_run if target else None
    return [platform_common.ToolchainInfo(container = ContainerToolsInfo(**programs), label = ctx.label)]

def _tools_rule(cfg):
    return rule(
        implementation = _tools_impl,
        attrs = {
            name: attr.label(executable = True, allow_files = True, cfg = cfg)
            for name in PROGRAMS
        },
    )

_build_tools = _tools_rule("exec")
_run_tools = _tools_rule("target")

def _no_tools_impl(ctx):
    fail("there is no toolchain for the platform (%s).\n%s" % (ctx.attr.what, THREE_WAYS))

_no_tools = rule(
    implementation = _no_tools_impl,
    attrs = {"what": attr.string()},
)

def container_toolchain(name, pull = None, layer = None, assemble = None, attest = None, push = None, verify = None, constraints = [], **kwargs):
    """Programs from targets of your own, as a toolchain for actions and one for `bazel run`.

    `register_toolchains("//the/package:all")` makes them known. A program that is not given is
    missed only by the rules that need it.

    Args:
      name: of the toolchains: `{name}_build_toolchain` and `{name}_run_toolchain`.
      pull: the executable that pulls.
      layer: the executable that makes layers.
      assemble: the executable that makes images and indexes.
      attest: the executable that makes bills of materials.
      push: the executable that pushes and loads.
      verify: the executable that tests.
      constraints: what the programs run on, as `["@platforms//os:linux", "@platforms//cpu:x86_64"]`.
      **kwargs: attributes that all rules have.
    """
    programs(name, dict(pull = pull, layer = layer, assemble = assemble, attest = attest, push = push, verify = verify), **kwargs)
    declare(name, constraints, **kwargs)

def programs(name, programs, **kwargs):
    """Programs, for the toolchains of `declare`.

    Args:
      name: of the targets.
      programs: dict of name to label; those that are not there are missed only by the rules that need them.
      **kwargs: attributes that all rules have.
    """
    _build_tools(name = name + "_build", **(programs | kwargs))
    _run_tools(name = name + "_run", **(programs | kwargs))

def no_toolchain(name, **kwargs):
    """The toolchains that are taken where there are no others; all they do is say so.

    Args:
      name: of the toolchains.
      **kwargs: attributes that all rules have.
    """
    _no_tools(name = name + "_build", what = "that actions run on", **kwargs)
    _no_tools(name = name + "_run", what = "that `bazel run` starts programs on", **kwargs)
    declare(name, [], **kwargs)

def declare(name, constraints, package = "", **kwargs):
    """Toolchains of programs. Where others are taken, the programs' own package is not even loaded.

    Args:
      name: of the toolchains.
      constraints: what the programs run on.
      package: where `programs` is, with a name of its own: as `@repository//`.
      **kwargs: attributes that all rules have.
    """
    native.toolchain(
        name = name + "_build_toolchain",
        exec_compatible_with = constraints,
        toolchain = "%s:%s_build" % (package, name),
        toolchain_type = TOOLCHAIN_TYPE,
        **kwargs
    )
    native.toolchain(
        name = name + "_run_toolchain",
        target_compatible_with = constraints,
        toolchain = "%s:%s_run" % (package, name),
        toolchain_type = RUN_TOOLCHAIN_TYPE,
        **kwargs
    )

def program(ctx, name, toolchain_type = TOOLCHAIN_TYPE):
    """A program of the toolchain.

    Args:
      ctx: the rule's context.
      name: which one.
      toolchain_type: for an action, or for `bazel run`.

    Returns:
      Its `FilesToRunProvider`.
    """
    toolchain = ctx.toolchains[toolchain_type]
    found = getattr(toolchain.container, name)
    if not found:
        fail("%s: the toolchain %s has no program `%s`; its programs are: %s\nhint: give it one, or take another toolchain.\n%s" % (
            show(ctx.label),
            show(toolchain.label),
            name,
            ", ".join([p for p in PROGRAMS if getattr(toolchain.container, p)]) or "none",
            THREE_WAYS,
        ))
    return found
