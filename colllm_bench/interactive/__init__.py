"""A person at the terminal: input, panels, the replay viewer, seats.

May import the core, teams, setup and runs.
"""
