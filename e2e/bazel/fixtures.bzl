"""Things that users have and that layers are made of."""

# A fixture's own action uses a shell, which a remote executor need not have.
_LOCAL = {"no-remote-exec": "1"}

def _tree_impl(ctx):
    tree = ctx.actions.declare_directory(ctx.label.name)
    ctx.actions.run_shell(
        outputs = [tree],
        command = """
            mkdir -p "$1/deep/er" "$1/empty"
            printf plain > "$1/deep/er/pl ain%é"
            printf '#!/bin/sh\\n' > "$1/script"
            ln -s script "$1/link"
            chmod 600 "$1/script"
        """,
        arguments = [tree.path],
        execution_requirements = _LOCAL,
        mnemonic = "Tree",
    )
    return DefaultInfo(files = depset([tree]))

tree = rule(
    implementation = _tree_impl,
    doc = "A directory: a folder, a link, an empty folder, a script without its bit, a name with all sorts of characters.",
)

def _program_impl(ctx):
    program = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(program, "no magic number\n", is_executable = True)
    library = ctx.actions.declare_file("_solib_k8/lib%s.so" % ctx.label.name)
    ctx.actions.write(library, "library\n")

    # A link that leads nowhere here, and a file that is a link to another in the output tree.
    declared = ctx.actions.declare_symlink(ctx.label.name + ".declared")
    ctx.actions.symlink(output = declared, target_path = "../at/run/time")
    same = ctx.actions.declare_file(ctx.label.name + ".same")
    ctx.actions.symlink(output = same, target_file = library)
    files = [program, library, declared, same] + ctx.files.data
    runfiles = ctx.runfiles(
        files = files,
        root_symlinks = {"at_the_root": ctx.file.link},
        symlinks = {"linked/file": ctx.file.link},
    ) if ctx.file.link else ctx.runfiles(files)
    return DefaultInfo(executable = program, runfiles = runfiles)

program = rule(
    implementation = _program_impl,
    doc = "An executable with runfiles of all kinds.",
    attrs = {
        "data": attr.label_list(allow_files = True),
        "link": attr.label(allow_single_file = True),
    },
    executable = True,
)

def _foreign_layout_impl(ctx):
    return DefaultInfo(files = ctx.attr.image[OutputGroupInfo].layout)

foreign_layout = rule(
    implementation = _foreign_layout_impl,
    doc = "An OCI layout directory that no provider tells of.",
    attrs = {"image": attr.label()},
)
