"""A builder that is a coding agent: what it does, reports, may do and costs."""

import json
from pathlib import Path

import pytest

from recursor.agents.workspace.acp_builder import AcpBuilder
from recursor.domain.approval import APPROVAL_DETAIL
from recursor.domain.effect import AskApproval, FailTodo, ProposeCommit, UpdateTodo
from recursor.domain.graph import Usage
from recursor.domain.spending import AgentFailedError, Budget
from recursor.domain.todo import TodoStatus
from tests.agents.acp.conftest import Job, scripted
from tests.agents.model.conftest import Books
from tests.agents.model.loop import CancelledRunError, agent_loop, stop


def problem_of(job: Job, behaviour: str, **more: object) -> str:
    """The reason for which an attempt fails."""
    (effect,) = job.done(behaviour, **more).effects  # type: ignore[arg-type]  # settings, by section
    assert isinstance(effect, FailTodo)
    assert effect.todo_id == job.todo.id
    return effect.problem


@pytest.mark.parametrize("sandbox", ["bwrap", "off"])
def test_what_an_agent_changes_is_proposed_with_its_last_words_as_the_title(job: Job, sandbox: str) -> None:
    outcome = job.done("works", workspace={"sandbox": sandbox})
    (proposal,) = outcome.effects
    assert isinstance(proposal, ProposeCommit)
    assert (proposal.title, proposal.paths) == ("Greet whoever reads it", ("sub/hello.txt",))
    assert job.file(outcome, "sub/hello.txt") == "hello reader\n"
    (commit,) = job.repository.log(proposal.commit, 1)
    assert commit.message.startswith("Greet whoever reads it\n\nI greeted, warmly.\n")


def test_plan_and_tool_calls_are_kept_and_shown_while_it_works(job: Job) -> None:
    outcome = job.done("works")
    assert outcome.thoughts == ("I greeted, warmly.\n\nTitle: Greet whoever reads it",)
    assert dict(outcome.metadata) == {
        "tool_calls": ["[completed] edit: hello.txt"],
        "tool_calls_in_all": 1,
        "permissions_asked": 1,
        "plan": ["[in_progress] Greet"],
    }
    shown = job.said[-1]
    for part in (
        "plan:\n[in_progress] Greet",
        "I will greet.",
        "edit: hello.txt",
        "[completed] edit: hello.txt",
    ):
        assert part in shown


def test_the_reported_usage_is_the_outcomes(job: Job) -> None:
    usage = job.done("works").usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, str(usage.cost)) == (130, 20, "0.25")
    assert job.done("repeats_the_prompt").usage is None


def test_the_prompt_has_the_todo_the_project_the_last_problem_and_the_checks(job: Job) -> None:
    todo = job.todo.but(problem="the check `make` failed", paths=("src/",))
    job.snapshot = job.snapshot.but(todos=(todo,))
    outcome = job.done("repeats_the_prompt", workspace={"checks": ["make test"]})
    prompt = json.loads(job.file(outcome, "report.json"))
    for part in (
        "Greet the reader",
        "a friendly shop",
        "the check `make` failed",
        "make test",
        "src/",
        "/workspace",
    ):
        assert part in prompt
    (proposal,) = outcome.effects
    assert isinstance(proposal, ProposeCommit)
    assert proposal.title == "Greet the reader"


def test_an_agent_that_says_so_has_nothing_to_change(job: Job) -> None:
    assert job.done("needs_no_change").effects == (
        UpdateTodo(todo_id=job.todo.id, status=TodoStatus.COMPLETED),
    )


@pytest.mark.parametrize(
    ("behaviour", "problem"),
    [
        ("says_that_it_cannot", "the file is missing\nits last message:"),
        ("does_nothing", "it changed nothing, and did not say that nothing was needed"),
        ("refuses", "it refused"),
        (
            "dies",
            "it ended in the middle, with exit status 3 (it printed: out of luck)\nits last message:\nI will",
        ),
        (
            "speaks_nonsense",
            "it printed more than 100 lines that are no messages of the protocol, first: hello",
        ),
        ("floods", "it asked for permission more than 2,000 times"),
        ("sends_a_huge_message", "it sent a message of more than "),
    ],
)
def test_what_goes_wrong_is_told_in_a_line(job: Job, behaviour: str, problem: str) -> None:
    assert problem_of(job, behaviour).startswith(problem)


def test_an_agent_that_does_not_listen_is_ended(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recursor.agents.workspace.acp_wire.PATIENCE", 0.5)
    assert problem_of(job, "does_not_listen").startswith("it has not read what it was sent for 0.5 s")


def test_what_is_kept_of_a_talkative_agent_is_bounded(job: Job) -> None:
    outcome = job.done("talks_much")
    assert len(outcome.model_dump_json()) < 100_000
    assert outcome.metadata["tool_calls_in_all"] == 1_000


def test_no_text_of_an_agent_is_too_odd_for_a_record(job: Job) -> None:
    outcome = job.done("says_odd_things")
    (proposal,) = outcome.effects
    assert isinstance(proposal, ProposeCommit)
    assert proposal.title == "1mGreet"
    assert "binary: is no text in UTF-8" in outcome.thoughts[0]
    assert "\x00" not in "".join((*outcome.thoughts, str(outcome.metadata)))
    (question,) = job.done("says_odd_things", approve={"permissions": {"other": "ask"}}).effects
    assert isinstance(question, AskApproval)
    assert len(question.detail) == APPROVAL_DETAIL


def test_warnings_and_later_versions_of_the_protocol_are_tolerated(job: Job) -> None:
    assert job.file(job.done("tolerated_nonsense"), "sub/hello.txt") == "hello reader\n"


def test_an_agent_that_exceeds_a_limit_of_the_sandbox_is_told_why(job: Job) -> None:
    assert problem_of(job, "waits", limits={"node_seconds": 3}).startswith("it ran longer than 3.0 s")


@pytest.mark.parametrize(
    ("behaviour", "seconds", "problem", "suspends"),
    [
        ("silent", 0.5, "began no session: it did not answer for 0.5 s", False),
        ("broken", 100, "exit status 126 (it printed: cannot open shared object)", False),
        ("newer", 100, "speaks version 99 of the Agent Client Protocol", True),
        ("logged_out", 100, "wants a login", True),
    ],
)
def test_an_agent_that_cannot_begin_is_no_failure_of_the_todo(
    job: Job, behaviour: str, seconds: float, problem: str, suspends: bool
) -> None:
    with pytest.raises(AgentFailedError) as failed:
        job.done(behaviour, start_seconds=seconds)
    assert problem in str(failed.value)
    assert (failed.value.suspend, failed.value.lasts) == (suspends, not suspends)


def test_an_agent_cannot_reach_out_by_way_of_recursor(job: Job) -> None:
    results = json.loads(job.file(job.done("reaches_out"), "report.json"))
    assert results.pop("read README") == results.pop("write README") == "done"
    assert results.pop("terminal") == "Method not found"
    assert "done" not in results.values()
    assert results["read /etc/hostname"].startswith("/etc/hostname: outside the tree")
    assert "not followed" in results["write /workspace/etc/hostname"]


def test_what_an_agent_may_do_follows_the_rules(job: Job) -> None:
    asked = json.loads(job.file(job.done("asks"), "report.json"))
    assert {what for what, answer in asked.items() if answer == "allow_once"} == {"edit", "execute"}
    assert {answer for answer in asked.values() if answer != "allow_once"} == {"reject_once"}
    outcome = job.done("asks", approve={"permissions": {"fetch": "allow", "edit": "deny"}, "run": "deny"})
    asked = json.loads(job.file(outcome, "report.json"))
    assert {what for what, answer in asked.items() if answer == "allow_once"} == {"fetch"}
    assert "execute: it" in outcome.metadata["refused"]  # type: ignore[operator]  # a list


def test_an_agent_that_needs_an_approval_ends_with_the_question_and_may_do_it_once(job: Job) -> None:
    asking = {"approve": {"run": "ask"}}
    outcome = job.done("asks_twice", **asking)
    (question,) = outcome.effects
    assert isinstance(question, AskApproval)
    assert (question.action, question.subject, question.todo_id) == ("run", "execute: it", job.todo.id)
    assert '"command":"make"' in question.detail
    (again,) = job.done("asks_twice", granted=(question.digest,), **asking).effects
    assert again == question
    once = job.done("asks", granted=(question.digest,), **asking)
    assert json.loads(job.file(once, "report.json"))["execute"] == "allow_once"


@pytest.mark.parametrize("sandbox", ["bwrap", "off"])
def test_a_stopped_run_cancels_the_session_and_leaves_nothing(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    run = job.run_of(workspace={"sandbox": sandbox})
    running = agent_loop().begin(run, AcpBuilder(scripted("waits")).run(job.snapshot, run))
    child = int(job.wait_for("waiting with ").split()[2])
    stop(run)
    with pytest.raises(CancelledRunError):
        running.result()
    if sandbox == "off":
        assert (tmp_path / "told").read_text() == "session/cancel"
        # It may not have been waited for, where the first process of a container does not.
        assert not Path(f"/proc/{child}").exists() or Path(f"/proc/{child}/cmdline").read_bytes() == b""


def test_without_a_model_a_known_agent_says_what_it_needs(job: Job, opencode: str) -> None:
    with pytest.raises(AgentFailedError, match=r"^acp:opencode needs a model: set model\.name") as failed:
        job.done("", command=opencode)
    assert failed.value.suspend


def test_an_account_of_its_own_is_counted_and_refused_where_a_budget_in_dollars_applies(
    job: Job, books: Books
) -> None:
    off = {"workspace": {"sandbox": "off"}}
    outcome = job.done("works", **off)
    assert outcome.usage == Usage(
        input_tokens=130, output_tokens=20, cost=outcome.usage and outcome.usage.cost
    )
    assert (books.runs, books.spent.tokens, str(books.spent.dollars)) == (1, 150, "0.25")
    books.budget = Budget(dollars=1)  # type: ignore[arg-type]  # a number
    with pytest.raises(AgentFailedError, match="has an account of its own"):
        job.done("works", **off)
