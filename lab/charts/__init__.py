"""Charts: pure functions from a run's tables to Altair charts, and the tables that stand beside them."""
