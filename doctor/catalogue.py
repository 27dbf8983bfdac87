"""All checks in the order of the report: first those on which everything else depends."""

from recursor.doctor.check import Check, StackCheck, SystemCheck
from recursor.doctor.checks import (
    approvals,
    clock,
    cycles,
    directory,
    disk,
    failures,
    keys,
    load,
    lock,
    loops,
    records,
    repositories,
    roles,
    runner,
    state,
    store,
    waiting,
    work,
)
from recursor.doctor.report import StackTotals
from recursor.domain.wording import percent, plural, span


def _stacks(totals: StackTotals) -> str:
    return plural(totals.stacks, "stack")


def _running(totals: StackTotals) -> str:
    return f"{totals.states.get('running', 0):,} running, {totals.states.get('paused', 0):,} paused"


def _success(totals: StackTotals) -> str:
    judged = totals.completed + totals.failed
    if totals.success_rate is None:
        return "no cycle ended in the last 24 hours"
    return f"{percent(totals.success_rate)} of {plural(judged, 'cycle')} succeeded in the last 24 hours"


def _runs(totals: StackTotals) -> str:
    runs = plural(totals.agents_run, "agent run")
    wide = "" if totals.average_parallel is None else f", {totals.average_parallel:.1f} in parallel"
    return f"{runs} in {plural(totals.cycles, 'cycle')}{wide}, {totals.agents_failed:,} failed"


def _working(totals: StackTotals) -> str:
    now = f"{plural(totals.working, 'cycle')} running now"
    if totals.average_seconds is None or totals.longest_seconds is None:
        return now
    return f"{now}; {span(totals.average_seconds)} on average, {span(totals.longest_seconds)} at most"


def _resting(totals: StackTotals) -> str:
    return f"{plural(totals.resting, 'stack')} waiting for a message or todo"


def _waiting(totals: StackTotals) -> str:
    return f"{plural(totals.waiting_for_provider, 'stack')} waiting for a provider"


def _unanswered(totals: StackTotals) -> str:
    return f"{plural(totals.unanswered, 'message')} unanswered"


def _todos(totals: StackTotals) -> str:
    return f"{plural(totals.open_todos, 'todo')} open"


def _repositories(totals: StackTotals) -> str:
    return f"{plural(totals.workspaces, 'stack')} with a repository"


CHECKS: tuple[Check, ...] = (
    SystemCheck("data-directory", "the data directory can be used", directory.directory_can_be_used),
    SystemCheck("store-unreadable", "the store can be read", store.store_can_be_read),
    SystemCheck("store-version", "the store has this program's version", store.store_has_this_version),
    SystemCheck("lock", "the lock is sound", lock.lock_is_sound),
    SystemCheck("runner", "a runner is up and answers", runner.runner_is_up),
    SystemCheck("commands", "the runner accepts commands", runner.commands_are_taken),
    SystemCheck("disk-space", "the disk has room", disk.disk_has_room),
    SystemCheck("clock", "the clock was not changed", clock.clock_was_not_set),
    SystemCheck("agents-waiting", "agents find a slot", load.agents_find_a_slot),
    SystemCheck("abandoned-agents", "agents stop at their time limit", load.agents_end_when_told),
    StackCheck("records", "records can be read", records.records_can_be_read, _stacks),
    StackCheck("settings", "settings can be used", records.settings_can_be_used, _stacks),
    StackCheck("roles", "roles are in the team", roles.roles_are_in_team, _stacks),
    StackCheck("model-keys", "models have keys", keys.models_have_keys, _stacks),
    StackCheck("record-times", "records are in order", clock.records_are_in_order, _stacks),
    StackCheck("sandbox", "programs run in a sandbox", repositories.programs_are_confined, _repositories),
    StackCheck("git", "git is installed", repositories.git_is_installed, _repositories),
    StackCheck("repository", "repositories are whole", repositories.repository_is_whole, _repositories),
    StackCheck("repository-full", "repositories have room", repositories.repository_has_room, _repositories),
    StackCheck("checks", "checks can pass", repositories.checks_can_pass, _repositories),
    StackCheck(
        "needs-person",
        "todos need no person",
        repositories.todos_need_no_person,
        _todos,
        told_by=("repository", "repository-full", "checks"),
    ),
    StackCheck(
        "paused",
        "none is paused after failures",
        state.not_paused_after_failures,
        _running,
        told_by=("sandbox", "repository"),
    ),
    StackCheck("budget", "none is out of budget", state.is_within_budget, _stacks),
    StackCheck("not-running", "it is running", state.may_run, _running, in_focus=True),
    StackCheck(
        "trouble", "its supervisor reports no problem", cycles.has_no_trouble, _working, in_focus=True
    ),
    StackCheck("not-looked-at", "due stacks run", cycles.is_looked_at, _resting, told_by=("trouble",)),
    StackCheck("stuck-cycle", "cycles end", cycles.cycles_end, _working, told_by=("records",)),
    StackCheck("failure-rate", "cycles succeed", failures.cycles_succeed, _success),
    StackCheck(
        "failing-now",
        "the last cycles succeeded",
        failures.is_not_failing_now,
        _running,
        told_by=("failure-rate",),
    ),
    StackCheck("rate-limit", "no service refuses requests", failures.service_keeps_up, _runs),
    StackCheck("provider", "providers are available", waiting.provider_is_available, _waiting),
    StackCheck("no-agent-runs", "agents run in cycles", work.agents_run, _runs),
    StackCheck("work-not-seen", "pending work is detected", work.work_is_given, _todos),
    StackCheck("loop", "cycles change something", loops.cycles_change_something, _running),
    StackCheck("unattended", "teams get new input", loops.gets_new_input, _running),
    StackCheck(
        "unanswered",
        "visitors are answered",
        waiting.visitors_are_answered,
        _unanswered,
        told_by=(
            *("paused", "budget", "unattended", "not-running", "not-looked-at", "stuck-cycle", "settings"),
            *("failure-rate", "failing-now", "rate-limit", "provider"),
        ),
    ),
    StackCheck("approvals", "requests for approval are answered", approvals.approvals_are_answered, _stacks),
    StackCheck(
        "todo-stuck",
        "todos end",
        waiting.todos_end,
        _todos,
        told_by=("stuck-cycle", "failure-rate", "failing-now", "rate-limit", "provider", "loop"),
    ),
)
