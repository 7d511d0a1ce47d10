"""Groups of commands, commands with lists of values, and what a command knows of how it was called."""

from __future__ import annotations

from pathlib import Path

import click

from nirank.errors import suggest

EPILOG = "Exit codes: 0 done; 1 a row failed, or nirank is at fault; 2 your mistake, nothing ran; 130 interrupted."


class CommandGroup(click.Group):
    """A group of commands that names the nearest one where there is none of that name, and keeps what was given."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        if parent is None:
            extra["obj"] = list(args)
        return super().make_context(info_name, args, parent, **extra)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            if "run" in self.commands and name.endswith((".yaml", ".yml")):
                raise click.UsageError(f"a configuration is run by 'nirank run {name}'", ctx)
            near = suggest(name, self.commands)
            raise click.UsageError(
                f"there is no command '{name}'; expected one of {', '.join(sorted(self.commands))}{near}", ctx
            )
        return super().resolve_command(ctx, args)


class ListCommand(click.Command):
    """A command some of whose options take all that follows, up to the next option: `--run A B C`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = [param for param in self.params if isinstance(param, click.Option) and param.multiple]
        names = {name for option in options for name in option.opts}
        spread: list[str] = []
        current = ""
        for position, arg in enumerate(args):
            if arg.startswith("-") and len(arg) > 1:
                name = arg.partition("=")[0]
                current = name if name in names else ""
                spread.append(arg)
            elif current and args[position - 1] != current:
                spread += [current, arg]
            else:
                spread.append(arg)
        return super().parse_args(ctx, spread)


def get_command_line() -> list[str]:
    """Return the command that was given, as it can be given again, however nirank was started."""
    return ["nirank", *click.get_current_context().find_root().obj]


def require_results_folder(out: Path | None) -> None:
    """Raise an error that says why results cannot be written into a folder, before there are any."""
    if out is not None:
        from nirank.report.place import require_place

        require_place(out)
