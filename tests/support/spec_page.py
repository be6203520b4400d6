"""An environment's documentation page beside its class: the specification table of both."""

from __future__ import annotations

import re
from typing import Any

from paths import ROOT


class SpecPage:
    """``docs/NAME.md``, and the class that it documents.

    Attributes:
        text: the page.
        spec: the table of the class's docstring: row to value.
    """

    def __init__(self, name: str, cls: type):
        self.name = name
        self.text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        self.spec = dict(re.findall(r"^    (\w[\w ]*?) {2,}([^=\s].*)$", cls.__doc__, flags=re.M))

    def between(self, mark: str) -> str:
        """What stands between the marks ``<!-- MARK: begin -->`` and ``<!-- MARK: end -->``."""
        return self.text.split(f"<!-- {mark}: begin -->\n")[1].split(f"<!-- {mark}: end -->")[0]

    def rows_of_all(self, env: Any, rewards: Any, styles: Any, splits: Any) -> dict[str, str]:
        """The rows that every environment has, as the code of ``env`` (with its defaults) says."""
        agent, version = env.possible_agents[0], f"{self.name}_v0"
        assert env.metadata["name"] == version
        return {
            "Id": f'{version} (``pettingzoo.make("parallel", "colllm/{self.name}-v0")``)',
            "Import": f"from colllm_bench.envs.{self.name}.env import parallel_env",
            "Action": repr(env.action_space(agent)),
            "Observation": f"Dict(text: {env.observation_space(agent)['text']!r})",
            "Rewards": f"{', '.join(rewards)}; default {env.reward}",
            "Styles": f"{', '.join(styles)}; default {env.style}",
            "Splits": f"{', '.join(splits)}; default {env.split}",
            "Render modes": ", ".join(env.metadata["render_modes"]),
        }

    def check_table(self) -> None:
        """The page's table is the docstring's."""
        rows = dict(re.findall(r"^\| ([^|]+) \| (.+) \|$", self.between("spec"), flags=re.M))
        assert rows == {key: value.replace("``", "`") for key, value in self.spec.items()}
