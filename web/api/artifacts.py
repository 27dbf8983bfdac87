"""Artifacts: the versions of a stack's page."""

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse

from recursor.domain.comparison import unified
from recursor.domain.project import Artifact
from recursor.storage.lookups import NEWEST, find_artifact
from recursor.storage.overview import ArtifactInfo, artifact_info
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader
from recursor.storage.tables import ARTIFACTS
from recursor.web.api.answers import ON_ONE, Responses, unchanged
from recursor.web.api.models import Page
from recursor.web.api.parameters import Limit, StackId
from recursor.web.artifact_page import page_response
from recursor.web.engine import TheEngine

router = APIRouter(prefix="/api/stacks/{stack_id}/artifacts", tags=["artifacts"])

Version = Annotated[
    str,
    Path(
        pattern=r"^(newest|[1-9][0-9]{0,7})$",
        description='The version\'s number, from 1, or "newest"',
        examples=["1", "newest"],
    ),
]

_HTML: Responses = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "The page"}
}
_DIFF: Responses = {
    200: {
        "content": {
            "text/plain": {"schema": {"type": "string"}, "example": "--- 1\n+++ 2\n@@ -1 +1 @@\n-old\n+new\n"}
        },
        "description": "The differences in the format of `diff -u`; empty if there are none",
    }
}
_SAME: Responses = {304: {"description": "Your version (If-None-Match) is current"}}


class ArtifactPage(Page[ArtifactInfo]):
    """Some of a stack's artifacts, without their contents, newest first."""


@router.get("", responses=ON_ONE)
async def list_artifacts(
    stack_id: StackId,
    engine: TheEngine,
    limit: Limit = 20,
    cursor: Annotated[
        str, Query(pattern="^([0-9]{1,8})?$", description="The `next` of the previous page")
    ] = "",
) -> ArtifactPage:
    """List the versions of a stack's artifact, without contents, newest first."""

    def work() -> ArtifactPage:
        with engine.read() as reader:
            read_stack(reader, stack_id)
            found = ARTIFACTS.before(reader, stack_id, f"{int(cursor):08d}" if cursor else None)
            items = tuple(map(artifact_info, islice(found, limit + 1)))
        more = len(items) > limit
        return ArtifactPage(items=items[:limit], next=str(items[limit - 1].number) if more else None)

    # The contents are read to determine their sizes.
    return await run_in_threadpool(work)


@router.get("/{version}", response_model=Artifact, responses={**ON_ONE, **_SAME})
async def get_artifact(stack_id: StackId, version: Version, request: Request, engine: TheEngine) -> Response:
    """Get one version with its content."""
    with engine.read() as reader:
        artifact = _find(reader, stack_id, version)
    etag = f'"{artifact.id}"'
    headers = {"etag": etag, "cache-control": "private, no-cache" if version == NEWEST else _FOR_EVER}
    return unchanged(request, etag) or Response(
        artifact.model_dump_json(), media_type="application/json", headers=headers
    )


@router.get("/{version}/page", response_class=Response, responses={**_HTML, **ON_ONE, **_SAME})
async def show_artifact(stack_id: StackId, version: Version, request: Request, engine: TheEngine) -> Response:
    """Show one version as a web page.

    The page is untrusted: it can reach neither this API nor the network, wherever it is shown. A program gets
    the page itself; a browser's tab gets it in a frame.
    """
    with engine.read() as reader:
        stack = read_stack(reader, stack_id)
        artifact = _find(reader, stack_id, version)
    title = f"{stack.name}, version {artifact.number}"
    return page_response(request, artifact, lasting=version != NEWEST, title=title)


@router.get("/{version}/diff", response_class=PlainTextResponse, responses={**_DIFF, **ON_ONE})
async def compare_artifacts(
    stack_id: StackId,
    version: Version,
    engine: TheEngine,
    against: Annotated[
        str,
        Query(
            pattern=r"^([1-9][0-9]{0,7})?$",
            description="The version to compare with; by default the previous one, or nothing.",
        ),
    ] = "",
) -> PlainTextResponse:
    """Compare two versions, as a unified diff."""
    with engine.read() as reader:
        new = _find(reader, stack_id, version)
        number = against or str(new.number - 1)
        old = "" if number == "0" else _find(reader, stack_id, number).content
    lines = await run_in_threadpool(unified, old, new.content, number, str(new.number))
    return PlainTextResponse(lines)


_FOR_EVER = "private, max-age=31536000, immutable"


def _find(reader: Reader, stack_id: str, version: str) -> Artifact:
    return find_artifact(reader, stack_id, None if version == NEWEST else int(version))
