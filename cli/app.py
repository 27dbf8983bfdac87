"""The `recursor` command: its subcommands, and their errors."""

import os
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperGroup

from recursor import __version__
from recursor.cli.configured import configurable
from recursor.cli.output import ReaderGoneError, complain, say
from recursor.domain.errors import InvalidInputError, RecursorError

if TYPE_CHECKING:
    from typer._click.core import Command

FAILED, BAD_USAGE = 1, 2

# Each with its module and function, imported on use: together they take half a second.
_COMMANDS = (
    ("run", "run:run", 'recursor run --idea "a habit tracker with a weekly chart" --until-done'),
    ("create", "stacks:create", 'recursor create habits --idea "a habit tracker" --start'),
    ("list", "stacks:list_", "recursor list --state running --json"),
    ("show", "stacks:show", "recursor show habits"),
    ("start", "control:start", "recursor start habits"),
    ("pause", "control:pause", "recursor pause --all"),
    ("resume", "control:resume", "recursor resume 3f2a habits"),
    ("stop", "control:stop", "recursor stop habits"),
    ("rename", "stacks:rename", 'recursor rename habits "daily habits"'),
    ("delete", "stacks:delete", "recursor delete habits --yes"),
    ("idea", "project:idea", 'recursor idea habits --set "a habit tracker with a calendar"'),
    ("message", "conversation:message", 'recursor message habits "please add a dark mode" --from Ada --wait'),
    ("messages", "conversation:messages", "recursor messages habits --limit 50"),
    ("todos", "todos:todos", 'recursor todos habits --add "larger buttons" --priority 4'),
    ("approvals", "approvals:approvals", "recursor approvals"),
    ("approve", "approvals:approve", 'recursor approve 3f2a9c01 --note "keep the old flag"'),
    ("reject", "approvals:reject", 'recursor reject 3f2a9c01 --note "too much at once"'),
    ("executions", "history:executions", "recursor executions habits --status failed --since 24h"),
    ("execution", "history:execution", "recursor execution habits 12"),
    ("graphs", "history:graphs", "recursor graphs habits"),
    ("work", "history:work", "recursor work habits"),
    ("stats", "statistics:stats", "recursor stats habits --since 7d --series"),
    ("watch", "watch:watch", "recursor watch habits"),
    ("events", "events:events", "recursor events habits --kind cycle_finished --json"),
    ("logs", "logs:logs", "recursor logs habits --since 1h --level warning"),
    ("traces", "traces:traces", "recursor traces habits --role builder -f"),
    ("config", "configuration:config", "recursor config --stack habits"),
    ("configure", "configuration:configure", "recursor configure habits --set pause.after_work=2"),
    ("budget", "budget:budget", "recursor budget habits --dollars 5 --resume"),
    ("backup", "maintenance:backup", "recursor backup /backups/monday"),
    ("restore", "maintenance:restore", "recursor restore /backups/monday --data restored"),
    ("prune", "maintenance:prune", "recursor prune --all --older-than 7d --dry-run"),
    ("repair", "maintenance:repair", "recursor repair habits --dry-run"),
    ("files", "repository:files", "recursor files search src/index.js"),
    ("diff", "repository:diff", "recursor diff search --stat"),
    ("log", "repository:log", "recursor log search"),
    ("checks", "repository:checks", "recursor checks search"),
    ("queue", "repository:queue", "recursor queue search"),
    ("export", "remotes:export", "recursor export search site"),
    ("pull", "remotes:pull", "recursor pull search ~/code/docs-site main"),
    ("push", "remotes:push", "recursor push search origin recursor/search"),
    ("artifacts", "project:artifacts", "recursor artifacts habits"),
    ("artifact", "project:artifact", "recursor artifact habits > habits.html"),
    ("doctor", "doctor:doctor", "recursor doctor habits"),
    ("sql", "sql:sql", 'recursor sql "SELECT status, count(*) FROM orchestrator_executions GROUP BY status"'),
)


class _Commands(Mapping[str, "Command"]):
    """All commands, each created on first use."""

    def __init__(self) -> None:
        self._made: dict[str, Command] = {}
        self._places = {name: (place, example) for name, place, example in _COMMANDS}

    def __getitem__(self, name: str) -> "Command":
        if name not in self._made:
            place, example = self._places[name]
            module, _, function = place.partition(":")
            found = getattr(import_module(f"recursor.cli.{module}"), function)
            alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
            alone.command(name, epilog=f"Example: {example}")(configurable(name, found))
            self._made[name] = typer.main.get_command(alone)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class _Group(TyperGroup):
    """The command `recursor`, which creates its commands on use."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast("MutableMapping[str, Command]", _Commands())


app = typer.Typer(
    name="recursor",
    cls=_Group,
    help="Runs teams of autonomous agents.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"recursor {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run teams of autonomous agents."""


def main() -> None:
    """Run the command of this process, and end the process."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: as in a shell, without the program's name.

    Returns:
        0; 1 if it failed; 2 if its arguments are wrong.
    """
    try:
        code = app(args=list(arguments), prog_name="recursor", standalone_mode=False)
        sys.stdout.flush()
    except (ReaderGoneError, BrokenPipeError):
        _forget_stdout()
        return 0
    except Exception as error:  # noqa: BLE001  # a person gets one line for any error
        return _failed(error)
    return code if isinstance(code, int) else 0


def _failed(error: Exception) -> int:
    """Report an error, and return the exit code."""
    match error:
        case typer.TyperException():
            return _misused(error)
        case typer.Abort():
            complain("nothing was done")
        case InvalidInputError():
            complain(str(error))
            return BAD_USAGE
        case RecursorError():
            complain(str(error))
        case _:
            if os.environ.get("RECURSOR_DEBUG"):
                sys.excepthook(type(error), error, error.__traceback__)
            complain(f"internal error: {type(error).__name__}: {error} (RECURSOR_DEBUG=1 shows where)")
    return FAILED


def _misused(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    # These words come from the validation library, and mean nothing to people.
    message = error.format_message().rstrip(".").replace("Value error, ", "")
    if context is None or not message:
        complain(message or "no command given: see recursor --help")
    else:
        complain(f"{message}: see {context.command_path} --help")
    return BAD_USAGE


def _forget_stdout() -> None:
    # The interpreter flushes stdout once more at its end, and would complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
