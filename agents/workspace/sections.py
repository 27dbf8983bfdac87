"""Sections about a repository, shown to several roles that ask a model."""

from collections.abc import Iterable, Sequence

from recursor.agents.model.context import Item, PromptSection
from recursor.agents.model.prompt_sections import indented
from recursor.agents.scripted.wording import one_line
from recursor.agents.workspace.contents import WorkspaceContents
from recursor.domain.workspace import CheckResult, CommitProposal

# Files that tell whoever changes a repository how it is done there; the first that exists is shown.
GUIDES = ("AGENTS.md", "CLAUDE.md", "CONTRIBUTING.md")
READMES = ("README.md", "README.rst", "README.txt", "README")
# Bytes of one of them.
LONGEST_GUIDE = 60_000


async def guide(contents: WorkspaceContents, commit: str, names: Sequence[str], title: str) -> PromptSection:
    """Return the first of several files that exists at the top of a repository.

    Args:
        contents: the repository.
        commit: the version.
        names: the files.
        title: of the section.
    """
    for name in names:
        text = await contents.text(commit, name, LONGEST_GUIDE)
        if text and text.strip():
            return PromptSection(name, f"{title}, {name}", (Item(text),), share=0.1, cut=True)
    return PromptSection(names[0], title)


def files(lines: Sequence[str]) -> PromptSection:
    """Return the files of a commit."""
    return PromptSection("files", "The files", tuple(Item(line) for line in lines), share=0.2)


def checks(results: Iterable[CheckResult], title: str = "The checks of this version") -> PromptSection:
    """Return what checks said; those that failed first, with the end of their output."""
    ordered = sorted(results, key=lambda result: result.passed)
    return PromptSection("checks", title, tuple(Item(_told(each)) for each in ordered), share=0.15, cut=True)


def queue(proposals: Iterable[CommitProposal]) -> PromptSection:
    """Return the commits that wait to be merged."""
    items = tuple(Item(f"- {each.title}: {', '.join(each.paths[:10])}", each.id) for each in proposals)
    return PromptSection("queue", "Commits that wait to be merged", items, share=0.05)


def _told(result: CheckResult) -> str:
    if result.passed:
        return f"- passed: {one_line(result.command, 200)}"
    return indented(
        f"- failed with exit status {result.status}: {one_line(result.command, 200)}\n{result.output}"
    )
