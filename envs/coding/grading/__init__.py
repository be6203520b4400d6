"""From an agent's text to numbers: parsing, tests in the sandbox, rewards. May import
:mod:`..program`, :mod:`..generator` and :mod:`..sandbox`; knows no data set and no environment.
"""
