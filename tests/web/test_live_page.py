"""Parts of an open page are looked at again."""

import asyncio

import pytest
from nicegui import Client, core, ui
from nicegui.page import page

from recursor.web.dashboard import live
from recursor.web.dashboard.live import LivePage, Watcher
from recursor.web.engine import Engine


class _Connected(Client):
    has_socket_connection = True


def test_a_part_that_could_not_be_refreshed_is_tried_again_though_nothing_happens(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "AGAIN", 0.0)
    tries = 0

    async def look() -> None:
        monkeypatch.setattr(core, "loop", asyncio.get_running_loop())
        shown = asyncio.Event()

        def refresh() -> None:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise TimeoutError
            shown.set()

        client = _Connected(page("/"))
        with client:
            part = ui.element()
            open_page = LivePage(Watcher(engine), client)
            open_page.follow(part, refresh)
        open_page.mark(None)
        await asyncio.wait_for(shown.wait(), 60)
        client.delete()

    asyncio.run(look())
    assert tries == 2
