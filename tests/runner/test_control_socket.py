"""The socket by which commands reach a runner."""

import os
import socket
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from recursor.client import Client
from recursor.domain.errors import RecursorError
from recursor.runner.control_socket import control_listener, open_socket_path
from recursor.runner.process import Runner
from recursor.runner.team import observers_team

PLACE = "control/runner.sock"


def connect(data: Path, place: str) -> None:
    assert Path(open_socket_path(data, place, 5)).is_socket()


class TestTheSocket:
    def test_is_for_its_user_alone(self, tmp_path: Path) -> None:
        with control_listener(tmp_path):
            self.check_modes(tmp_path)

    def check_modes(self, data: Path) -> None:
        assert (data / PLACE).stat().st_mode & 0o777 == 0o600
        assert (data / PLACE).parent.stat().st_mode & 0o777 == 0o700

    def test_goes_with_the_runner(self, tmp_path: Path) -> None:
        with control_listener(tmp_path):
            assert (tmp_path / PLACE).is_socket()
        assert not (tmp_path / PLACE).exists()

    def test_of_a_killed_runner_is_in_nobodys_way(self, tmp_path: Path) -> None:
        (tmp_path / "control").mkdir()
        with closing(socket.socket(socket.AF_UNIX)) as left:
            left.bind(str(tmp_path / PLACE))
        with control_listener(tmp_path) as (listener, place):
            assert (tmp_path / place).is_socket()
            connect(tmp_path, place)
            listener.close()

    def test_of_a_deep_directory_is_elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        deep = tmp_path.joinpath(*["d" * 50] * 3)
        deep.mkdir(parents=True)
        with control_listener(deep) as (_, place):
            if len(str(tmp_path)) < 50:
                assert place.startswith(f"{tmp_path}/recursor-{os.geteuid()}/")
            assert len(place) <= 103
            assert Path(place).parent.stat().st_mode & 0o777 == 0o700
            connect(deep, place)
        assert not Path(place).exists()

    def test_trusts_no_directory_that_is_open_to_others(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("XDG_RUNTIME_DIR", "TMPDIR"):
            monkeypatch.setenv(name, "/" + "x" * 200)
        monkeypatch.setattr("tempfile.tempdir", None)
        short = Path("/tmp") / f"recursor-{os.geteuid()}"
        short.mkdir(mode=0o700, exist_ok=True)
        before = short.stat().st_mode & 0o777
        deep = tmp_path.joinpath(*["d" * 50] * 3)
        deep.mkdir(parents=True)
        short.chmod(0o777)
        try:
            with pytest.raises(RecursorError, match="open to others: remove it"), control_listener(deep):
                pass
        finally:
            short.chmod(before)

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
    def test_is_closed_to_another_user(self, data: Path) -> None:
        code = (
            "import os, socket, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "end = socket.socket(socket.AF_UNIX); end.connect(sys.argv[1]); end.settimeout(30)\n"
            "sys.exit(3 if end.recv(1) == b'' else 4)"
        )
        command = [sys.executable, "-c", code, str(data / PLACE)]
        with Runner(data, roles=observers_team(), port=0), Client(data) as client:
            assert client.stacks() == []
            self.check_strangers(data, command)

    def check_strangers(self, data: Path, command: list[str]) -> None:
        assert b"Permission denied" in subprocess.run(command, capture_output=True, check=False).stderr
        # Should the modes not hold, as on some file systems, it is asked who connects.
        for path in (*(data / PLACE).parents, data / PLACE):
            if Path(tempfile.gettempdir()) in path.parents:
                path.chmod(0o777)
        assert subprocess.run(command, check=False).returncode == 3
