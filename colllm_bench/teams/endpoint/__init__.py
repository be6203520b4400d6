"""A team behind an OpenAI-compatible endpoint: client, cache of answers, rate limits.

May import what ``teams`` may. No torch.
"""
