"""Reports from run folders alone: plots now, statistics and pages beside them."""
