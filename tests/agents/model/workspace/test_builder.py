"""The builder that asks a model: it works with tools in a working tree, and proposes a commit."""

import json
from pathlib import Path

import pytest

from recursor.domain.effect import AskApproval, FailTodo, Outcome, ProposeCommit, UpdateTodo
from recursor.domain.spending import AgentFailedError, Budget, BudgetExceededError
from recursor.domain.todo import TodoStatus
from tests.agents.model.conftest import Books
from tests.agents.model.loop import CancelledRunError, agent_loop, stop
from tests.agents.model.workspace.conftest import DONE, Shop, answer, call, needs_sandbox
from tests.making import make_todo
from tests.model_stub.answers import Answer, always, in_turn
from tests.workspaces.sandbox.processes_named import processes_named

EDIT = call("edit_file", path="src/sums.py", search="return 0", replace="return sum(prices)")
TODO = make_todo(1, content="Add up the prices")


def proposal_in(outcome: Outcome) -> ProposeCommit:
    (proposal,) = [effect for effect in outcome.effects if isinstance(effect, ProposeCommit)]
    return proposal


class TestATodo:
    def test_becomes_a_commit(self, shop: Shop) -> None:
        outcome = shop.build(call("read_file", path="src/sums.py"), EDIT, DONE)
        proposal = proposal_in(outcome)
        assert (proposal.title, proposal.paths) == ("Add up the prices", ("src/sums.py",))
        assert (proposal.base, proposal.todo_id) == (shop.tip, TODO.id)
        assert "sum(prices)" in shop.file(outcome, "src/sums.py")
        (commit,) = shop.repository.log(proposal.commit, 1)
        assert "The total was always 0." in commit.message
        assert commit.trailers["Recursor-Todo"] == TODO.id
        assert shop.left == []

    def test_that_needs_no_change_is_completed(self, shop: Shop) -> None:
        outcome = shop.build(answer(result="not_needed", why="They are added up."))
        assert UpdateTodo(todo_id=TODO.id, status=TodoStatus.COMPLETED) in outcome.effects
        assert "not_needed: They are added up." in outcome.thoughts

    def test_that_cannot_be_done_is_cancelled_with_the_reason(self, shop: Shop) -> None:
        outcome = shop.build(answer(result="cannot", why="There are no prices."))
        failed, cancelled = outcome.effects[:2]
        assert failed == FailTodo(todo_id=TODO.id, problem="There are no prices.")
        assert cancelled == UpdateTodo(todo_id=TODO.id, status=TodoStatus.CANCELLED)

    def test_is_not_done_while_no_file_is_changed(self, shop: Shop) -> None:
        outcome = shop.build(DONE, EDIT, DONE)
        assert "No file is changed" in shop.result(1)
        assert proposal_in(outcome).files == 1

    def test_that_the_model_never_does_counts_one_more_attempt(self, shop: Shop) -> None:
        outcome = shop.build(DONE)
        (failed,) = outcome.effects
        assert isinstance(failed, FailTodo)
        assert "No file is changed" in failed.problem
        assert outcome.usage is not None
        assert outcome.usage.input_tokens > 0

    def test_makes_no_commit_that_is_too_large(self, shop: Shop) -> None:
        shop.build(
            call("run_command", command="head -c 2000 /dev/zero > zeros"),
            DONE,
            call("delete_file", path="zeros"),
            EDIT,
            DONE,
            workspace={"file_bytes": 1_024, "sandbox": "off"},
        )
        assert "cannot be committed: zeros: 2,000 bytes" in shop.result(2)


class TestTheQuestion:
    def test_shows_the_todo_the_files_and_the_guide(self, shop: Shop, tmp_path: Path) -> None:
        shop.commit({"AGENTS.md": "Indent with tabs.\n"}, tmp_path / "guide")
        shop.build(answer(result="not_needed", why="So."))
        _, question = (str(each["content"]) for each in shop.stub.calls[0].body["messages"])
        assert "Add up the prices" in question
        assert "src/sums.py (" in question
        assert "Indent with tabs." in question

    def test_says_why_the_last_attempt_failed_and_shows_it(self, shop: Shop) -> None:
        shop.build(EDIT, DONE)
        again = TODO.but(attempts=1, problem="the check `pytest` failed:\nassert 3 == 4")
        shop.build(answer(result="not_needed", why="So."), todo=again)
        instructions, question = (str(each["content"]) for each in shop.stub.calls[0].body["messages"])
        assert "This todo was tried before" in instructions
        assert "assert 3 == 4" in question
        assert "+    return sum(prices)" in question

    def test_names_the_checks(self, shop: Shop) -> None:
        shop.build(answer(result="not_needed", why="So."), workspace={"checks": ["sh tests/check.sh"]})
        instructions = str(shop.stub.calls[0].body["messages"][0]["content"])
        assert "- `sh tests/check.sh`" in instructions
        assert "call `run_checks`" in instructions

    def test_is_bounded_however_many_files_there_are(self, shop: Shop, tmp_path: Path) -> None:
        shop.commit({f"data/{n % 7}/{n}.csv": "" for n in range(3_000)}, tmp_path / "many")
        shop.build(answer(result="not_needed", why="So."))
        question = str(shop.stub.calls[0].body["messages"][1]["content"])
        assert "README.md" in question
        assert question.count(".csv") <= 300
        assert "entries are shown" in question


class TestTheRun:
    def test_is_told_live_and_its_calls_are_in_the_trace(self, shop: Shop) -> None:
        outcome = shop.build(EDIT, DONE)
        assert any("> edit_file" in each and "Changed src/sums.py at line 2." in each for each in shop.told)
        assert outcome.metadata["tool_calls"] == 1
        (traced,) = outcome.metadata["tools"]  # type: ignore[union-attr,misc]  # JSON
        assert traced["tool"] == "edit_file"
        assert json.loads(traced["arguments"])["path"] == "src/sums.py"
        assert traced["result"] == "Changed src/sums.py at line 2."
        assert traced["seconds"] >= 0

    def test_ends_when_the_model_goes_in_circles(self, shop: Shop) -> None:
        outcome = shop.build(call("list_files"), workspace={"turns": 5})
        assert len(shop.stub.calls) == 5
        (failed,) = outcome.effects
        assert isinstance(failed, FailTodo)
        assert "limit of requests" in failed.problem
        assert shop.left == []

    def test_ends_within_its_budget(self, shop: Shop) -> None:
        shop.meter = books = Books(budget=Budget(tokens=60_000))
        shop.stub.script = in_turn(EDIT, Answer(arguments={}, tool="list_files", input_tokens=30_000))
        with pytest.raises(BudgetExceededError) as raised:
            agent_loop().run(shop.work(shop.snapshot(TODO), shop.run_of("builder", TODO)))
        assert raised.value.usage is not None
        assert books.spent.tokens == sum(shop.stub.billed) <= 60_000
        assert len(shop.stub.calls) > 1
        assert shop.left == []

    def test_fails_as_a_run_where_the_provider_fails(self, shop: Shop) -> None:
        shop.stub.script = always(Answer(status=400))
        with pytest.raises(AgentFailedError, match="HTTP 400"):
            agent_loop().run(shop.work(shop.snapshot(TODO), shop.run_of("builder", TODO)))

    def test_forgets_old_results_where_the_conversation_gets_too_long(self, shop: Shop) -> None:
        write = call("write_file", path="long.txt", content="word word word word word\n" * 400)
        read = call("read_file", path="long.txt")
        shop.build(write, *[read] * 12, EDIT, DONE, model={"context_tokens": 20_000, "output_tokens": 1_000})
        said = [len(each.prompt) for each in shop.stub.calls]
        assert "left out to save room" in shop.stub.calls[-1].prompt
        assert max(said) < 75_000
        assert shop.result(12).startswith("word word")

    @needs_sandbox
    def test_that_is_stopped_leaves_no_process_and_no_directory(self, shop: Shop) -> None:
        shop.stub.script = always(call("run_command", command="echo started; sleep 4321.5"))
        run = shop.run_of("builder", TODO)
        ending = agent_loop().begin(run, shop.work(shop.snapshot(TODO), run))
        while not any("started" in each.replace("echo started", "") for each in shop.told):
            assert not ending.done()
        stop(run)
        with pytest.raises(CancelledRunError):
            ending.result()
        assert processes_named("4321.5") == []
        assert shop.left == []


class TestApproval:
    COMMAND = call("run_command", command="echo hello")

    def test_a_tool_that_is_denied_says_so(self, shop: Shop) -> None:
        shop.build(self.COMMAND, EDIT, DONE, approve={"run": "deny"})
        assert "not allowed in this team: run `echo hello`" in shop.result(1)

    def test_a_command_that_a_person_must_approve_ends_the_run(self, shop: Shop) -> None:
        outcome = shop.build(EDIT, self.COMMAND, approve={"run": "ask"})
        (asked,) = outcome.effects
        assert isinstance(asked, AskApproval)
        assert (asked.action, asked.subject, asked.todo_id) == ("run", "run `echo hello`", TODO.id)
        assert len(shop.stub.calls) == 2

    def test_what_was_approved_is_done_once(self, shop: Shop) -> None:
        outcome = shop.build(self.COMMAND, approve={"run": "ask"})
        (asked,) = outcome.effects
        assert isinstance(asked, AskApproval)
        outcome = shop.build(
            self.COMMAND,
            self.COMMAND,
            granted=(asked.digest,),
            approve={"run": "ask"},
            workspace={"sandbox": "off"},
        )
        assert "hello" in shop.result(1)
        assert isinstance(outcome.effects[0], AskApproval)

    def test_other_tools_have_rules_of_their_own(self, shop: Shop) -> None:
        outcome = shop.build(EDIT, approve={"tools": {"edit_file": "ask"}})
        (asked,) = outcome.effects
        assert isinstance(asked, AskApproval)
        assert asked.action == "tool"
        assert "sum(prices)" in asked.detail
