"""Procedural programs without end: families of operations, the phrases that specify them, and the
hidden tests and examples that are drawn from reference solutions. Knows :mod:`..program` only.
"""
