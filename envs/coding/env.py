"""``coding_v0``: a team writes one program. See :class:`CodingEnv`, or docs/coding.md."""

from __future__ import annotations

from typing import Any

from pettingzoo.utils.conversions import aec_wrapper_fn

from colllm_bench.envs.coding import render, tasks, text
from colllm_bench.envs.coding.generator import hidden_tests
from colllm_bench.envs.coding.generator.program import Case, Program
from colllm_bench.envs.coding.grading import grader, parsing
from colllm_bench.envs.coding.grading.parsing import NOTHING, Piece
from colllm_bench.envs.coding.sandbox.shared_pool import CHOICES, shared_pool
from colllm_bench.envs.spaces import TextSpace
from colllm_bench.envs.splits import SPLITS
from colllm_bench.envs.text_env import TextEnv
from colllm_bench.errors import ConfigError, check_choice

TURNS = range(1, 5)
EXAMPLES = {"brief": 1, "full": 2}
"""Examples of an agent's own function in its prompt."""


class CodingEnv(TextEnv):
    """A team writes one program: each agent a function, and unit tests judge the whole.

    The last agent writes the entry function, which must call the others' and use what they
    return. Everybody writes at the same time and sees the specification, not the others' code.
    Later turns tell what failed, and the code can be written again.

    ================  =====================================================================
    Id                coding_v0 (``pettingzoo.make("parallel", "colllm/coding-v0")``)
    Import            from colllm_bench.envs.coding.env import parallel_env
    Forms             parallel (all write at once), AEC
    Agents            2 to 16, default 3: coder_1 to coder_16; the last writes the entry
    Tasks             families, problems, published; default families; or data=FILE
    Levels            1 easy, 2 normal, 3 hard, 4 hardest; default 1 (of the families)
    Turns             1 to 4, default 2
    Feedback          detailed, passed, none; default detailed
    Action            TextSpace(max_length=16384)
    Observation       Dict(text: TextSpace(max_length=65536))
    Rewards           sparse, milestone, dense; default dense
    Styles            brief, full; default brief
    Splits            train, dev, eval; default train
    Split by          form, behaviour; default form (of the families)
    Render modes      ansi, human, rgb_array
    ================  =====================================================================

    **Actions** are text: Python that defines the agent's function, bare, in a fenced block, or
    with prose around it. Imports, helper functions and constants beside it are taken over; calls
    and prints are not, nor what belongs to a teammate. ``keep`` alone, from the second turn
    on, leaves the function as it is. Anything else is invalid (``infos[agent]["invalid"]``): the
    agent then has no function in this turn's program, which never pays.

    **Tests** are drawn anew in every turn, are none of the prompt's examples, and run in a jail
    (docs/sandbox.md) that never holds what is expected. Each function is tested for itself, with
    its teammates' as specified, and the program as a whole. Whether a teammate's function is used
    is measured: the program runs again with it replaced, and results must change.

    **Rewards** are the team's. Each turn pays what the program is worth now minus what it was
    worth a turn before, so that the return is the worth of the last program: ``sparse``: 1 for
    success; ``milestone``: 0.5 for the share of functions that pass their own tests, 0.5
    for success; ``dense``: the score's ``total``, see
    :func:`.grading.reward.score`. Success (all hidden tests pass, all teammates' functions
    used) ends the episode, as does the last turn: both
    ``terminated``. Only ``max_cycles`` truncates. ``task="published"`` has the rewards of
    arXiv 2508.04652 instead, see :mod:`.grading.comlrl_reward`.

    **Infos**: ``instructions`` (at reset), ``invalid``, ``notice``, ``verdict`` (a line about the
    agent's function, for people), ``score`` (``defined``, ``parses``, ``units``, ``tests``,
    ``used``, ``not_wrapper``, ``not_ignored``, ``total``: floats from 0 to 1), ``success`` (at
    the end).

    Args:
        agents: coders, 2 to 16 (hand-written problems: 2 to 4; published: 2).
        turns: 1 to 4.
        level: of the families: 1 one operation a helper, 2 two in turn, 3 one or another by a
            condition, 4 three in turn.
        reward: ``"sparse"``, ``"milestone"`` or ``"dense"``.
        feedback: what later turns tell: ``"detailed"``, ``"passed"`` or ``"none"``.
        task: ``"families"`` (procedural), ``"problems"`` (hand-written), ``"published"``.
        data: a file in the format of HumanEval, EvalPlus, MBPP or CoopHumanEval, or a data set's id
            on the Hugging Face hub (:mod:`.datasets.humaneval_mbpp`).
        style: ``"brief"`` or ``"full"``.
        split: ``"train"``, ``"dev"`` or ``"eval"``: programs that never meet.
        split_by: what decides a family's program's split: ``"form"``, how it is written, or
            ``"behaviour"``, its results on fixed inputs (:mod:`.generator.behaviour`): no
            held-out program then does what one of training does.
        sandbox: the isolation level: ``"auto"`` (the strongest that works here) or a name.
        render_mode: None, ``"ansi"``, ``"human"`` or ``"rgb_array"``.
        max_cycles: truncate after this many turns (PettingZoo's convention); None: never.

    Raises:
        ConfigError: a value that is not allowed; a data file that is not well formed.

    Version History: v0: first release.
    """

    metadata = {**TextEnv.metadata, "name": "coding_v0"}

    several_lines = True
    """An answer has several lines: a centralized controller must number them."""

    def __init__(
        self,
        agents: int = 3,
        turns: int = 2,
        level: int = 1,
        reward: str = "dense",
        feedback: str = "detailed",
        task: str = "families",
        data: str | None = None,
        style: str = "brief",
        split: str = "train",
        split_by: str = "form",
        sandbox: str = "auto",
        render_mode: str | None = None,
        max_cycles: int | None = None,
    ):
        check_choice("turns", turns, TURNS, "1 to 4")
        check_choice("reward", reward, ("sparse", "milestone", "dense"))
        check_choice("feedback", feedback, text.FEEDBACK)
        check_choice("style", style, text.STYLES)
        check_choice("split", split, SPLITS)
        check_choice("sandbox", sandbox, CHOICES)
        self.source = tasks.source(task, data, agents, level, split_by, sandbox)
        self.turns, self.level, self.reward, self.feedback = turns, level, reward, feedback
        self.task, self.data, self.style, self.split = task, data, style, split
        self.split_by, self.sandbox = split_by, sandbox
        if task == "published" and reward != "dense":
            raise ConfigError(
                f"reward={reward!r} with task='published', which has rewards of its own",
                fix="leave reward out",
            )
        super().__init__(
            [f"coder_{i + 1}" for i in range(agents)],
            [
                TextSpace(parsing.MAX_ACTION, examples=tasks.sample_actions(i, agents))
                for i in range(agents)
            ],
            text.MAX_OBSERVATION, render_mode, max_cycles,
        )
        self.roles = {agent: "helper" for agent in self.possible_agents}
        self.roles[self.possible_agents[-1]] = "entry"
        self.program: Program | None = None
        self.pieces: list[Piece] = []
        self.verdict: grader.Verdict | None = None
        self.turn = 0
        self._examples: list[list[Case]] = []
        self._told: list[Case] = []
        self._worth = 0.0

    def reset(self, seed: int | None = None, options: dict | None = None):
        """A new program. Returns (observations, infos), each by agent.

        Args:
            seed: names the program and its hidden tests, given the split; None goes on with
                the environment's own generator (which starts from the system's entropy).
            options: not used; a ``progress`` above 0 is refused.
        """
        self._begin(seed, options)
        self.program = self.source.draw(self._rng, self.split)
        self._examples = hidden_tests.draw_examples(self.program, self._rng, EXAMPLES[self.style])
        self.pieces = [NOTHING] * len(self.possible_agents)
        self.verdict, self.turn, self._worth, self._told = None, 0, 0.0, []
        score = self.source.score(self.pieces, None, self.program)
        observations, infos = {}, {}
        for i, agent in enumerate(self.agents):
            seen = self.source.task(self.program, i, self._examples, self.style)
            observations[agent] = {"text": seen[: text.MAX_OBSERVATION]}
            infos[agent] = {"invalid": False, "notice": "", "verdict": "", "score": dict(score)}
            infos[agent]["instructions"] = self.source.instructions(
                self.program, i, self.turns, self.style, self.feedback
            )
        return observations, infos

    def step(self, actions: dict[str, str]):
        """One turn. Returns (observations, rewards, terminations, truncations, infos).

        An action that is missing, no text, or no Python that defines the agent's function leaves
        the agent without a function in this turn's program.

        Raises:
            RuntimeError: before the first reset.
            KeyError: for an action of an agent that does not exist.
            RunError: the sandbox itself failed, twice in a row.
        """
        if not self._plays(actions):
            return {}, {}, {}, {}, {}
        agents, program = self.agents, self.program
        notices = [self._take(i, actions.get(agent)) for i, agent in enumerate(agents)]
        self.turn += 1
        hidden = hidden_tests.draw_cases(program, self._rng, self._shown())
        self.verdict = self.source.grade(self._grader(), program, self.pieces, hidden)
        score = self.source.score(self.pieces, self.verdict, program)
        worth = self.source.worth(self.reward, self.pieces, self.verdict, score)
        reward, self._worth = worth - self.source.carried(self._worth), worth
        success = self.verdict.passes
        if self.feedback == "detailed" and program.tests and self.verdict.program_failure:
            self._told.append(self.verdict.program_failure.case)
        over = self.turn >= self.turns or (success and self.source.ends_with_success)
        observations, infos = {}, {}
        for i, (agent, notice) in enumerate(zip(agents, notices, strict=True)):
            seen = text.observe(
                program, i, self.pieces[i], notice, self.verdict, self.style, self.feedback
            )
            observations[agent] = {"text": seen[: text.MAX_OBSERVATION]}
            infos[agent] = {
                "invalid": bool(notice),
                "notice": notice,
                "verdict": text.summary(program, i, self.verdict),
                "score": dict(score),
            }
        return self._result(observations, reward, over, self.turn, success, infos)

    def _shown(self) -> list[Case]:
        """What agents have been shown and may know by heart: the examples and, where tests are
        fixed, the ones that feedback told."""
        shown = [case for own in self._examples for case in own]
        return shown + self._told

    def _grader(self) -> grader.Grader:
        return grader.Grader(shared_pool(self.sandbox))

    def _take(self, i: int, action: object) -> str:
        """Make an action this agent's part of the program; why it is invalid, or ""."""
        if parsing.keeps(action) and self.turn > 0:
            return ""
        function = self.program.functions[i]
        others = {f.name for f in self.program.functions} - {function.name}
        self.pieces[i] = parsing.parse(action, function.name, function.params, others)
        return "" if self.pieces[i].defined else self.pieces[i].error

    def state(self) -> str:
        """Everything, the hidden included, as text: for centralized views and spectators."""
        return text.everything(self.program, self.pieces, self.verdict, self.turn, self.turns)

    def _ansi(self) -> str:
        return render.ansi(*self._shown_to_spectators())

    def _rgb_array(self):
        return render.rgb_array(*self._shown_to_spectators())

    def _frame(self) -> dict[str, Any]:
        return render.frame(*self._shown_to_spectators())

    def _shown_to_spectators(self) -> tuple:
        return self.program, self.pieces, self.verdict, self.turn, self.turns

    def provenance(self) -> dict[str, Any]:
        """What belongs to the results: ``sandbox``, how code is isolated on this machine, and
        ``left_out``, the problems of a data file that cannot be used, with the reason.

        Raises:
            ConfigError: nothing here confines code: no program can be run.
        """
        kept = {"sandbox": shared_pool(self.sandbox).rung}
        left_out = getattr(self.source, "left_out", ())
        return {**kept, "left_out": dict(left_out)} if left_out else kept

    def close(self) -> None:
        """Nothing of its own to close: the sandboxes are the process's, and end with it."""


def parallel_env(**options: Any) -> CodingEnv:
    """The environment in PettingZoo's parallel form."""
    return CodingEnv(**options)


raw_env = aec_wrapper_fn(parallel_env)
env = raw_env
