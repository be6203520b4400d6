"""Episodes of novices as a language model would have played them: its prompts, their actions."""

from __future__ import annotations

from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.seeding import derive
from colllm_bench.setup.environments import make_env
from colllm_bench.types import Episode, Trajectory, Turn, written


def novice_class(env: str) -> Any:
    """The class of the environment's demonstrators.

    Raises:
        ConfigError: it has none.
    """
    spec = registry.env_spec(env)
    if spec.novice is None:
        able = ", ".join(known.name for known in registry.ENVS.values() if known.novice)
        raise ConfigError(
            f"environment {env!r} has no demonstrations to clone", allowed=able,
            fix='register_env(..., novice="module:Class"), which has reset and act',
        )
    return registry.load(spec.novice, "novice")


class Demonstrator:
    """Plays training tasks with novices and writes down what a model would have read.

    Novices read the brief style. What the model reads comes from a twin of the environment in the
    model's style, with the same seed and the same actions.

    Args:
        config: resolved; its environment, agents and style.
        prompts: the model's :class:`colllm_bench.models.prompts.PromptBuilder`.
    """

    def __init__(self, config: RunConfig, prompts: Any):
        self.config, self.prompts = config, prompts
        self.novice = novice_class(config.env)
        self.shown = make_env(config, split="train")
        self.twin = make_env(config, split="train", scripted=True)

    def episode(self, number: int) -> Episode:
        """The demonstration of this number: the same for the same ``config.seed``.

        Raises:
            ConfigError: a transcript is longer than the model's context.
        """
        seed = derive(self.config.seed, "demonstration", number)
        seen, told = self.shown.reset(seed=seed)
        read, facts = self.twin.reset(seed=seed)
        names = self.shown.possible_agents
        team = {name: self.novice() for name in names}
        for name in names:
            team[name].reset(name, facts[name]["instructions"], derive(seed, name))
        trajectories = [Trajectory(n, i, told[n]["instructions"]) for i, n in enumerate(names)]
        while self.shown.agents:
            actions = {
                name: team[name].act(read[name]["text"], facts[name]) for name in self.shown.agents
            }
            for trajectory in trajectories:
                name = trajectory.agent
                if name in actions:
                    self._add(trajectory, seen[name]["text"], actions[name])
            seen, rewards, _, _, told = self.shown.step(actions)
            read, _, _, _, facts = self.twin.step(actions)
            for trajectory in trajectories:
                if trajectory.agent in actions:
                    trajectory.turns[-1].reward = float(rewards[trajectory.agent])
        for trajectory in trajectories:
            self.prompts.require_context(sum(
                len(written(t.prompt_ids)) + len(written(t.action_ids)) for t in trajectory.turns
            ))
        return Episode(seed, number, trajectories)

    def _add(self, trajectory: Trajectory, observation: str, action: str) -> None:
        if trajectory.turns:
            ids = self.prompts.next_turn(observation, ended=True)
        else:
            ids = self.prompts.first_turn(trajectory.instructions, observation)
        trajectory.turns.append(Turn(
            observation, prompt_ids=ids, action_ids=self.prompts.action(action),
            action_text=action,
        ))

    def close(self) -> None:
        self.shown.close()
        self.twin.close()
