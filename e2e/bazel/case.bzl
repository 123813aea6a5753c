"""A case of `e2e/cases` as a target: the program on its request, in an action."""

_TOOLCHAIN = "@rules_container//rules:toolchain_type"

def _case_impl(ctx):
    program = getattr(ctx.toolchains[_TOOLCHAIN].container, ctx.attr.tool)
    if ctx.attr.is_file:
        out = ctx.actions.declare_file(ctx.label.name + "/out")
    else:
        out = ctx.actions.declare_directory(ctx.label.name + "/out")
    outputs = {"--out": out, "--receipt": ctx.actions.declare_file(ctx.label.name + "/receipt.json")}
    if ctx.attr.tool == "layer":
        outputs["--listing"] = ctx.actions.declare_file(ctx.label.name + "/listing.ndjson")
    words = [ctx.file.request.path]
    for option, file in outputs.items():
        words += [option, file.path]
    ctx.actions.run(
        executable = program,
        arguments = words,
        inputs = [ctx.file.request] + ctx.files.inputs,
        outputs = outputs.values(),
        env = {},
        mnemonic = "Case",
        toolchain = _TOOLCHAIN,
    )
    return DefaultInfo(files = depset(outputs.values()))

case = rule(
    implementation = _case_impl,
    attrs = {
        "inputs": attr.label_list(allow_files = True),
        "is_file": attr.bool(),
        "request": attr.label(allow_single_file = True, mandatory = True),
        "tool": attr.string(mandatory = True),
    },
    toolchains = [_TOOLCHAIN],
)
