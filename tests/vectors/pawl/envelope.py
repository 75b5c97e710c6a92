"""PROTOCOL.md "Envelope" and "Padding"."""

from .encoding import Reader, Refused, integer
from .prekeys import read_kind
from .primitives import x25519_check

INITIAL, RATCHET = 1, 2
CLASSES = [160 << step for step in range(10)]


def pad(plaintext):
    for size in CLASSES:
        if len(plaintext) < size:
            return plaintext + b"\x80" + bytes(size - len(plaintext) - 1)
    raise Refused("too long")


def unpad(padded):
    plaintext = padded.rstrip(b"\0")
    if not plaintext.endswith(b"\x80") or pad(plaintext[:-1]) != padded:
        raise Refused("invalid padding")
    return plaintext[:-1]


class Handshake:
    """What an initial message says of its handshake."""

    def __init__(self, reader):
        self.certificate = reader.bytes(164)  # read when the message is accepted
        self.base_key = x25519_check(reader.bytes(32))
        self.signed_prekey_id = reader.integer(4)
        self.kem_kind = read_kind(reader)
        self.kem_prekey_id = reader.integer(4)
        has_one_time = reader.flag("one-time prekey flag")
        one_time_id = reader.integer(4)
        if not has_one_time and one_time_id != 0:
            raise Refused("bad field: one-time prekey id")
        self.one_time_prekey_id = one_time_id if has_one_time else None
        self.kem_ciphertext = reader.bytes(1088)


def initial_prefix(tag, certificate, base_key, signed_id, kem_kind, kem_id, one_time_id, ciphertext):
    """The first 1,317 bytes of an initial message."""
    return (
        bytes([1, INITIAL, 1])
        + tag
        + certificate
        + base_key
        + integer(signed_id, 4)
        + integer(kem_kind, 1)
        + integer(kem_id, 4)
        + integer(one_time_id is not None, 1)
        + integer(one_time_id or 0, 4)
        + ciphertext
    )


class Envelope:
    def __init__(self, data):
        reader = Reader(data)
        reader.version()
        self.type = reader.integer(1)
        if self.type not in (INITIAL, RATCHET):
            raise Refused("unknown type")
        if reader.integer(1) != 1:
            raise Refused("unknown suite")
        self.tag = reader.bytes(16)
        self.handshake = Handshake(reader) if self.type == INITIAL else None
        self.header_nonce = reader.bytes(24)
        self.header = reader.bytes(58)
        self.body_nonce = reader.bytes(24)
        length = reader.integer(4)
        if length - 16 not in CLASSES:
            raise Refused("bad field: body length")
        self.prefix, self.head = data[:19], data[: reader.at]
        self.body = reader.bytes(length)
        reader.finish()
