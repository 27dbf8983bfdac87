"""The commands that need the files of a data directory, and so do not work on a remote runner."""

import os
import shlex
from collections.abc import Mapping

from recursor.domain.errors import InvalidInputError
from recursor.runner.address import checked_url
from recursor.runner.settings_variables import URL

LOCAL_ONLY: Mapping[str, str] = {
    "run": "starts a runner where its data directory is",
    "config": "shows the settings file and the variables of this machine",
    "backup": "copies the store of a data directory",
    "restore": "replaces the store of a data directory",
    "export": "copies from the repository in a data directory",
    "pull": "fetches into the repository in a data directory",
    "push": "pushes from the repository in a data directory",
}
"""The commands that only work on the data directory's machine, with reasons."""


def refuse_remote(command: str, url: str | None, *, data_is_typed: bool) -> None:
    """Refuse to run a local command on a remote runner.

    Args:
        command: its name, one of LOCAL_ONLY.
        url: the value of `--url`.
        data_is_typed: whether `--data` was given, which takes precedence over the variable.

    Raises:
        InvalidInputError: a URL was given.
    """
    where = "--url"
    if url is None and not data_is_typed:
        where, url = URL, os.environ.get(URL) or None
    if url is None:
        return
    elsewhere = checked_url(url, where)
    remedy = (
        "run it on that machine"
        if where == "--url"
        else "run it on that machine, or name one here with --data"
    )
    raise InvalidInputError(
        f"{where}: {elsewhere} is remote, and `recursor {command}` {LOCAL_ONLY[command]}: {remedy}"
    )


def as_remote_command(command: str, url: str) -> str:
    """Return a command suggested by a remote runner in the form to type here.

    Args:
        command: a line for a POSIX shell there.
        url: the runner's address.
    """
    words = shlex.split(command)
    if words[0] != "recursor" or words[1] in LOCAL_ONLY or "--data" not in words:
        return command
    # The doctor puts it last, so that nothing after it is cut off.
    at = len(words) - 1 - words[::-1].index("--data")
    return shlex.join((*words[:at], "--url", url))
