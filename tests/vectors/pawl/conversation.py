"""PROTOCOL.md "Ids of conversations"."""

import base64
import hashlib

from .encoding import Refused

LABEL = b"Pawl conversation of two v1"
LENGTH = 16
TEXT_LENGTH = 26


def ordered(one, other):
    return min(one, other), max(one, other)


def _hash(*parts):
    return hashlib.sha256(LABEL + b"".join(parts)).digest()[:LENGTH]


def of_two(one, other):
    return _hash(*ordered(one, other))


def after(taken):
    return _hash(taken)


def text(id):
    return base64.b32encode(id).decode("ascii").rstrip("=")


def read(written):
    try:
        id = base64.b32decode(written + "=" * (-len(written) % 8))
    except (ValueError, UnicodeError):
        raise Refused("not a conversation id") from None
    # One id has one text.
    if len(written) != TEXT_LENGTH or text(id) != written:
        raise Refused("not a conversation id")
    return id
