"""The network of programs in a working tree: what `workspace.hosts` names, and nothing else."""

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from recursor.domain.workspace import ProposalStatus
from recursor.workspaces.sandbox import Sandbox
from tests.agents.workspace.rounds import Rounds

pytestmark = [
    pytest.mark.skipif(
        (reason := Sandbox("bwrap").unavailable()) is not None, reason=f"no sandbox: {reason}"
    ),
    pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl"),
]


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.path}\n".encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def place() -> Iterator[str]:
    """A server of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_command_and_a_check_reach_allowed_hosts_alone(tmp_path: Path, place: str) -> None:
    command = (
        f"curl -sS http://{place}/plain > page && curl -sSp http://{place}/tunnel >> page; "
        f"curl -sS --noproxy '*' http://{place}/ || echo direct >> page; "
        "curl -sS -o said http://files.example/; cat said >> page; rm said"
    )
    team = Rounds(
        tmp_path,
        None,
        agent={"name": f"command:{command}"},
        workspace={
            "hosts": [place],
            "checks": [f"curl -sS http://{place}/", "curl -sSf http://files.example/"],
        },
    )
    team.add_todo("Fetch the pages")
    while not team.proposals:
        assert team.round()
    team.round()
    (proposal,) = (each for each in team.proposals.values() if each.status is ProposalStatus.RETURNED)
    page = team.repository.file(proposal.commit, "page", 10_000).decode()
    refusal = "files.example:80 is not an allowed host: add files.example to workspace.hosts"
    assert page == f"/plain\n/tunnel\ndirect\n{refusal}\n"
    assert [check.passed for check in proposal.checks] == [True, False]
    assert proposal.checks[0].output == "/\n"
    assert proposal.checks[1].output.endswith(f"\n[network: {refusal}]\n")


def test_without_the_setting_there_is_no_network(tmp_path: Path, place: str) -> None:
    team = Rounds(
        tmp_path,
        None,
        agent={
            "name": f"command:env | grep -ic proxy > count; curl -sS http://{place}/ || echo none >> count"
        },
    )
    team.add_todo("Try it")
    team.until_quiet()
    assert team.files() == {"count": "0\nnone\n"}
