"""Models that cannot be, and budgets that cannot be enforced, are refused where they are configured."""

from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic_ai.models import KnownModelName
from pydantic_ai.providers import infer_provider_class

from recursor.agents.model.model_checks import (
    PROVIDERS,
    check_choice,
    check_given,
    likely_mistakes,
    models_without_key,
)
from recursor.domain.errors import InvalidInputError
from recursor.domain.extras import ExtraMissingError
from recursor.domain.settings import RunnerSettings, Settings
from recursor.orchestration.role_names import STANDARD

Given = dict[str, Any]


def settings(model: Given, budget: Given | None = None) -> Settings:
    return Settings().overridden({"model": model, "budget": budget or {}})


DOLLARS: Given = {"dollars": 5}


@pytest.mark.parametrize(
    ("model", "budget", "runner"),
    [
        ({"name": "openai:gpt-5-mini"}, DOLLARS, {}),
        ({"name": "openai:gpt-5-mini"}, {"role_dollars": {"builder": 1}}, {"budget_dollars": 9}),
        # What one's own machine runs costs nothing.
        ({"name": "ollama:llama3.2", "fallback": ["local:/models/small.gguf"]}, DOLLARS, {}),
        ({"name": "openai:my-own", "base_url": "http://localhost:8000/v1"}, {"tokens": 5}, {}),
        # A budget of one role is no matter of another's model.
        ({"name": "openai:my-own", "roles": {"builder": "ollama:a"}}, {"role_dollars": {"builder": 1}}, {}),
        # Who needs no model asks none of those that stand by.
        ({"name": "scripted", "fallback": ["openai:my-own"]}, DOLLARS, {"budget_dollars": 1}),
    ],
)
def test_what_can_hold_is_accepted(model: Given, budget: Given, runner: Given) -> None:
    check_choice(settings(model, budget), RunnerSettings(**runner))


@pytest.mark.parametrize(
    ("model", "budget", "runner", "said"),
    [
        (
            {"name": "openai:my-own", "base_url": "http://localhost:8000/v1"},
            DOLLARS,
            {},
            "budget.dollars: cannot be enforced: the price of openai:my-own (model.name) is unknown",
        ),
        (
            {"name": "openai:my-own"},
            {},
            {"budget_dollars": 5},
            "runner.budget_dollars: cannot be enforced: the price of openai:my-own (model.name) is unknown",
        ),
        (
            {"name": "ollama:a", "roles": {"builder": "openai:my-own"}},
            {"role_dollars": {"builder": 1}},
            {},
            "budget.role_dollars of the builder: cannot be enforced: the price of openai:my-own",
        ),
        (
            {"name": "ollama:a", "fallback": ["openai:my-own"]},
            {"role_dollars": {"builder": 1}},
            {},
            "budget.role_dollars of the builder: cannot be enforced: the price of openai:my-own (model.fall",
        ),
        ({"name": "openai:gpt5-mini"}, DOLLARS, {}, "did you mean openai:gpt-5-mini?"),
        (
            {"name": "openia:gpt-5-mini"},
            {},
            {},
            "model.name: unknown provider 'openia'; did you mean openai?",
        ),
        ({"roles": {"builder": "antropic:x"}}, {}, {}, "model.roles.builder: unknown provider 'antropic'"),
    ],
)
def test_what_cannot_is_refused_in_one_line(model: Given, budget: Given, runner: Given, said: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_choice(settings(model, budget), RunnerSettings(**runner))
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"model": {"roles": {"bulider": "openai:x"}}},
            "model.roles: unknown role 'bulider'; did you mean builder?",
        ),
        ({"model": {"name": "opnai:x"}}, "model.name: unknown provider 'opnai'; did you mean openai?"),
        (
            {"model": {"fallback": ["groq:a", "gorq:b"]}},
            "model.fallback: unknown provider 'gorq'; did you mean groq?",
        ),
        (
            {"model": {"fallback": ["groq:a", "scripted"]}},
            "model.fallback: scripted is not a model and cannot replace one: remove it, "
            "or set model.name = scripted",
        ),
        (
            {"runner": {"rates": {"opnai": {"concurrent": 1}}}},
            "runner.rates: unknown provider 'opnai'; did you mean openai?",
        ),
        (
            {"runner": {"rates": {"opnai:gpt-5": {"concurrent": 1}}}},
            "runner.rates: unknown provider 'opnai'; did you mean openai?",
        ),
    ],
)
def test_what_means_nothing_is_refused_with_the_nearest_that_does(given: Any, said: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_given(given, lambda: STANDARD)
    assert str(refused.value) == said


def test_a_directory_of_prompts_has_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "promts.md").touch()
    check_given({"model": {"prompts": str(tmp_path / "prompts")}}, lambda: STANDARD)
    for named, remedy in (
        (tmp_path / "promts", f"did you mean {tmp_path / 'prompts'}?"),
        (tmp_path / "promts.md", f"did you mean {tmp_path / 'prompts'}?"),
        (tmp_path / "elsewhere" / "x", "make it, or unset the setting"),
        ("~nobody-of-that-name/x", "make it, or unset the setting"),
    ):
        with pytest.raises(InvalidInputError) as refused:
            check_given({"model": {"prompts": str(named)}}, lambda: STANDARD)
        assert str(refused.value) == f"model.prompts: there is no directory {named}: {remedy}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"You plan.", "it does not begin with `---`, `version: 1`, `---`, a line each"),
        (b"---\nversion: 1\n---\nYou {{ plan", "unexpected end of template"),
        (b"---\nversion: 1\n---\nYou {% nonsense %}", "unknown tag 'nonsense'"),
        (b"\xff", "'utf-8' codec can't decode"),
        (b"x" * 200_001, "it has more than 200,000 bytes"),
    ],
)
def test_a_prompt_that_cannot_be_used_is_refused_when_it_is_set(
    tmp_path: Path, content: bytes, said: str
) -> None:
    given = {"model": {"prompts": str(tmp_path)}}
    (tmp_path / "planner.md").write_bytes(content)
    with pytest.raises(InvalidInputError) as refused:
        check_given(given, lambda: STANDARD)
    assert str(refused.value).startswith(f"model.prompts: prompt {tmp_path}/planner.md: ")
    assert said in str(refused.value)
    assert str(refused.value).endswith("put it right, or take it out of model.prompts")
    (tmp_path / "planner.md").write_text("---\nversion: 1\n---\nYou plan for {{ anybody }}.")
    check_given(given, lambda: STANDARD)


@pytest.mark.parametrize(
    ("model", "missing", "error", "said"),
    [
        ("cohere:command-r", "cohere", InvalidInputError, "needs the package cohere: pip install cohere"),
        ("xai:grok-4", "xai_sdk", InvalidInputError, "needs the package xai-sdk: pip install xai-sdk"),
        ("local:/models/x.gguf", "xllamacpp", ExtraMissingError, r"needs recursor\[local\]"),
        ("openai:gpt-5-mini", "pydantic_ai", ExtraMissingError, r"needs recursor\[models\]"),
    ],
)
def test_a_model_whose_package_is_missing_is_refused_when_it_is_set(
    monkeypatch: pytest.MonkeyPatch, model: str, missing: str, error: type[Exception], said: str
) -> None:
    monkeypatch.setattr(
        "recursor.agents.model.model_checks.find_spec", lambda name: None if name == missing else object()
    )
    with pytest.raises(error, match=rf"model\.name.*{model}.*{said}"):
        check_given({"model": {"name": model}}, lambda: STANDARD)
    check_given(
        {"model": {"name": "ollama:qwen3" if missing != "pydantic_ai" else "scripted"}}, lambda: STANDARD
    )


def test_what_is_taken_back_and_what_names_no_role_asks_for_no_team() -> None:
    def team() -> tuple[str, ...]:
        raise AssertionError("the team need not be loaded")

    nothing = {"name": None, "roles": None, "fallback": None, "prompts": None, "context_tokens": None}
    check_given({"model": nothing, "budget": {"role_tokens": None}}, team)
    check_given({"model": {"name": "openai:gpt-5-mini", "roles": {}}}, team)


def test_a_name_that_looks_like_a_slip_is_doubted_and_a_new_one_is_not() -> None:
    assert list(likely_mistakes(settings({"name": "openai:gpt5-mini"}))) == [
        "model.name: openai:gpt5-mini is unknown: did you mean openai:gpt-5-mini?"
    ]
    for name in ("scripted", "openai:gpt-5-mini", "openai:zz-never-heard-of-it", "ollama:gpt5-mini"):
        assert list(likely_mistakes(settings({"name": name}))) == []


def test_an_address_with_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidInputError, match=r"base_url: contains a user name or password") as refused:
        settings({"base_url": "http://user:secret@host/v1"})
    assert "secret" not in str(refused.value)
    assert settings({"base_url": "http://host/v1?of=me@host"}).model.base_url == "http://host/v1?of=me@host"


def test_a_file_that_is_no_prompt_is_doubted(tmp_path: Path) -> None:
    for name in ("planner.md", "plannr.md", "about-data.md", "README.md", "notes.txt"):
        (tmp_path / name).touch()
    assert list(likely_mistakes(settings({"prompts": str(tmp_path)}))) == [
        f"model.prompts: {tmp_path}/about-data.md is not the prompt of a standard role: "
        "those are planner, builder, communicator, reviewer, workspace-planner, workspace-builder, "
        "workspace-reviewer",
        f"model.prompts: {tmp_path}/plannr.md is not the prompt of a standard role: did you mean planner.md?",
    ]
    (tmp_path / "plannr.md").unlink()
    (tmp_path / "about-data.md").unlink()
    assert list(likely_mistakes(settings({"prompts": str(tmp_path)}))) == []
    assert list(likely_mistakes(settings({"prompts": "/on/another/machine"}))) == []


def test_an_address_that_nobody_asks_is_doubted() -> None:
    address = {"base_url": "http://localhost:8000"}
    for name in ("openai:gpt-5-mini", "openai-chat:gpt-5-mini", "openai-responses:gpt-5-mini", "scripted"):
        assert list(likely_mistakes(settings({"name": name, **address}))) == []
    assert list(likely_mistakes(settings({"name": "anthropic:claude-sonnet-5-5", **address}))) == [
        "model.base_url: applies to openai: models only, not to anthropic: "
        "set ANTHROPIC_BASE_URL for the runner instead"
    ]


@pytest.mark.parametrize(
    ("model", "keyed", "lacking"),
    [
        ({"name": "openai:a", "fallback": ["anthropic:b"]}, {"openai", "anthropic"}, []),
        ({"name": "openai:a", "fallback": ["anthropic:b"]}, {"openai"}, [("model.fallback", True)]),
        ({"name": "openai:a", "fallback": ["anthropic:b"]}, {"anthropic"}, [("model.name", True)]),
        ({"name": "openai:a", "fallback": ["ollama:b"]}, set(), [("model.name", True)]),
        ({"name": "ollama:a", "roles": {"builder": "groq:b"}}, set(), [("model.roles.builder", False)]),
        ({"name": "openai:a", "base_url": "http://localhost/v1"}, set(), []),
        ({"name": "openai-chat:a", "base_url": "http://localhost/v1"}, set(), []),
        ({"name": "scripted", "fallback": ["anthropic:b"]}, set(), []),
    ],
)
def test_models_without_a_key_are_named_with_what_becomes_of_them(
    model: Given, keyed: set[str], lacking: list[tuple[str, bool]]
) -> None:
    found = list(models_without_key(settings(model), keyed))
    assert [(each.setting, each.has_other) for each in found] == lacking
    said = [line for line in likely_mistakes(settings(model), keyed) if "no key for" in line]
    assert len(said) == len(lacking)
    assert all("keyring set recursor" in line for line in said)


@pytest.mark.parametrize("provider", sorted(PROVIDERS - {"local"}))
def test_every_provider_that_is_accepted_is_one_of_pydantic_ais(provider: str) -> None:
    # Its SDK need not be installed: a provider that there is not is a ValueError.
    with suppress(ImportError):
        infer_provider_class(provider)


def test_every_provider_whose_models_pydantic_ai_names_is_accepted() -> None:
    named = {name.partition(":")[0] for name in get_args(KnownModelName.__value__)}
    # A gateway is another service, "test" is none, and what decides about tools is no agent's model.
    assert {each for each in named if "/" not in each and "decisions" not in each} - {"test"} <= PROVIDERS
