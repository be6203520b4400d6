"""``strategy_v0``: a siege under fog. The environment is :class:`.env.StrategyEnv`; its rules
(:mod:`.rules`) know nothing of text or agents.
"""
