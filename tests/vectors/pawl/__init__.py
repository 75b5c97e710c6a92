"""Pawl's protocol a second time, written from docs/PROTOCOL.md: it checks the vectors, and with them the
document. Slow and not in constant time: for checking, never for messages."""
