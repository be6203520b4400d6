"""Published data sets (HumanEval, MBPP, CoopHumanEval) and the hand-written
problems. May import :mod:`..program` and :mod:`..sandbox`, which records what references return.
"""
