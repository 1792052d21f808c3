"""Statistics in the terminal: the functions' EMF records, read back from their logs."""
