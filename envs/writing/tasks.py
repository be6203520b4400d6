"""The tasks of ``writing``, and what numbers their options may have."""

from __future__ import annotations

from colllm_bench.errors import ConfigError

TASKS = ("story", "summary", "introduction")
AGENTS = range(2, 17)
DRAFTS = range(1, 5)
LENGTHS = range(20, 121)
"""Words that a section of a story may be asked to have."""


def check_agents(task: str, agents: int) -> None:
    """Refuse a number of agents that the task is not for.

    Raises:
        ConfigError: outside 2 to 16; or not 2, for the two published tasks.
    """
    if type(agents) is not int or agents not in AGENTS:
        raise ConfigError(f"agents={agents!r}", allowed="2 to 16", fix="agents=3 is the default")
    if task != "story" and agents != 2:
        raise ConfigError(
            f"agents={agents} with task={task!r}", allowed="2: the published task has two authors",
            fix="--agents 2",
        )
