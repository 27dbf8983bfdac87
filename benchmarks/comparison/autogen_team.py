"""The project made by AutoGen's RoundRobinGroupChat; runs in an environment that has AutoGen.

As its documentation shows it: one AssistantAgent a role, the reviewer ends the chat with a word that a
TextMentionTermination waits for, and the visitor's message is a further task for the same team, which goes
on with the next speaker. The order of the speakers is the best for it: after the reviewer has approved,
the communicator is next, and has a visitor to answer.

Reads its orders from the first line of standard input, prints what was made, keeps the team until standard
input ends.
"""

import asyncio
import json
import sys
from importlib.metadata import version

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import ModelFamily, ModelInfo
from autogen_ext.models.openai import OpenAIChatCompletionClient

from benchmarks.comparison.project import APPROVED, IDEA, INSTRUCTIONS, ROLES, WISH, Made, noted

MODEL = ModelInfo(
    vision=False,
    function_calling=True,
    json_output=True,
    family=ModelFamily.UNKNOWN,
    structured_output=True,
)


def client(role: str, url: str) -> OpenAIChatCompletionClient:
    """Return what an agent asks its model through."""
    return OpenAIChatCompletionClient(model=role, base_url=url, api_key="none", model_info=MODEL)


async def main() -> None:
    """Make the project."""
    orders = json.loads(sys.stdin.readline())
    agents = [
        AssistantAgent(role, model_client=client(role, orders["url"]), system_message=INSTRUCTIONS[role])
        for role in ROLES
    ]
    team = RoundRobinGroupChat(
        agents, termination_condition=TextMentionTermination(APPROVED, sources=["reviewer"])
    )
    first = await team.run(task=IDEA)
    second = await team.run(task=f"A visitor, Ada, writes: {WISH}")
    made = Made(
        over=bool(first.stop_reason and second.stop_reason),
        versions={name: version(name) for name in ("autogen-agentchat", "autogen-ext")},
    )
    for message in (*first.messages, *second.messages):
        noted(made, message.source, message.to_text())
    print(json.dumps(made.as_json()), flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
