"""``classic_v0``: the small Dec-POMDPs of the literature as text games, with their exact optima.

The environment is :class:`.env.ClassicEnv`; the games are tables (:mod:`.model`, :mod:`.games`),
which know nothing of text; :mod:`.solver` computes what the best teams are worth.
"""
