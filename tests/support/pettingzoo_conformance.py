"""PettingZoo's own conformance tests on every team size: a base for each environment's class."""

from __future__ import annotations

from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest
from pettingzoo.test import (
    api_test,
    max_cycles_test,
    parallel_api_test,
    parallel_seed_test,
    render_test,
    seed_test,
)

from colllm_bench.envs.centralized_execution import CentralizedEnv
from colllm_bench.testing import check_env

SIZES = (2, 3, 4, 8, 16)
WARNINGS = pytest.mark.filterwarnings(
    "error",
    # Text is neither an array nor a box, and should not be.
    "ignore:Observation is not a NumPy array",
    "ignore:Observation space for each agent probably should be",
    "ignore:Action space for each agent probably should be",
)


@WARNINGS
@pytest.mark.parametrize("agents", SIZES)
class Conformance:
    """Name a subclass ``Test...``.

    Attributes:
        module: of the environment, with ``env`` and ``parallel_env``.
        options: of the environment, in all of these tests.
        endless: options with which no episode ends in four steps.
        cycles: steps of the AEC form; the parallel form plays half of them, seeds a fifth.
        central_seeds: on which the centralized form is checked.
    """

    module: ClassVar[ModuleType]
    options: ClassVar[dict[str, Any]] = {}
    endless: ClassVar[dict[str, Any]] = {}
    cycles: ClassVar[int] = 40
    central_seeds: ClassVar[tuple[int, ...]] = (0, 1)

    def aec(self, agents: int, **options: Any):
        return partial(self.module.env, agents=agents, **self.options, **options)

    def parallel(self, agents: int, **options: Any):
        return partial(self.module.parallel_env, agents=agents, **self.options, **options)

    def test_aec_api(self, agents):
        api_test(self.aec(agents)(), num_cycles=self.cycles)

    def test_parallel_api(self, agents):
        parallel_api_test(self.parallel(agents)(), num_cycles=self.cycles // 2)

    def test_seeds(self, agents):
        seed_test(self.aec(agents), num_cycles=self.cycles)
        parallel_seed_test(self.parallel(agents), num_cycles=self.cycles // 5)

    def test_render(self, agents, capsys):
        render_test(self.aec(agents))

    def test_max_cycles(self, agents):
        max_cycles_test(
            SimpleNamespace(
                parallel_env=self.parallel(agents, **self.endless),
                env=self.aec(agents, **self.endless),
            )
        )

    def test_the_centralized_form(self, agents):
        def make():
            return CentralizedEnv(self.parallel(agents)())

        parallel_api_test(make(), num_cycles=self.cycles * 3 // 10)
        parallel_seed_test(make, num_cycles=self.cycles * 3 // 20)
        report = check_env(make, hash_seeds=False, seeds=self.central_seeds)
        assert report.agents == 1
