"""A client that answers for itself loads only the part of the API that a path belongs to."""

from importlib import import_module

import pytest

from recursor.web.parts import PARTS, part_of


@pytest.mark.parametrize("part", PARTS)
def test_every_path_leads_to_its_part(part: str) -> None:
    routes = import_module(f"recursor.{part}").router.routes
    assert routes
    for route in routes:
        path = route.path if route.path.startswith("/api/") else f"/api{route.path}"
        assert part_of(path) == part, path
