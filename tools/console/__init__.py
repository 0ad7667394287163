"""What every command shows on a terminal: tables, progress, refusals; and what it keeps off."""
