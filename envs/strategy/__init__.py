"""``strategy_v0``: a siege under fog. The environment is :class:`.env.StrategyEnv`."""
