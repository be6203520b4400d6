"""``credit_v0``: the smallest text game in which credit assignment is all there is."""
