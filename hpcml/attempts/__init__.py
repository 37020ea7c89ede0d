"""The jobs that schedulers ran for a campaign: their state, how they ended, the next attempt."""
