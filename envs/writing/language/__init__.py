"""The words and sentences of ``writing``: word lists, tokens, the grammar that stories are made of,
and synthetic sources. Imports the standard library only: no score and no environment.
"""
