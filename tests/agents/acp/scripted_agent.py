"""A coding agent whose behaviour is its argument. A program of its own, of the standard library alone."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

_ids = itertools.count(1)
_prompts: list[Json] = []


def write(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def send(**message: Any) -> None:
    """Send a message."""
    write(json.dumps({"jsonrpc": "2.0", **message}))


def receive() -> Json:
    """Return the next message, or end with the input."""
    if not (line := sys.stdin.readline()):
        sys.exit(0)
    message: Json = json.loads(line)
    return message


def ask(method: str, **params: Any) -> Json:
    """Send a request, and return the answer."""
    id_ = next(_ids)
    send(id=id_, method=method, params={"sessionId": "s", **params})
    while (answer := receive()).get("id") != id_ or "method" in answer:
        pass
    return answer


def update(what: str, **fields: Any) -> None:
    """Report something."""
    send(method="session/update", params={"sessionId": "s", "update": {"sessionUpdate": what, **fields}})


def say(text: str) -> None:
    """Say something."""
    update("agent_message_chunk", content={"type": "text", "text": text})


def end(reason: str = "end_turn", **fields: Any) -> None:
    """Answer the prompt."""
    send(id=_prompts[0]["id"], result={"stopReason": reason, **fields})


def permitted(kind: str, *, title: str = "it", paths: tuple[str, ...] = (), **arguments: Any) -> str:
    """Ask for permission; return what was chosen."""
    options = [
        {"optionId": each, "name": each, "kind": each}
        for each in ("allow_always", "allow_once", "reject_once")
    ]
    call = {"toolCallId": title, "kind": kind, "title": title, "rawInput": arguments}
    call["locations"] = [{"path": path} for path in paths]
    outcome = ask("session/request_permission", toolCall=call, options=options)["result"]["outcome"]
    return str(outcome.get("optionId", outcome["outcome"]))


def here(name: str) -> str:
    """Return the path of a file in the working directory."""
    return f"{os.getcwd()}/{name}"


def report(content: object) -> None:
    """Leave something for the test."""
    with open("report.json", "w") as file:
        json.dump(content, file)


def works() -> None:
    """Do what a good agent does."""
    update("plan", entries=[{"content": "Greet", "priority": "high", "status": "in_progress"}])
    say("I will greet.")
    update("tool_call", toolCallId="1", title="hello.txt", kind="edit", status="pending")
    permitted("edit", title="1", paths=(here("hello.txt"),))
    text = ask("fs/read_text_file", path=here("README"), line=1, limit=1)["result"]["content"]
    ask("fs/write_text_file", path=here("sub/hello.txt"), content=f"hello {text}")
    update("tool_call_update", toolCallId="1", status="completed")
    update("usage_update", used=5, size=10, cost={"amount": 0.25, "currency": "USD"})
    say("I greeted, ")
    say("warmly.\n\nTitle: Greet whoever reads it\n")
    end(usage={"inputTokens": 100, "outputTokens": 20, "totalTokens": 150, "cachedReadTokens": 30})


def repeats_the_prompt() -> None:
    """Leave what it was asked."""
    report(_prompts[0]["params"]["prompt"][0]["text"])
    end()


def asks() -> None:
    """Ask for all kinds of things."""
    report(
        {
            "edit": permitted("edit", paths=(here("a"),)),
            "edit outside": permitted("edit", paths=("/etc/passwd",)),
            "edit git": permitted("edit", paths=(here(".git/config"),)),
            "read up": permitted("read", paths=(here("../a"),)),
            "execute": permitted("execute", command="make"),
            "fetch": permitted("fetch"),
            "other": permitted("other"),
        }
    )
    end()


def asks_twice() -> None:
    """Ask for the same thing twice."""
    report([permitted("execute", command="make"), permitted("execute", command="make")])
    end()


def reaches_out() -> None:
    """Try to get at files outside, and at what is not offered."""
    os.symlink("/etc", "etc")
    os.mkfifo("pipe")
    results: Json = {}
    for path in (
        "/etc/hostname",
        here("../x"),
        here("etc/hostname"),
        here("pipe"),
        here(".git/config"),
        "README",
    ):
        results[f"read {path}"] = ask("fs/read_text_file", path=path).get("error", {}).get("message", "done")
        results[f"write {path}"] = (
            ask("fs/write_text_file", path=path, content="x").get("error", {}).get("message", "done")
        )
    results["terminal"] = ask("terminal/create", command="ls").get("error", {}).get("message", "done")
    os.remove("pipe")
    os.remove("etc")
    report(results)
    end()


def says_that_it_cannot() -> None:
    """Give up."""
    say("I tried.\nCannot: the file is missing")
    end()


def needs_no_change() -> None:
    """Find it done."""
    say("Nothing to change: it is there already")
    end()


def does_nothing() -> None:
    """End without a word."""
    end()


def refuses() -> None:
    """Refuse, after a change."""
    report(1)
    end("refusal")


def dies() -> None:
    """End in mid-sentence."""
    say("I will now")
    sys.stdout.write('{"jsonrpc": "2.0", "method": "session/upd')
    sys.stdout.flush()
    sys.stderr.write("out of luck\n")
    sys.exit(3)


def speaks_nonsense() -> None:
    """Print what is no message."""
    for line in (
        "hello",
        "[1, 2]",
        "{}",
        '{"id": [1], "result": 1}',
        '{"id": 3, "error": "x"}',
        "[" * 100_000,
    ):
        write(line)
    while True:
        write("one plus one is fish")


def tolerated_nonsense() -> None:
    """Print a warning, and what later versions of the protocol may have, and work."""
    write("warning: deprecated")
    update("telepathy", thought="x")
    send(method="session/other", params=[1])
    send(method="_vendor/thing")
    assert "error" in ask("fs/read_text_file", path=7)
    assert "error" in ask("vendor/ask")
    works()


def floods() -> None:
    """Ask for permission ten thousand times."""
    for _ in range(10_000):
        permitted("edit", paths=(here("a"),))
    end()


def does_not_listen() -> None:
    """Ask ten thousand times without reading an answer."""
    with open("big", "w") as file:
        file.write("x" * 1_000_000)
    for number in range(10_000):
        params = {"sessionId": "s", "path": here("big")}
        send(id=number, method="fs/read_text_file", params=params)
    time.sleep(1000)


def sends_a_huge_message() -> None:
    """Say too much at once."""
    say("x" * 40_000_000)
    end()


def talks_much() -> None:
    """Say very much, in small parts."""
    for number in range(1_000):
        say("x" * 100)
        update("tool_call", toolCallId=str(number % 300), title="y" * 5_000, kind="other", status="completed")
    say("Title: Talk")
    report(1)
    end()


def says_odd_things() -> None:
    """Say what no record can hold."""
    os.symlink("README", "link\nof\x1b[31m lines")
    with open("binary", "wb") as file:
        file.write(b"\xff\xfe")
    permitted("other", title="\x00 a\nb \x1b[31m \u2028" * 100, paths=("\x00",), text="x" * 1_000_000)
    update("plan", entries=[{"content": "\x00\n\x1b", "priority": "low", "status": "pending"}] * 1_000)
    update("tool_call", toolCallId="\x00", title="\x00", kind="edit", status="completed")
    error = ask("fs/read_text_file", path=here("binary"))["error"]["message"]
    say(f"\x00{error}\nTitle: \x1b[1mGreet\x00\x07\x7f")
    end()


def waits() -> None:
    """Start a process, say so, and wait for the end; note whether the session was cancelled before."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    child = subprocess.Popen(["sleep", "1000"])
    say(f"waiting with {child.pid} ")
    signal.sigwait({signal.SIGTERM})
    with open(os.environ["HOME"] + "/told", "w") as file:
        file.write(receive()["method"])


def main() -> None:
    """Speak the protocol as far as the prompt."""
    behaviour = sys.argv[1]
    if behaviour == "silent":
        time.sleep(1000)
    if behaviour == "broken":
        sys.stderr.write("cannot open shared object\n")
        sys.exit(126)
    while True:
        message = receive()
        match message["method"]:
            case "initialize":
                version = 99 if behaviour == "newer" else 1
                send(id=message["id"], result={"protocolVersion": version, "agentCapabilities": {}})
            case "session/new" if behaviour == "logged_out":
                send(id=message["id"], error={"code": -32000, "message": "Authentication required"})
            case "session/new":
                send(id=message["id"], result={"sessionId": "s"})
            case "session/prompt":
                _prompts.append(message)
                act: Callable[[], None] = globals()[behaviour]
                act()


if __name__ == "__main__":
    main()
