"""What a terminal shows: progress, tables of results and jobs, an evaluation's report.

May import evaluation and training (callbacks) and all that they may. No torch.
"""
