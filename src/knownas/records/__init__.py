"""Bytes to record or rejection: decode, limits, normalize, reason codes. Pure."""
