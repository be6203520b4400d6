"""From played episodes to optimizer steps, and the loop around them.

May import everything below it: models, objectives, baselines, teams, evaluation, runs. Imports
torch.
"""
