"""How far it scales: a simulation of a million at once, against the limits that AWS publishes."""
