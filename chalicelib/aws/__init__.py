"""Ports, and AWS behind them."""
