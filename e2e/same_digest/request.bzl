"""A request as a target: the program on it, in an action."""

_TOOLCHAIN = "@rules_container//rules:toolchain_type"

def _request_impl(ctx):
    name = ctx.label.name + "/out"
    out = ctx.actions.declare_file(name) if ctx.attr.is_file else ctx.actions.declare_directory(name)
    receipt = ctx.actions.declare_file(ctx.label.name + "/receipt.json")
    ctx.actions.run(
        executable = getattr(ctx.toolchains[_TOOLCHAIN].container, ctx.attr.tool),
        arguments = [ctx.file.request.path, "--out", out.path, "--receipt", receipt.path],
        inputs = [ctx.file.request] + ctx.files.inputs,
        outputs = [out, receipt],
        env = {},
        mnemonic = "Request",
        toolchain = _TOOLCHAIN,
    )
    return DefaultInfo(files = depset([out, receipt]))

request = rule(
    implementation = _request_impl,
    attrs = {
        "inputs": attr.label_list(allow_files = True),
        "is_file": attr.bool(),
        "request": attr.label(allow_single_file = True, mandatory = True),
        "tool": attr.string(mandatory = True),
    },
    toolchains = [_TOOLCHAIN],
)
