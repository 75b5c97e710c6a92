"""PROTOCOL.md "Identity" and "Safety number"."""

import hashlib

from .encoding import LABELS, Reader, Refused, integer
from .primitives import ed25519_check, ed25519_sign, ed25519_verifies, x25519_check


USERNAME_BYTES = range(0x21, 0x7F)
LEAST_VERSION = 0


class Certificate:
    """164 bytes; a claim until verified."""

    def __init__(self, account, device, signing_key, identity_key, signature):
        self.account, self.device = account, device
        self.signing_key, self.identity_key = signing_key, identity_key
        self.signature = signature

    @property
    def signed_fields(self):
        return self.account + integer(self.device, 4) + self.signing_key + self.identity_key

    @property
    def encoded(self):
        return self.signed_fields + self.signature

    @classmethod
    def read(cls, reader):
        account = ed25519_check(reader.bytes(32))
        device = reader.integer(4)
        if device == 0:
            raise Refused("bad field: device")
        signing_key = ed25519_check(reader.bytes(32))
        identity_key = x25519_check(reader.bytes(32))
        return cls(account, device, signing_key, identity_key, reader.bytes(64))

    @classmethod
    def decode(cls, data):
        reader = Reader(data)
        certificate = cls.read(reader)
        reader.finish()
        return certificate

    def verify(self):
        message = LABELS["device certificate"] + self.signed_fields
        if not ed25519_verifies(self.account, message, self.signature):
            raise Refused("certificate signature")
        return self


def certify(account_seed, account, device, signing_key, identity_key):
    certificate = Certificate(account, device, signing_key, identity_key, b"")
    message = LABELS["device certificate"] + certificate.signed_fields
    certificate.signature = ed25519_sign(account_seed, message)
    return certificate


class AccountRecord:
    """An account's name and numbered list of devices."""

    @classmethod
    def decode(cls, data):
        record, reader = cls(), Reader(data)
        reader.version()
        record.account = ed25519_check(reader.bytes(32))
        name = reader.bytes(reader.integer(1))
        if not 1 <= len(name) <= 32 or any(byte not in USERNAME_BYTES for byte in name):
            raise Refused("bad field: username")
        record.username = name.decode("ascii")
        record.version = reader.integer(8)
        if record.version < LEAST_VERSION:
            raise Refused("bad field: version")
        count = reader.integer(1)
        if not 1 <= count <= 10:
            raise Refused("bad field: device count")
        record.devices = [Certificate.read(reader) for _ in range(count)]
        record.signed_fields = data[: reader.at]
        record.signature = reader.bytes(64)
        reader.finish()
        return record

    def verify(self):
        if any(device.account != self.account for device in self.devices):
            raise Refused("foreign device")
        numbers = [device.device for device in self.devices]
        if any(one >= other for one, other in zip(numbers, numbers[1:])):
            raise Refused("device order")
        for device in self.devices:
            device.verify()
        message = LABELS["account record"] + self.signed_fields
        if not ed25519_verifies(self.account, message, self.signature):
            raise Refused("record signature")
        return self

    def supersedes(self, known):
        if self.account != known.account:
            raise Refused("other account")
        if self.version < known.version:
            raise Refused("rollback")
        if self.version == known.version and self.signed_fields != known.signed_fields:
            raise Refused("fork")


def _fingerprint(account):
    digest = hashlib.sha512(LABELS["safety number"] + account).digest()
    for _ in range(5199):
        digest = hashlib.sha512(digest + account).digest()
    return digest[:32]


class SafetyNumber:
    """What two people compare."""

    def __init__(self, one, other):
        self.halves = sorted([_fingerprint(one), _fingerprint(other)])

    @property
    def digits(self):
        groups = (half[at : at + 5] for half in self.halves for at in range(0, 30, 5))
        return "".join("%05d" % (int.from_bytes(group, "big") % 100_000) for group in groups)

    @property
    def shown(self):
        return " ".join(self.digits[at : at + 5] for at in range(0, 60, 5))

    @property
    def qr_payload(self):
        return b"\1" + b"".join(self.halves)

    def scan(self, scanned):
        if len(scanned) != 65:
            raise Refused("not a safety number")
        if scanned[0] != 1:
            raise Refused("unknown version")
        if scanned != self.qr_payload:
            raise Refused("no match")
