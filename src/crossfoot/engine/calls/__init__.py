"""Talking to a vendor: tokens, limits, waits, and no write without a committed intent."""
