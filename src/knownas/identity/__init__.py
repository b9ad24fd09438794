"""Whose is a record? The rules as a table, facts by position, claims, ledger rows. Pure."""
