"""A person at the terminal: input, panels, the replay viewer, seats, a game.

May import the core, teams, setup and runs.
"""
