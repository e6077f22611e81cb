"""A process that serves a scripted agent which takes its time; for `running_service`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from prompts import load_template
from simulator.clicks import AgentClicks
from simulator.engines import ScriptedEngine
from simulator.interfaces import LabelProbabilities, Prompt
from simulator.service import bind, read_token, serve


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class SlowEngine(ScriptedEngine):
    def label_probabilities(
        self, prompts: Sequence[Prompt], labels: Sequence[str]
    ) -> LabelProbabilities:
        time.sleep(0.15)
        return super().label_probabilities(prompts, labels)

    def close(self) -> None:
        say("engine closed")


if __name__ == "__main__":
    agent = AgentClicks(
        SlowEngine(lambda text: len(text) % 11 / 10), load_template("movies/click-en")
    )
    serve(
        agent,
        bind("127.0.0.1", 0),
        say=say,
        token=read_token("127.0.0.1"),
    )
    agent.close()
