"""A program in Python: a script, modules and data in its runfiles. `py_binary` of rules_python gives the same, and an interpreter."""

def _program_impl(ctx):
    program = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = program, target_file = ctx.file.main, is_executable = True)
    return DefaultInfo(executable = program, runfiles = ctx.runfiles([program] + ctx.files.data))

program = rule(
    implementation = _program_impl,
    attrs = {
        "data": attr.label_list(allow_files = True),
        "main": attr.label(allow_single_file = True),
    },
    executable = True,
)
