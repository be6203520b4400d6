"""Bytes between learners that stand apart, worked out by hand."""

from __future__ import annotations

import pytest
from handmade_episodes import episode
from tiny_runs import trainer_for

from colllm_bench.baselines.algorithm import Algorithm
from colllm_bench.baselines.hierarchical import HierarchicalCritic
from colllm_bench.baselines.sequential import SequentialCredit
from colllm_bench.config import RunConfig
from colllm_bench.objectives import communication, critic_inputs

CUT, ENDED = episode(1, [2, 2], cut=True), episode(2, [2, 2])
# Of CUT: observations 1 + 2 and actions 1 + 1, observations 1 + 2 and actions 2 + 2, and a
# token each of what would have come next. Of ENDED: the last actions are read by nobody.
SENT, ENDED_SENT = 3 + 2 + 3 + 4 + 2, 3 + 2 + 3


def test_a_central_critic_is_sent_everything_and_answers_every_turn():
    assert communication.with_critics(critic_inputs.JOINT, [CUT]) == 4 * SENT + 4 * 4
    both = communication.with_critics(critic_inputs.JOINT, [CUT, ENDED])
    assert both == 4 * (SENT + ENDED_SENT) + 4 * 8


def test_critics_of_ones_own_are_sent_nothing():
    episodes = [CUT, ENDED, episode(3, [1, 3], cut=True)]
    assert communication.with_critics(critic_inputs.LOCAL, episodes) == 0


def test_critics_that_read_a_neighbour_are_sent_the_neighbour():
    def neighbours(episode):
        """Agent i's critic reads everybody in a row of its own, but judges its own turns only."""
        whole = critic_inputs.CriticReading([], [], [])
        for i in range(2):
            one, before = critic_inputs.joint(episode), len(whole.cells)
            whole.rows.append(critic_inputs.CriticRow(i, one.rows[0].ids))
            for cell in one.cells:
                for span in (cell.observed, cell.acted):
                    if span is not None:
                        span.row = i
            whole.cells += one.cells
            for p in one.positions:
                p.critic, p.turns, p.finals = i, p.turns[i : i + 1], p.finals[i : i + 1]
                p.observed = [before + c for c in p.observed]
            whole.positions += one.positions
        return whole

    critic_input = critic_inputs.CriticInput(neighbours, critics=lambda agents: agents)
    own = (1 + 1 + 1 + 2 + 1, 2 + 1 + 2 + 2 + 1)  # each agent's share of SENT
    assert sum(own) == SENT
    sent = communication.with_critics(critic_input, [CUT])
    assert sent == 4 * ((SENT - own[0]) + (SENT - own[1]))


@pytest.mark.parametrize("algorithm", [SequentialCredit, HierarchicalCritic])
def test_values_on_the_way_are_told_as_one_advantage(algorithm):
    """What is read is sent, the last actions that baselines know included; each turn is
    answered once."""
    reading = algorithm.critic_input.read(ENDED)
    tokens = sum(len(row.ids) for row in reading.rows)
    assert tokens > ENDED_SENT
    assert communication.with_critics(algorithm.critic_input, [ENDED]) == 4 * tokens + 4 * 4


def test_the_only_agents_critic_is_its_own():
    assert communication.with_critics(critic_inputs.JOINT, [episode(1, [3])]) == 0


def test_a_master_is_sent_observations_and_sends_actions():
    master = episode(1, [2], cut=True)
    assert communication.with_controller([master]) == 4 * (1 + 1 + 1 + 2 + 1)


def test_shared_policies_tell_each_other_their_gradients():
    assert communication.of_shared_policies([1, 1], [100, 100], 3) == 0
    sent = communication.of_shared_policies([2, 1, 3], [100, 100, 10], 3)
    assert sent == 2 * 3 * (2 * 100 + 3 * 10)


class MonteCarlo(Algorithm):
    def compute_advantages(self, episodes):
        return {}


@pytest.mark.parametrize(("normalized", "sent"), [(True, 2 * 5 * 4), (False, 0)])
def test_without_a_critic_only_the_scale_of_advantages_is_told(normalized, sent):
    algorithm = MonteCarlo(RunConfig(normalize_advantages=normalized))
    assert communication.bytes_exchanged(algorithm, [CUT]) == sent


def test_an_algorithm_can_say_its_own(model_folder, monkeypatch):
    trainer = trainer_for(model_folder, "mc")
    episodes = trainer.play(0)
    compute = trainer.algorithm.compute_advantages
    own = lambda episodes: compute(episodes) | {"bytes_exchanged": 16}  # noqa: E731
    monkeypatch.setattr(trainer.algorithm, "compute_advantages", own)
    assert trainer.learn(episodes, 0)["bytes_exchanged"] == 16


@pytest.mark.parametrize("algo", ["mc", "cc", "dc", "seq", "hier", "central"])
def test_an_iteration_of_each_algorithm_has_the_metric(model_folder, algo):
    trainer = trainer_for(model_folder, algo)
    episodes = trainer.play(0)
    found = trainer.learn(episodes, 0)["bytes_exchanged"]
    turns = [turn for e in episodes for x in e.trajectories for turn in x.turns]
    read = sum(len(turn.prompt_ids) for turn in turns)
    if algo in ("cc", "seq", "hier"):
        assert found > 4 * (read + len(turns))
    elif algo == "central":
        assert found >= 4 * (read + sum(len(turn.action_ids) for turn in turns))
    else:
        assert found == 3 * 5 * 4


def test_sharing_one_policy_counts_its_gradients(model_folder):
    trainer = trainer_for(model_folder, "mc", share="all", minibatches=1, epochs=1)
    (tensors,) = trainer.actor.groups.values()
    size = sum(tensor.numel() for tensor in tensors) * 4
    found = trainer.learn(trainer.play(0), 0)["bytes_exchanged"]
    assert found == 3 * 5 * 4 + 2 * 3 * size
