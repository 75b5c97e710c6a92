"""PROTOCOL.md "Handshake" and "Session"."""

from .encoding import LABELS, Reader, Refused, integer
from .envelope import RATCHET, initial_prefix
from .identity import Certificate
from .primitives import (
    hkdf,
    kem_decapsulate,
    kem_encapsulate,
    kem_public,
    sha256,
    x25519,
    x25519_check,
    x25519_public,
)
from .ratchet import Active, Chain, Due, Header, MAX_SKIP, Ratchet, open_body


class Device:
    """A device's certificate and private identity key."""

    def __init__(self, certificate, identity_private):
        self.certificate, self.identity_private = certificate, identity_private


class Agreed:
    """Everything that both sides compute, for the vectors to be compared with."""

    def __init__(self, agreements, shared, initiator, responder, signed, one_time, kem, tag, base_key):
        signed_id, signed_key = signed
        kind, kem_id, kem_key = kem
        self.agreements, self.shared = agreements, shared
        self.transcript = (
            LABELS["associated data"]
            + b"\1\1"
            + initiator.signed_fields
            + responder.signed_fields
            + integer(signed_id, 4)
            + signed_key
            + (b"\1" + integer(one_time[0], 4) + one_time[1] if one_time else bytes(37))
            + integer(kind, 1)
            + integer(kem_id, 4)
            + sha256(kem_key)
            + tag
            + base_key
        )
        self.associated_data = sha256(self.transcript)
        self.input = b"\xff" * 32 + b"".join(agreements) + shared
        info = LABELS["handshake"] + self.associated_data
        self.output = hkdf(bytes(32), self.input, info, 160)
        self.keys = [self.output[at : at + 32] for at in range(0, 160, 32)]


class Session:
    def __init__(self, tag, base_key, associated_data, peer, initial_prefix, ratchet):
        self.tag, self.base_key, self.associated_data = tag, base_key, associated_data
        self.peer, self.initial_prefix, self.ratchet = peer, initial_prefix, ratchet

    def seal(self, plaintext, draw):
        prefix = self.initial_prefix or bytes([1, RATCHET, 1]) + self.tag
        return self.ratchet.seal(self.associated_data, prefix, plaintext, draw)

    def open(self, envelope, now):
        handshake = envelope.handshake
        if envelope.tag != self.tag or (handshake and handshake.base_key != self.base_key):
            raise Refused("wrong session")
        plaintext = self.ratchet.open(self.associated_data, envelope, now)
        self.initial_prefix = None
        return plaintext

    def to_bytes(self):
        out = b"\1" + self.tag + self.base_key + self.associated_data + self.peer.encoded
        out += integer(self.initial_prefix is not None, 1) + (self.initial_prefix or b"")
        return out + self.ratchet.to_bytes()

    @classmethod
    def from_bytes(cls, data):
        reader = Reader(data)
        reader.version()
        tag, base_key = reader.bytes(16), x25519_check(reader.bytes(32))
        associated_data, peer = reader.bytes(32), Certificate.read(reader)
        prefix = reader.bytes(1317) if reader.flag("initial prefix flag") else None
        session = cls(tag, base_key, associated_data, peer, prefix, Ratchet.read(reader))
        reader.finish()
        return session


def initiate(device, bundle, draw):
    """`draw` gives, in this order: session tag, base key, KEM randomness, ratchet key. Returns the session and
    what was agreed."""
    peer, signed, kem = bundle.certificate, bundle.signed_prekey, bundle.kem_prekey
    one_time = bundle.one_time_prekey
    if peer.identity_key == device.certificate.identity_key:
        raise Refused("own device")
    tag, base_private = draw(), draw()
    ciphertext, shared = kem_encapsulate(kem.key, draw())
    base_key = x25519_public(base_private)
    agreements = [
        x25519(device.identity_private, signed.key),
        x25519(base_private, peer.identity_key),
        x25519(base_private, signed.key),
    ]
    if one_time:
        agreements.append(x25519(base_private, one_time.key))
    agreed = Agreed(
        agreements,
        shared,
        device.certificate,
        peer,
        (signed.id, signed.key),
        (one_time.id, one_time.key) if one_time else None,
        (kem.kind, kem.id, kem.key),
        tag,
        base_key,
    )
    agreed.ciphertext = ciphertext
    prefix = initial_prefix(
        tag,
        device.certificate.encoded,
        base_key,
        signed.id,
        kem.kind,
        kem.id,
        one_time.id if one_time else None,
        ciphertext,
    )
    root_key, chain_key, header_key, next_header_key, responder_header_key = agreed.keys
    sending = Active(draw(), chain_key, header_key, next_header_key, 0, 0)
    ratchet = Ratchet(root_key, responder_header_key, sending, None, [])
    session = Session(tag, base_key, agreed.associated_data, peer, prefix, ratchet)
    return session, agreed


class ResponderPreKeys:
    """Private halves: `signed` is (id, private), `kem` (kind, id, seed), `one_time` (id, private) or None."""

    def __init__(self, signed, kem, one_time):
        self.signed, self.kem, self.one_time = signed, kem, one_time


def _is_another(device, peer):
    if peer.identity_key == device.certificate.identity_key:
        raise Refused("own device")


def _is_certified(_, peer):
    peer.verify()


# In this order.
LOOKS_AT_THE_SENDER = [_is_another, _is_certified]


def accept(device, prekeys, envelope, now):
    """Returns the session, the plaintext, and what was agreed."""
    handshake = envelope.handshake
    one_time = prekeys.one_time
    has = (prekeys.signed[0], *prekeys.kem[:2], one_time[0] if one_time else None)
    if has != (
        handshake.signed_prekey_id,
        handshake.kem_kind,
        handshake.kem_prekey_id,
        handshake.one_time_prekey_id,
    ):
        raise Refused("prekey mismatch")
    peer = Certificate.decode(handshake.certificate)
    for look in LOOKS_AT_THE_SENDER:
        look(device, peer)
    signed_id, signed_private = prekeys.signed
    kind, kem_id, seed = prekeys.kem
    base_key = handshake.base_key
    agreements = [
        x25519(signed_private, peer.identity_key),
        x25519(device.identity_private, base_key),
        x25519(signed_private, base_key),
    ]
    if one_time:
        agreements.append(x25519(one_time[1], base_key))
    agreed = Agreed(
        agreements,
        kem_decapsulate(seed, handshake.kem_ciphertext),
        peer,
        device.certificate,
        (signed_id, x25519_public(signed_private)),
        (one_time[0], x25519_public(one_time[1])) if one_time else None,
        (kind, kem_id, kem_public(seed)),
        envelope.tag,
        base_key,
    )
    ratchet, plaintext = _first_message(agreed, envelope, now)
    session = Session(envelope.tag, base_key, agreed.associated_data, peer, None, ratchet)
    return session, plaintext, agreed


def _first_message(agreed, envelope, now):
    root_key, chain_key, header_key, next_header_key, own_header_key = agreed.keys
    header = Header.try_open(header_key, envelope, agreed.associated_data)
    if header is None:
        raise Refused("header not authentic")
    if header.previous != 0:
        raise Refused("invalid header")
    chain = Chain(header_key, header.ratchet_key, chain_key, 0, {})
    chain.step_to(header.number, MAX_SKIP, now)
    plaintext = open_body(chain.step(), envelope, agreed.associated_data)
    sending = Due(header.ratchet_key, own_header_key, 0)
    return Ratchet(root_key, next_header_key, sending, chain, []), plaintext
