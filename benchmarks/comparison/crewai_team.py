"""The project made by a hierarchical crew of CrewAI's; runs in an environment that has CrewAI.

As its documentation shows it: one Agent a role, `Process.hierarchical` with a `manager_llm`, tasks that
belong to no agent, and a manager who delegates them. One task for the idea and one for the visitor's message
is the frugal way: a task for every step would cost the manager one more call each, for its final answer.
The visitor's task is told what was made before, as a crew keeps nothing between two kickoffs by itself.

Reads its orders from the first line of standard input, prints what was made, keeps the crew until standard
input ends.
"""

import json
import sys
from importlib.metadata import version

from crewai import LLM, Agent, Crew, Process, Task
from crewai.events import AgentExecutionCompletedEvent, crewai_event_bus

from benchmarks.comparison.project import IDEA, INSTRUCTIONS, ROLES, WISH, Made, noted

REQUEST = "Have it planned, built part by part, and reviewed; let the communicator answer visitors."


def main() -> None:
    """Make the project."""
    orders = json.loads(sys.stdin.readline())

    def model(name: str) -> LLM:
        return LLM(model=name, custom_openai=True, base_url=orders["url"], api_key="none")

    agents = [
        Agent(role=role, goal=INSTRUCTIONS[role], backstory="One of a small team.", llm=model(role))
        for role in ROLES
    ]
    crew = Crew(
        agents=agents,
        tasks=[Task(description="{request}", expected_output="The finished page.")],
        process=Process.hierarchical,
        manager_llm=model("manager"),
    )
    made = Made(over=False, versions={"crewai": version("crewai")})

    @crewai_event_bus.on(AgentExecutionCompletedEvent)
    def note(_source: object, event: AgentExecutionCompletedEvent) -> None:
        if event.agent is not None:
            noted(made, event.agent.role, str(event.output))

    page = crew.kickoff(inputs={"request": f"{IDEA} {REQUEST}"}).raw
    plan = orders["plan"]
    crew.kickoff(inputs={"request": f"A visitor, Ada, writes: {WISH} {REQUEST}\n{plan}\nThe page:\n{page}"})
    crewai_event_bus.flush()
    made.over = True
    print(json.dumps(made.as_json()), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
