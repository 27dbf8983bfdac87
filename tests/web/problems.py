"""What tests say of problem details."""

from typing import Any

from recursor.web.problems import MEDIA_TYPE


def problem(response: Any, status: int, kind: str) -> str:
    """Return the detail of a problem of this status and kind."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == MEDIA_TYPE
    said = response.json()
    assert set(said) - {"errors"} == {"type", "title", "status", "detail"}
    assert ("errors" in said) == (status == 422)
    assert said["status"] == status
    assert said["type"] == f"urn:recursor:problem:{kind}"
    assert "\n" not in said["detail"]
    return str(said["detail"])
