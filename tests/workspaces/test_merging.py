"""A proposed commit becomes part of the work."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recursor.workspaces.commit import Author
from recursor.workspaces.errors import CommitMissingError
from recursor.workspaces.merging import LARGEST_EXCERPT, MOST_PATHS, Conflicted, Merged
from recursor.workspaces.repository import Repository

from .conftest import NOW, Builder, git

INTEGRATOR = Author("integrator", "integrator@recursor.invalid")


def merged(repository: Repository, tip: str, proposed: str) -> str:
    result = repository.merge(tip, proposed, INTEGRATOR, "Merge", NOW)
    assert isinstance(result, Merged)
    return result.commit


def conflicted(repository: Repository, tip: str, proposed: str) -> Conflicted:
    result = repository.merge(tip, proposed, INTEGRATOR, "Merge", NOW)
    assert isinstance(result, Conflicted)
    return result


def test_a_proposal_that_follows_the_tip_is_the_result(
    repository: Repository, builder: Builder, start: str
) -> None:
    proposed = builder.commit(start, {"a": "1"})
    assert merged(repository, start, proposed) == proposed
    assert merged(repository, proposed, proposed) == proposed
    assert merged(repository, proposed, start) == proposed


def test_one_commit_on_an_older_tip_follows_the_tip(
    repository: Repository, builder: Builder, start: str
) -> None:
    tip = builder.commit(start, {"a": "1"}, "First")
    proposed = builder.commit(start, {"b": "2"}, "Second")

    result = merged(repository, tip, proposed)

    (entry, before, _) = repository.log(result, 9)
    assert (entry.title, entry.author, entry.parents) == ("Second", "builder of shop", (tip,))
    assert before.commit == tip
    assert git(repository.path, "log", "-1", "--format=%cn", result) == "integrator\n"
    assert {each.path for each in repository.tree(result).entries} == {"a", "b"}
    assert merged(repository, result, proposed) == result


def test_several_commits_are_joined(repository: Repository, builder: Builder, start: str) -> None:
    tip = builder.commit(start, {"a": "1"})
    proposed = builder.commit(builder.commit(start, {"b": "1"}), {"c": "1"})

    result = merged(repository, tip, proposed)

    assert repository.log(result, 1)[0].parents == (tip, proposed)
    assert repository.log(result, 1)[0].title == "Merge"
    assert len(repository.tree(result).entries) == 3


def test_the_same_lines_are_a_conflict(repository: Repository, builder: Builder, start: str) -> None:
    lines = [f"{number}\n" for number in range(30)]
    base = builder.commit(start, {"in/a": "".join(lines), "b": "1\n"})
    ours = builder.commit(base, {"in/a": "".join([*lines[:15], "ours\n", *lines[16:]])})
    theirs = builder.commit(base, {"in/a": "".join([*lines[:15], "theirs\n", *lines[16:]]), "b": "2\n"})
    before = repository.size()

    conflict = conflicted(repository, ours, theirs)

    assert conflict.paths == ("in/a",)
    assert conflict.text == (
        "in/a:\n…\n12\n13\n14\n"
        "<<<<<<< the work so far\nours\n=======\ntheirs\n>>>>>>> the proposal\n"
        "16\n17\n18\n"
    )
    assert repository.size() == before


@pytest.mark.parametrize(
    ("ours", "theirs", "text"),
    [
        ({"a": None}, {"a": "2\n"}, "a:\nremoved by the work so far, changed or renamed by the proposal\n"),
        ({"a": "2\n"}, {"a": None}, "a:\nremoved by the proposal, changed or renamed by the work so far\n"),
        ({"a": b"\0a"}, {"a": b"\0b"}, "a:\nnot text in UTF-8\n"),
        ({"a": "x" * 300_000}, {"a": "2\n"}, "a:\ntoo large to show\n"),
        ({"a": b"\xff"}, {"a": b"\xfe"}, "a:\nnot text in UTF-8\n"),
        ({"n": "1\n"}, {"n": "2\n"}, "n:\n<<<<<<< the work so far\n1\n=======\n2\n>>>>>>> the proposal\n"),
        (
            {'q"\n': "1\n"},
            {'q"\n': "2\n"},
            '"q\\"\\n":\n<<<<<<< the work so far\n1\n=======\n2\n>>>>>>> the proposal\n',
        ),
    ],
)
def test_any_conflict_is_explained(
    repository: Repository,
    builder: Builder,
    start: str,
    ours: dict[str, str | bytes | None],
    theirs: dict[str, str | bytes | None],
    text: str,
) -> None:
    base = builder.commit(start, {"a": "1\n"})
    conflict = conflicted(repository, builder.commit(base, ours), builder.commit(base, theirs))
    assert conflict.text == text


def test_a_conflict_in_a_name_that_is_no_text(repository: Repository, builder: Builder, start: str) -> None:
    name = b"\xff".decode(errors="surrogateescape")
    ours, theirs = builder.commit(start, {name: "1\n"}), builder.commit(start, {name: "2\n"})
    assert conflicted(repository, ours, theirs).paths == ('"\\377"',)


def test_the_text_of_many_conflicts_is_bounded(repository: Repository, builder: Builder, start: str) -> None:
    ours = builder.commit(start, {f"{number}": "x\n" * 900 for number in range(150)})
    theirs = builder.commit(start, {f"{number}": "y\n" * 900 for number in range(150)})
    conflict = conflicted(repository, ours, theirs)
    assert len(conflict.paths) == MOST_PATHS
    assert len(conflict.text) < 1.1 * LARGEST_EXCERPT


def test_unknown_commits_are_named(repository: Repository, start: str) -> None:
    with pytest.raises(CommitMissingError, match="no commit 1111"):
        repository.merge(start, "1" * 40, INTEGRATOR, "m", NOW)


_EDITS = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["write", "remove", "move"]), st.text(max_size=5)),
    max_size=6,
)


def _edited(tree: Path, names: str, edits: list[tuple[str, str, str]]) -> None:
    for name, kind, text in edits:
        path = tree / name
        if name not in names:
            continue
        if kind == "write":
            path.write_text(text)
        elif kind == "remove":
            path.unlink(missing_ok=True)
        elif path.exists():
            path.chmod(0o755)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_EDITS, _EDITS)
def test_edits_of_different_files_merge_in_either_order(
    first: list[tuple[str, str, str]], second: list[tuple[str, str, str]]
) -> None:
    with tempfile.TemporaryDirectory() as place:
        start = Repository.make(Path(place, "r.git"), NOW)
        repository = Repository.open(Path(place, "r.git"))
        builder = Builder(repository, Path(place))
        base = builder.commit(start, {name: f"{name}\n" * 20 for name in "abcdefgh"})
        left = builder.committed(base, lambda tree: _edited(tree, "abcd", first))
        right = builder.committed(base, lambda tree: _edited(tree, "efgh", second))
        commits = [made.commit for made in (left, right) if made is not None]
        if len(commits) == 2:
            one = merged(repository, commits[0], commits[1])
            other = merged(repository, commits[1], commits[0])
            assert repository.files_changed(one, other) == ()
            both = builder.tree(base)
            _edited(both, "abcd", first)
            _edited(both, "efgh", second)
            assert repository.commit_directory(both, one, INTEGRATOR, "m", NOW) is None
