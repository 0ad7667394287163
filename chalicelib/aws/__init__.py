"""Ports to object store, queue and state machine, and AWS behind them."""
