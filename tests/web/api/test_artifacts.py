"""Artifacts over HTTP: versions, pages that are not trusted, and what is different between two."""

from typing import Any

import httpx
import pytest

from recursor.domain import comparison
from recursor.storage.store import Store
from recursor.storage.tables import ARTIFACTS, STACKS
from tests.making import STACK, make_artifact, make_stack
from tests.storing import put_all
from tests.web.problems import problem

WHERE = f"/api/stacks/{STACK}/artifacts"
PAGES = ("<h1>One</h1>\n<p>same</p>\n", "<h1>Two</h1>\n<p>same</p>\n", "<h1>Zwei ß é</h1>")


@pytest.fixture(autouse=True)
def written(store: Store) -> None:
    def work(writer: Any) -> None:
        STACKS.add(writer, make_stack(name="A <b>garden</b>"))
        for number, content in enumerate(PAGES, 1):
            ARTIFACTS.add(writer, make_artifact(number, content=content))

    put_all(store, work)


def test_versions_are_listed_without_their_contents(client: httpx.Client) -> None:
    page = client.get(WHERE, params={"limit": 2}).json()
    assert [each["number"] for each in page["items"]] == [3, 2]
    assert page["items"][0]["bytes"] == len(PAGES[2].encode())
    assert "content" not in page["items"][0]
    rest = client.get(WHERE, params={"limit": 2, "cursor": page["next"]}).json()
    assert ([each["number"] for each in rest["items"]], rest["next"]) == ([1], None)


def test_a_version_is_got_by_number_or_as_the_newest(client: httpx.Client) -> None:
    assert client.get(f"{WHERE}/2").json()["content"] == PAGES[1]
    assert client.get(f"{WHERE}/newest").json()["number"] == 3
    for nothing in ("4", "0", "-1", "last", "1.0", "01"):
        assert "no artifact" in problem(client.get(f"{WHERE}/{nothing}"), 404, "not-found")


@pytest.mark.parametrize("below", ["", "/page"])
def test_a_version_never_changes_and_the_newest_may(client: httpx.Client, below: str) -> None:
    version = client.get(f"{WHERE}/2{below}")
    assert "immutable" in version.headers["cache-control"]
    newest = client.get(f"{WHERE}/newest{below}")
    assert newest.headers["cache-control"] == "private, no-cache"
    for known in (newest.headers["etag"], f'"x", W/{newest.headers["etag"]}', "*"):
        again = client.get(f"{WHERE}/newest{below}", headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
    other = client.get(f"{WHERE}/newest{below}", headers={"If-None-Match": version.headers["etag"]})
    assert other.status_code == 200


def test_a_page_is_served_as_it_is_and_can_do_nothing(client: httpx.Client) -> None:
    answer = client.get(f"{WHERE}/3/page")
    assert answer.text == PAGES[2]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "connect-src 'none'", "form-action 'none'"} < set(policy)
    assert "allow-same-origin" not in policy[0]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_tab_gets_the_page_in_a_frame(client: httpx.Client) -> None:
    answer = client.get(f"{WHERE}/3/page", headers={"Sec-Fetch-Dest": "document"})
    assert PAGES[2] not in answer.text
    assert f'src="{WHERE}/3/page"' in answer.text
    assert "A &lt;b&gt;garden&lt;/b&gt;, version 3" in answer.text
    assert f"frame-src {client.base_url}" in answer.headers["content-security-policy"]


def test_two_versions_are_compared(client: httpx.Client) -> None:
    answer = client.get(f"{WHERE}/2/diff")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == "--- 1\n+++ 2\n@@ -1,2 +1,2 @@\n-<h1>One</h1>\n+<h1>Two</h1>\n <p>same</p>\n"
    assert client.get(f"{WHERE}/1/diff").text.startswith("--- 0\n+++ 1\n@@ -0,0 +1,2 @@\n+<h1>One")
    assert client.get(f"{WHERE}/2/diff", params={"against": 2}).text == ""
    ended = client.get(f"{WHERE}/newest/diff", params={"against": 1}).text
    assert ended.endswith("+<h1>Zwei ß é</h1>\n\\ No newline at end of file\n")
    problem(client.get(f"{WHERE}/2/diff", params={"against": 9}), 404, "not-found")


def test_what_is_too_long_is_not_compared(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "LONGEST_COMPARED", 3)
    assert "4 lines" in problem(client.get(f"{WHERE}/2/diff"), 422, "invalid-input")
