"""The environment and its jail: whose processes they are, and what failures of them do."""

from __future__ import annotations

import pickle

import pytest
from coding_answers import broken, solved

from colllm_bench.envs.coding import env as module
from colllm_bench.envs.coding.env import CodingEnv
from colllm_bench.envs.coding.sandbox import shared_pool as pools


def test_an_environment_holds_no_processes_when_pickled_or_copied():
    env = CodingEnv(agents=2)
    env.reset(seed=3)
    env.step(broken(env, 0))
    other = pickle.loads(pickle.dumps(env))
    assert env.step(solved(env))[1:4] == other.step(solved(other))[1:4]


def test_processes_have_pools_of_their_own_and_close_only_theirs():
    """A forked child judges with sandboxes of its own, ends them, and leaves its parent's."""
    import os

    env = CodingEnv(agents=2)
    env.reset(seed=0)
    pool = pools.shared_pool()
    assert pools.shared_pool() is pool
    child = os.fork()
    if child == 0:
        try:
            fine = pools.shared_pool() is not pool and env.step(solved(env))[1]["coder_1"] == 1.0
            pools.close_pools()
            os._exit(0 if fine else 1)
        except BaseException:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert env.step(solved(env))[1]["coder_1"] == 1.0 and pools.shared_pool() is pool


def test_a_closed_pool_is_made_again():
    env = CodingEnv(agents=2)
    env.reset(seed=0)
    first = pools.shared_pool()
    pools.close_pools()
    assert env.step(solved(env))[1]["coder_1"] == 1.0 and pools.shared_pool() is not first


def test_the_jail_that_was_used_belongs_to_the_results():
    assert CodingEnv(agents=2).provenance() == {"sandbox": pools.shared_pool().rung}


def test_infrastructure_failures_stop_the_run(monkeypatch):
    from colllm_bench.envs.coding.sandbox import Outcome
    from colllm_bench.errors import RunError

    class Lost:
        def run(self, source, entry, cases, limits):
            return [Outcome("sandbox-lost")] * len(cases)

    monkeypatch.setattr(module, "shared_pool", lambda rung: Lost())
    env = CodingEnv(agents=2)
    env.reset(seed=0)
    with pytest.raises(RunError):
        env.step(solved(env))
