"""An address that the operator does not allow is refused when it is set."""

from contextlib import closing

import pytest

from recursor.actors.orchestrator import Orchestrator
from recursor.agents.model.addresses import ModelAddresses
from recursor.agents.model.exchange import Exchange
from recursor.domain.commands import ConfigureStack, CreateStack
from recursor.domain.errors import InvalidInputError
from recursor.domain.settings import RunnerSettings, Settings
from recursor.runner.team import observers_team
from recursor.storage.opening import memory_store
from tests.making import STACK, make_stack

EVIL = {"model": {"base_url": "https://evil.example/v1"}}


def test_an_address_that_is_not_allowed_is_refused() -> None:
    addresses = ModelAddresses.of_operator(Settings(), RunnerSettings(), loopback=True)
    with closing(memory_store()) as store:
        models = Exchange(addresses=addresses)
        orchestrator = Orchestrator.start(store=store, roles=observers_team(), models=models)
        refused = r"evil\.example:443 is not an allowed model host"
        with pytest.raises(InvalidInputError, match=refused):
            orchestrator.ask(CreateStack(make_stack(settings=EVIL)))
        orchestrator.ask(CreateStack(make_stack()))
        with pytest.raises(InvalidInputError, match=refused):
            orchestrator.ask(ConfigureStack(STACK, EVIL))
        allowed = {"model": {"base_url": "http://localhost:8000/v1"}}
        assert orchestrator.ask(ConfigureStack(STACK, allowed)).settings == allowed
        orchestrator.stop()


@pytest.mark.parametrize(
    "private", ["127.0.0.1:8080", "169.254.169.254", "10.0.0.7", "[::1]:80", "localhost"]
)
def test_a_private_host_for_tools_is_refused_unless_the_operator_names_it(private: str) -> None:
    wanted = {"workspace": {"hosts": ["pypi.org", private]}}
    with closing(memory_store()) as store:
        settings = Settings()
        for is_allowed in (False, True):
            addresses = ModelAddresses.of_operator(settings, RunnerSettings(), loopback=True)
            orchestrator = Orchestrator.start(
                store=store, roles=observers_team(), settings=settings, models=Exchange(addresses=addresses)
            )
            if is_allowed:
                orchestrator.ask(ConfigureStack(STACK, wanted))
            else:
                orchestrator.ask(CreateStack(make_stack()))
                with pytest.raises(InvalidInputError, match=r"workspace\.hosts: .* is a private address"):
                    orchestrator.ask(ConfigureStack(STACK, wanted))
            orchestrator.stop()
            settings = Settings().overridden({"workspace": {"hosts": [private]}})
