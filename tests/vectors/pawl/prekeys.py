"""PROTOCOL.md "Prekeys": the three records, and the bundle."""

from .encoding import LABELS, Reader, Refused, integer
from .identity import Certificate
from .primitives import ed25519_verifies, kem_check, x25519_check

ONE_TIME, LAST_RESORT = 1, 2
KIND_LABELS = {ONE_TIME: "one-time KEM prekey", LAST_RESORT: "last-resort KEM prekey"}


def read_kind(reader):
    kind = reader.integer(1)
    if kind not in KIND_LABELS:
        raise Refused("bad field: KEM kind")
    return kind


class SignedPreKey:
    def __init__(self, data):
        reader = Reader(data)
        self.id = reader.integer(4)
        self.key = x25519_check(reader.bytes(32))
        self.signature = reader.bytes(64)
        reader.finish()

    def check(self, signing_key):
        message = LABELS["signed prekey"] + integer(self.id, 4) + self.key
        if not ed25519_verifies(signing_key, message, self.signature):
            raise Refused("signed prekey signature")


class KemPreKey:
    def __init__(self, data):
        reader = Reader(data)
        self.kind = read_kind(reader)
        self.id = reader.integer(4)
        self.key = reader.bytes(1184)
        self.signature = reader.bytes(64)
        reader.finish()

    def check(self, signing_key):
        message = LABELS[KIND_LABELS[self.kind]] + integer(self.id, 4) + self.key
        if not ed25519_verifies(signing_key, message, self.signature):
            raise Refused("KEM prekey signature")


class OneTimePreKey:
    def __init__(self, data):
        reader = Reader(data)
        self.id = reader.integer(4)
        self.key = x25519_check(reader.bytes(32))
        reader.finish()


class Bundle:
    """A verified bundle; making one verifies it."""

    def __init__(self, expected, certificate, signed_prekey, kem_prekey, one_time_prekey):
        self.certificate = Certificate.decode(certificate)
        self.signed_prekey = SignedPreKey(signed_prekey)
        self.kem_prekey = KemPreKey(kem_prekey)
        self.one_time_prekey = None if one_time_prekey is None else OneTimePreKey(one_time_prekey)
        if self.certificate.account != expected:
            raise Refused("other account")
        self.certificate.verify()
        self.signed_prekey.check(self.certificate.signing_key)
        self.kem_prekey.check(self.certificate.signing_key)
        kem_check(self.kem_prekey.key)
