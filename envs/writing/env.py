"""``writing_v0``: a team writes one text. See :class:`WritingEnv`, or docs/writing.md."""

from __future__ import annotations

from typing import Any

from pettingzoo.utils.conversions import aec_wrapper_fn

from colllm_bench.envs.spaces import TextSpace
from colllm_bench.envs.splits import SPLITS
from colllm_bench.envs.text_env import TextEnv
from colllm_bench.envs.writing import datasets, render, tasks, text
from colllm_bench.envs.writing.language import premises as story_premises
from colllm_bench.envs.writing.scoring import comlrl_reward, rewards
from colllm_bench.envs.writing.scoring import fluency as fluencies
from colllm_bench.errors import ConfigError, check_choice

REWARDS = ("dense", "milestone", "sparse")
MILESTONES = (0.25, 0.5, 0.75)
"""Qualities that ``milestone`` pays for, a third each, the first time that they are reached."""


class WritingEnv(TextEnv):
    """A team writes one text, each agent its own section, in a few drafts.

    Every author has a part of the plan, from opening to resolution, and is shown a premise:
    two characters, a place, an object, a conflict, a tone, and a word that the section must use.
    All write at the same time; after each draft they see the others' sections and how their own
    was scored, and write again. What couples them: the sections must agree in names and facts,
    speak of the same things, have like lengths, link to each other and not repeat each other.

    ================  =====================================================================
    Id                writing_v0 (``pettingzoo.make("parallel", "colllm/writing-v0")``)
    Import            from colllm_bench.envs.writing.env import parallel_env
    Forms             parallel (all write at the same time), AEC
    Agents            2 to 16, default 3: writer_1 to writer_16
    Tasks             story, summary, introduction; default story
    Turns             1 to 4 drafts; default 1
    Words             20 to 120 a section of a story; default 30
    Premises          narrow, wide; default narrow (of stories)
    Action            TextSpace(max_length=8192)
    Observation       Dict(text: TextSpace(max_length=31640))
    Components        ten and quality, each from 0 to 1
    Rewards           dense, milestone, sparse; default dense
    Styles            brief, full; default brief
    Splits            train, dev, eval; default train
    Render modes      ansi, human, rgb_array
    ================  =====================================================================

    **Actions** are the whole section as text. Line breaks become blanks; ``<``, ``>``, ``|`` and
    what cannot be printed are dropped. Text without a letter, or of more than 4,096 characters,
    is no section: it counts as empty in this draft, ``infos[agent]["invalid"]`` is True,
    ``notice`` and the next observation say so. It never pays.

    **Observations.** The task is told once, in the instructions. Then ``draft 1 of 2``, and after
    a draft the author's own components of the score and the others' sections.

    **Score.** Ten components between 0 and 1 (:mod:`.scoring.rewards`) and ``quality``, a
    product of gates (length, repetition, copying, fluency) and of a weighted geometric mean of
    merits (the others). ``success``: a final quality of at least 0.75. For ``summary`` and
    ``introduction`` the four levels of arXiv 2508.04652 (:mod:`.scoring.comlrl_reward`),
    3 points at most, ``quality`` their sum over 3, success the same.

    **Rewards** are the team's, the same for each agent. ``dense``: the change of quality (for the
    published tasks, of points) from draft to draft, the first against 0, so that the return is
    that of the last draft. ``milestone``: a third each the first time that a draft's quality
    reaches 0.25, 0.5 and 0.75. ``sparse``: 1 at the end for success. The last draft ends the
    task: ``terminated``. Only ``max_cycles`` truncates.

    **Infos**: ``instructions`` (at reset), ``invalid``, ``notice``, ``score`` (the team's
    components and ``quality``), ``own`` (the author's own components), ``success`` (at the end).

    Args:
        agents: authors, 2 to 16; 2 for ``summary`` and ``introduction``.
        turns: drafts, 1 to 4.
        task: ``"story"``, ``"summary"`` or ``"introduction"``.
        words: words that a section of a story should have, 20 to 120.
        reward: ``"dense"``, ``"milestone"`` or ``"sparse"``.
        fluency: ``"reference"`` (the frozen model that ships, no torch needed), ``"off"``, or a
            folder or hub id of a causal language model (needs torch).
        data: a JSONL file with texts for ``summary`` (field ``prompt``) or ``introduction``
            (``abstract_text``), or ``"hub"`` for the published data sets; None: made-up texts.
        premises: what stories are about: ``"narrow"``, 350 names and 430 places to train on, or
            ``"wide"``, several times as many (:mod:`.language.premise_lists`).
        style: ``"brief"`` or ``"full"``.
        split: ``"train"``, ``"dev"`` or ``"eval"``: tasks that never meet.
        render_mode: None, ``"ansi"``, ``"human"`` or ``"rgb_array"``.
        max_cycles: truncate after this many drafts (PettingZoo's convention); None: never.

    Raises:
        ConfigError: a value that is not allowed; a file that cannot be read; torch is missing.

    Version History: v0: first release (word lists and reference.json.gz belong to the version).
    """

    metadata = {**TextEnv.metadata, "name": "writing_v0"}

    def __init__(
        self,
        agents: int = 3,
        turns: int = 1,
        task: str = "story",
        words: int = 30,
        reward: str = "dense",
        fluency: str = "reference",
        data: str | None = None,
        premises: str = "narrow",
        style: str = "brief",
        split: str = "train",
        render_mode: str | None = None,
        max_cycles: int | None = None,
    ):
        check_choice("task", task, tasks.TASKS)
        tasks.check_agents(task, agents)
        check_choice("turns", turns, tasks.DRAFTS, "1 to 4")
        check_choice("words", words, tasks.LENGTHS, "20 to 120")
        check_choice("reward", reward, REWARDS)
        check_choice("style", style, text.STYLES)
        check_choice("split", split, SPLITS)
        check_choice("premises", premises, story_premises.LISTS)
        if task != "story" and premises != "narrow":
            raise ConfigError(
                f"premises={premises!r} with task={task!r}", allowed="a story, which has a premise",
                fix="leave premises out",
            )
        fluencies.check(fluency)
        self.sources = datasets.sources(task, data, split)
        self.turns, self.task, self.words, self.reward = turns, task, words, reward
        self.fluency, self.data, self.premises = fluency, data, premises
        self.style, self.split = style, split
        super().__init__(
            [f"writer_{i + 1}" for i in range(agents)],
            [TextSpace(text.MAX_ACTION, examples=text.EXAMPLES) for _ in range(agents)],
            text.MAX_OBSERVATION, render_mode, max_cycles,
        )
        self.premise: story_premises.Premise | None = None
        self.source: str | None = None
        self.draft = -1
        self.sections: list[str] = []
        self._own: list[dict[str, float]] = []
        self._score: dict[str, float] = {}
        self._invalid: list[bool] = []
        self._notices: list[str] = []
        self._best = 0.0

    def reset(self, seed: int | None = None, options: dict | None = None):
        """A new task. Returns (observations, infos), each by agent.

        Args:
            seed: names the task, given the split; None goes on with the environment's own
                generator (which starts from the system's entropy).
            options: not used; a ``progress`` above 0 is refused.
        """
        self._begin(seed, options)
        n = len(self.possible_agents)
        if self.task == "story":
            self.premise = story_premises.draw(
                n, self._rng, self.split, self.premises
            )
        else:
            self.source = self.sources.draw(self._rng)
        self.draft, self.sections, self._best = 0, [""] * n, 0.0
        names = self._names()
        self._own = [dict.fromkeys(names, 0.0) for _ in range(n)]
        self._score = dict.fromkeys([*names, "quality"], 0.0)
        self._invalid, self._notices = [False] * n, [""] * n
        infos = self._infos()
        for i, agent in enumerate(self.agents):
            infos[agent]["instructions"] = self._instructions(i)
        return self._observations(), infos

    def step(self, actions: dict[str, str]):
        """One draft. Returns (observations, rewards, terminations, truncations, infos).

        An action that is missing or no section counts as an empty section of this draft.

        Raises:
            RuntimeError: before the first reset.
            KeyError: for an action of an agent that does not exist.
        """
        if not self._plays(actions):
            return {}, {}, {}, {}, {}
        agents = self.agents
        written = [text.clean(actions.get(agent)) for agent in agents]
        self._invalid = [section is None for section in written]
        self._notices = [
            text.notice(actions.get(agent)) if section is None else ""
            for agent, section in zip(agents, written, strict=True)
        ]
        self.sections = [section or "" for section in written]
        self.draft += 1
        before = self._score["quality"]
        self._rate()
        over = self.draft >= self.turns
        reward = self._reward(before, over)
        return self._result(
            self._observations(), reward, over, self.draft, self._success(), self._infos()
        )

    def _names(self) -> tuple[str, ...]:
        return rewards.COMPONENTS if self.task == "story" else comlrl_reward.COMPONENTS

    def _instructions(self, i: int) -> str:
        if self.task == "story":
            return text.story_instructions(self.premise, i, self.words, self.turns, self.style)
        return text.published_instructions(self.task, i, self.source, self.turns, self.style)

    def _rate(self) -> None:
        """Score the draft: every section's components, the team's means, the quality."""
        if self.task == "story":
            judge = fluencies.scorer(self.fluency)
            self._own, self._score = rewards.rate(self.sections, self.premise, self.words, judge)
        else:
            self._own, self._score = comlrl_reward.rate(self.task, self.sections)

    def _reward(self, before: float, over: bool) -> float:
        quality = self._score["quality"]
        if self.reward == "milestone":
            passed = sum(self._best < mark <= quality for mark in MILESTONES)
            self._best = max(self._best, quality)
            return passed / len(MILESTONES)
        if self.reward == "sparse":
            return float(over and self._success())
        scale = 1.0 if self.task == "story" else comlrl_reward.MOST
        return scale * (quality - before)

    def _success(self) -> bool:
        return self._score["quality"] >= rewards.SUCCESS

    def _infos(self) -> dict[str, dict[str, Any]]:
        return {
            agent: {
                "invalid": invalid,
                "notice": notice,
                "score": dict(self._score),
                "own": dict(own),
            }
            for agent, invalid, notice, own in zip(
                self.possible_agents, self._invalid, self._notices, self._own, strict=True)
        }

    def _observations(self) -> dict[str, dict[str, str]]:
        return {
            agent: {
                "text": text.observe(
                    i, self.draft, self.turns, self.sections, self._own[i], self._invalid[i],
                    self.style,
                )
            }
            for i, agent in enumerate(self.possible_agents)
        }  # fmt: skip

    def state(self) -> str:
        """Everything as text: the task, the draft, all sections, the team's score."""
        task = self.source if self.premise is None else (
            f"{story_premises.brief_premise(self.premise)} use {' '.join(self.premise.required)}"
        )
        marks = " ".join(f"{name}={value:.3f}" for name, value in self._score.items())
        lines = [f"{self.task} draft {self.draft} of {self.turns}", str(task), marks]
        return "\n".join(lines + [f"{i + 1}: {s}" for i, s in enumerate(self.sections)])

    def _ansi(self) -> str:
        return render.ansi(self)

    def _rgb_array(self):
        return render.rgb_array(self)

    def _frame(self) -> dict[str, Any]:
        return render.frame(self)


def parallel_env(**options: Any) -> WritingEnv:
    """The environment in PettingZoo's parallel form."""
    return WritingEnv(**options)


raw_env = aec_wrapper_fn(parallel_env)
env = raw_env
