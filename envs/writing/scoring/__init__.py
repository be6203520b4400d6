"""The scores of texts: components and quality of a story, the frozen model of fluency, and the
published rewards. May import :mod:`..language`; knows no environment.
"""
