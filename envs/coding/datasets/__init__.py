"""Published data sets (HumanEval, MBPP, CoopHumanEval) and the hand-written problems. May import
:mod:`..generator`, for programs as data, and :mod:`..sandbox`, in which references are run.
"""
