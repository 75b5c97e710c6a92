"""PROTOCOL.md "Encoding" and "Labels"."""


class Refused(Exception):
    """A refusal with the name that PROTOCOL.md "Refusals" gives it."""

    @property
    def reason(self):
        return self.args[0]


LABELS = {
    "device certificate": b"Pawl device certificate v1\0",
    "account record": b"Pawl account record v1\0",
    "signed prekey": b"Pawl signed prekey v1\0",
    "one-time KEM prekey": b"Pawl one-time KEM prekey v1\0",
    "last-resort KEM prekey": b"Pawl last-resort KEM prekey v1\0",
    "associated data": b"Pawl associated data v1\0",
    "handshake": b"Pawl PQXDH v1 X25519 SHA-256 ML-KEM-768\0",
    "root chain": b"Pawl root chain v1\0",
    "message key": b"Pawl message key v1\0",
    "safety number": b"Pawl safety number v1\0",
}


def integer(value, width):
    return value.to_bytes(width, "big")


class Reader:
    """Fields of fixed width, in order; what is behind the last one is refused."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, length):
        if self.at + length > len(self.data):
            raise Refused("truncated")
        self.at += length
        return self.data[self.at - length : self.at]

    def integer(self, width):
        return int.from_bytes(self.bytes(width), "big")

    def flag(self, field):
        value = self.integer(1)
        if value > 1:
            raise Refused("bad field: " + field)
        return value == 1

    def version(self):
        if self.integer(1) != 1:
            raise Refused("unknown version")

    def finish(self):
        if self.at != len(self.data):
            raise Refused("trailing bytes")
