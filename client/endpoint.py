"""The target of a client: a data directory on this machine, or a runner at a URL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from recursor.client.reply import checked, differs
from recursor.client.route import (
    PATIENCE_SECONDS,
    DirectoryRoute,
    Route,
    RunnerRoute,
    Target,
    UrlRoute,
    checked_directory,
)
from recursor.runner.address import checked_url
from recursor.runner.directory_lock import runner_of
from recursor.runner.errors import RunnerSilentError
from recursor.storage.data_directory import store_directory

if TYPE_CHECKING:
    import ssl

    import httpx

    from recursor.client.own_process import OwnProcess
    from recursor.runner.configuration import Configuration


class Endpoint:
    """A data directory or a URL, with everything needed to send requests there."""

    def __init__(
        self,
        where: str | Path,
        token: str | None = None,
        configuration: Configuration | None = None,
        *,
        runner: int | None = None,
        patience: float = PATIENCE_SECONDS,
        alone: bool = False,
    ) -> None:
        """Describe the target.

        Args:
            where: a data directory, or the URL of a runner.
            token: the secret for a runner at a URL; by default the configuration's.
            configuration: the settings of a runner started here; by default those of recursor.toml and the
                environment.
            runner: the only process that may answer.
            patience: seconds to wait for a runner that starts or ends.
            alone: whether the API in this process answers for a data directory even if a runner is up; only
                for reading.

        Raises:
            InvalidInputError: `where` is neither, or the configuration is invalid.
            StorageError: `where` is a file.
        """
        if configuration is None:
            from recursor.runner.configuration import load_configuration

            configuration = load_configuration(os.environ, None)
        self._configuration = configuration
        self._token = token
        self._own: OwnProcess | None = None
        self.url: str | None = None
        self.data = Path()
        self.route: Route
        if isinstance(where, str) and where.startswith(("http://", "https://")):
            self.url = checked_url(where, "url")
            self.route = UrlRoute(self.url, runner)
        else:
            self.data = checked_directory(Path(where))
            self.route = (
                DirectoryRoute(self.data, self._was_refused, patience, alone=alone)
                if runner is None
                else RunnerRoute(self.data)
            )

    def _was_refused(self) -> bool:
        return self._own is not None and self._own.refused

    @property
    def own(self) -> OwnProcess:
        """The API in this process."""
        if self._own is None:
            from recursor.client.own_process import OwnProcess

            self._own = OwnProcess(self.data, self._configuration)
        return self._own

    def headers(self) -> Mapping[str, str]:
        """Return the headers of every request."""
        found = {"accept": "application/json", "content-type": "application/json"}
        if self.url is not None:
            token = self._configuration.token() if self._token is None else self._token
            if token is not None:
                # No runner's token has other characters, but a runner without a token must still be
                # reachable.
                found["authorization"] = "Bearer " + "".join(c if " " <= c <= "~" else "?" for c in token)
        return found

    def has_runner(self) -> bool:
        """Whether a runner runs the stacks, as far as known without asking it.

        Raises:
            StorageError: the lock file cannot be read.
        """
        return self.url is not None or runner_of(self.data) is not None

    def trust(self, target: Target) -> ssl.SSLContext | bool:
        """Return the trusted certificates: the system's; a socket needs none."""
        if not target.url.startswith("https:"):
            return False
        import ssl

        return ssl.create_default_context()

    def check_stream(self, response: httpx.Response) -> None:
        """Check the head of a streamed answer; an error must have been read completely.

        Raises:
            RecursorError: see `checked`.
        """
        checked(response, self.url or str(self.data))

    def not_understood(self, response: httpx.Response) -> RunnerSilentError:
        """Return the error for an answer that this version does not expect."""
        return differs(response, self.url or str(self.data))

    def is_there(self) -> bool:
        """Whether there is a runner or a store.

        Raises:
            StorageError: the lock file cannot be read.
        """
        return self.has_runner() or (store_directory(self.data) / "data.mdb").exists()

    def knows_roles(self) -> bool:
        """Whether named roles are checked against a team: that of a runner, or of the configuration."""
        return self._configuration.runner.team is not None or self.has_runner()
