"""Optimizer steps: actors by an algorithm's loss, critics by regression on returns.

May import the core, models and objectives. Imports torch.
"""
