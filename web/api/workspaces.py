"""Workspaces: the files, commits, checks and merge queue of a stack's git repository."""

from collections.abc import Collection
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Response

from recursor.actors.messages import TakePull
from recursor.domain.ids import new_id
from recursor.domain.new_records import checked
from recursor.domain.workspace import CommitProposal, ProposalStatus, Pull, Workspace
from recursor.storage.store import Reader
from recursor.storage.tables import CLOSED, OPEN, PROPOSALS
from recursor.web.api.answers import ON_ONE, WRITING, Responses
from recursor.web.api.bodies import NewPull
from recursor.web.api.models import (
    ChangedFile,
    CommitInfo,
    CommitPage,
    Comparison,
    FileEntry,
    FilePage,
    Page,
    WorkspaceInfo,
)
from recursor.web.api.parameters import USUAL_PAGE, After, Limit, StackId, page_of
from recursor.web.engine import TheEngine
from recursor.web.repositories import (
    RepositoryReaders,
    commit_named,
    directories_of,
    in_thread,
    opened,
    workspace_of,
)

router = APIRouter(prefix="/api/stacks/{stack_id}/workspace", tags=["workspace"])

# Bytes of one file, and of the text of one difference: whoever wants more clones the repository.
LARGEST_FILE, LARGEST_TEXT = 16 * 1024**2, 4 * 1024**2
# Files of one difference that are listed.
MOST_CHANGED = 1_000
# The newest merged commits of agents among which a page of the history finds its own.
_MOST_PROPOSALS = 2_000

_FILE: Responses = {
    200: {
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        "description": "The file's bytes; of a link, where it leads",
    }
}
_ROLE_ADDRESS = "@recursor.invalid"


_COMMIT = r"^(tip|start|[0-9a-f]{4,40})?\^{0,100}$"
_NAMED = "`tip`, `start`, or the first four digits of its hash or more; `^` after it is the first parent"
At = Annotated[str, Query(pattern=_COMMIT, description=f"The version: a commit: {_NAMED}")]
Path = Annotated[
    str, Query(max_length=5_000, description="In quotes, as git prints it, if it is not plain text")
]


class ProposalPage(Page[CommitProposal]):
    """Some of the commits that agents have proposed, newest first."""


@router.get("", responses=ON_ONE)
async def get_workspace(stack_id: StackId, engine: TheEngine, readers: RepositoryReaders) -> WorkspaceInfo:
    """Show the repository of a stack: its tip, what its checks said, and what waits to be merged."""
    with engine.read() as reader:
        workspace = workspace_of(reader, stack_id)
        queued = sum(1 for _ in PROPOSALS.keys(reader, stack_id, shelf=OPEN))
    if engine.data is None:
        return WorkspaceInfo(workspace=workspace, queued=queued)
    directories = directories_of(engine)
    return WorkspaceInfo(
        workspace=workspace,
        queued=queued,
        path=str(directories.repository_path(stack_id).absolute()),
        disk_bytes=await in_thread(readers, lambda: directories.disk_use(stack_id)),
    )


@router.get("/files", responses=ON_ONE)
async def list_files(
    stack_id: StackId,
    engine: TheEngine,
    readers: RepositoryReaders,
    path: Path = "",
    at: At = "tip",
    limit: Limit = USUAL_PAGE,
    cursor: Annotated[str, Query(pattern="^[0-9]{0,9}$", description="The `next` of the previous page")] = "",
) -> FilePage:
    """List a directory of the repository, sorted by name as git does."""

    def work() -> FilePage:
        with opened(engine, stack_id) as (workspace, _, repository):
            commit = commit_named(workspace, repository, at or "tip")
            offset = int(cursor or 0)
            found = repository.tree(commit, path, offset=offset, limit=limit)
        end = offset + len(found.entries)
        return FilePage(
            commit=commit,
            total=found.total,
            items=tuple(FileEntry(path=each.path, kind=each.kind, size=each.size) for each in found.entries),
            next=str(end) if found.entries and end < found.total else None,
        )

    return await in_thread(readers, work)


@router.get("/file", response_class=Response, responses={**_FILE, **ON_ONE})
async def get_file(
    stack_id: StackId, engine: TheEngine, readers: RepositoryReaders, path: Path, at: At = "tip"
) -> Response:
    """Get one file of the repository, up to 16 MiB."""

    def work() -> bytes:
        with opened(engine, stack_id) as (workspace, _, repository):
            return repository.file(commit_named(workspace, repository, at or "tip"), path, LARGEST_FILE)

    # Nobody has checked it: a browser must neither show it here nor run it.
    headers = {"content-disposition": "attachment", "content-security-policy": "sandbox; default-src 'none'"}
    content = await in_thread(readers, work)
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.get("/commits", responses=ON_ONE)
async def list_commits(
    stack_id: StackId,
    engine: TheEngine,
    readers: RepositoryReaders,
    path: Path = "",
    at: At = "tip",
    limit: Limit = USUAL_PAGE,
    cursor: Annotated[
        str,
        Query(pattern="^([0-9a-f]{40}-[0-9]{1,7})?$", description="The `next` of the previous page"),
    ] = "",
) -> CommitPage:
    """List the history of the tip, newest first, with the roles, todos and checks of agents' commits.

    With `path`, only commits that changed this file or directory, among the 20,000 newest.
    """

    def work() -> CommitPage:
        with opened(engine, stack_id) as (workspace, _, repository):
            begin, _, skipped = cursor.partition("-")
            commit, offset = begin or commit_named(workspace, repository, at or "tip"), int(skipped or 0)
            found = repository.log(commit, limit + 1, path, offset=offset)
        with engine.read() as reader:
            ours = {each.commit for each in found if each.email.endswith(_ROLE_ADDRESS) or each.trailers}
            merged = _merged(reader, stack_id, ours)
        items = []
        for each in found[:limit]:
            proposal = merged.get(each.commit)
            role = each.email.removesuffix(_ROLE_ADDRESS) if each.email.endswith(_ROLE_ADDRESS) else None
            items.append(
                CommitInfo(
                    commit=each.commit,
                    parents=each.parents,
                    author=each.author,
                    email=each.email,
                    at=each.at,
                    title=each.title,
                    message=each.message,
                    role=role if proposal is None else proposal.role,
                    todo_id=each.trailers.get("Recursor-Todo") if proposal is None else proposal.todo_id,
                    execution_id=(
                        each.trailers.get("Recursor-Cycle") if proposal is None else proposal.execution_id
                    ),
                    checks=(
                        workspace.checks
                        if each.commit == workspace.tip
                        else ()
                        if proposal is None
                        else proposal.checks
                    ),
                )
            )
        more = f"{commit}-{offset + limit}" if len(found) > limit else None
        return CommitPage(items=tuple(items), next=more)

    return await in_thread(readers, work)


@router.get("/diff", responses=ON_ONE)
async def compare_commits(
    stack_id: StackId,
    engine: TheEngine,
    readers: RepositoryReaders,
    old: Annotated[str, Query(pattern=_COMMIT, description=f"A commit: {_NAMED}")] = "start",
    new: Annotated[str, Query(pattern=_COMMIT, description="Likewise")] = "tip",
    path: Annotated[
        list[str], Query(max_length=100, description="Only these files and folders; repeatable")
    ] = [],  # noqa: B006
    text_bytes: Annotated[int, Query(ge=0, le=LARGEST_TEXT, description="The most bytes of the text")] = 256
    * 1024,
) -> Comparison:
    """Compare two versions: by default, all that has changed since the team began.

    The text has whole files, and says how many are left out; of the files, at most 1,000 are listed.
    """

    def work() -> Comparison:
        with opened(engine, stack_id) as (workspace, _, repository):
            commits = [commit_named(workspace, repository, name) for name in (old or "start", new or "tip")]
            found = repository.diff(commits[0], commits[1], text_bytes, path)
        return Comparison(
            old=commits[0],
            new=commits[1],
            files=tuple(
                ChangedFile(
                    path=file.path,
                    old_path=file.old_path,
                    change=file.change,
                    insertions=file.insertions,
                    deletions=file.deletions,
                )
                for file in found.files[:MOST_CHANGED]
            ),
            more_files=max(len(found.files) - MOST_CHANGED, 0),
            insertions=found.insertions,
            deletions=found.deletions,
            text=found.text,
        )

    return await in_thread(readers, work)


@router.get("/proposals", responses=ON_ONE)
async def list_proposals(
    stack_id: StackId,
    engine: TheEngine,
    status: Annotated[list[ProposalStatus], Query(description="Only these; repeatable")] = [],  # noqa: B006
    limit: Limit = USUAL_PAGE,
    cursor: After = "",
) -> ProposalPage:
    """List the commits that agents have proposed, newest first; the queued ones are the merge queue."""
    with engine.read() as reader:
        workspace_of(reader, stack_id)
        shelves = {OPEN if each.open else CLOSED for each in status}
        shelf = shelves.pop() if len(shelves) == 1 else None
        found = PROPOSALS.before(reader, stack_id, cursor, shelf=shelf)
        items, after = page_of((each for each in found if not status or each.status in status), limit)
    return ProposalPage(items=items, next=after)


@router.post("/pulls", status_code=202, responses=WRITING)
async def take_pull(
    stack_id: StackId, body: NewPull, engine: TheEngine, readers: RepositoryReaders
) -> Workspace:
    """Have commits of a person merged, whose objects are in the repository already.

    `recursor pull` fetches them with the person's own git, and then calls this. The same commit is taken
    once.
    """

    def work() -> str:
        with opened(engine, stack_id) as (_, _, repository):
            return repository.find(body.commit)

    await in_thread(readers, work)
    pull = checked(Pull, "pull", id=new_id(), commit=body.commit, source=body.source, asked_at=engine.now())
    taken: Workspace = await engine.ask(TakePull(stack_id, pull))
    return taken


def _merged(reader: Reader, stack_id: str, commits: Collection[str]) -> dict[str, CommitProposal]:
    """Return the proposals whose merges are these commits."""
    found: dict[str, CommitProposal] = {}
    if commits:
        for proposal in islice(PROPOSALS.before(reader, stack_id, "", shelf=CLOSED), _MOST_PROPOSALS):
            if proposal.merged_as is not None and proposal.merged_as in commits:
                found[proposal.merged_as] = proposal
                if len(found) == len(commits):
                    break
    return found
