"""Reports and submissions, from run folders alone.

The rooms, each importing only those before it: ``data`` (run folders as data), ``statistics``
(estimates over runs), ``metrics`` (what is reported, one list), ``report_data`` (everything a
report shows, as one dict), ``palette`` (colours of methods), then ``export`` (tables, marl-eval),
``plots`` (matplotlib), ``page`` (HTML) and ``submissions`` (results that others can verify).
``build``, ``submit`` and ``verify`` are the commands.
"""
