"""docs/reference/client.md names every method of the clients."""

from pathlib import Path

from recursor.client import AsyncClient, Client

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "client.md").read_text()


def test_every_method_is_there() -> None:
    for client in (Client, AsyncClient):
        methods = {name for name in vars(client) if not name.startswith("_")} - {"close"}
        assert len(methods) > 40
        assert {name for name in methods if f"`{name}`" not in PAGE} == set()
