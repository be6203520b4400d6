"""Frozen teams on held-out tasks: play, comparison, cross-play and their records.

May import teams, setup, runs and the rollout loop. No torch at import.
"""
