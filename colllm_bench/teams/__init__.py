"""Who answers for the agents: a language-model team, scripted teams, mixtures, processes,
endpoints.

May import the core, models and runs; torch only where a language model is loaded.
"""
