"""From names and settings to objects: resolve and check a configuration, make environments.

May import the core and baselines.
"""
