"""Warm start: a pretrained model clones scripted demonstrations, as a start for reinforcement
learning that scores above zero.

The demonstrators are the environment's novices, whose most likely choice is wrong, as for the
built-in models (:mod:`colllm_bench.models.pretraining`). Prompts are those of a rollout, to the
token: the model's own chat template, its style, the instructions once.
"""
