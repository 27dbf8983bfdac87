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
