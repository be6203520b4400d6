"""The source of an environment whose episodes take a while: time enough to be interrupted."""

SLOW_ENVIRONMENT = """
import time
from colllm_bench.envs.strategy.env import StrategyEnv

class Slow(StrategyEnv):
    def reset(self, *args, **kwargs):
        time.sleep(0.03)
        return super().reset(*args, **kwargs)
"""
