"""What is learned from: batches of tokens, what critics read, returns, losses. Pure functions.

May import the core. Imports torch where it computes with tensors.
"""
