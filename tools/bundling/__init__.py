"""The zips that Lambda gets, and what is in them."""
