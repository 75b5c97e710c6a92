"""PROTOCOL.md "Key derivation" and "Double Ratchet", with "Stored session"'s form of it."""

import copy

from .encoding import LABELS, Reader, Refused, integer
from .envelope import pad, unpad
from .primitives import hkdf, hmac, open_sealed, seal, x25519, x25519_check, x25519_public

MAX_SKIP = MAX_KEPT = 1000
MAX_RETIRED = 5
LIFETIME_MS = 7 * 24 * 60 * 60 * 1000
LAST = 2**32 - 1


def root_step(root_key, shared):
    """The next root key, the chain key, the header key of the chain after that one."""
    keys = hkdf(root_key, shared, LABELS["root chain"], 96)
    return keys[:32], keys[32:64], keys[64:]


def chain_step(chain_key):
    """The next chain key and this message's key."""
    message_key = hkdf(b"", hmac(chain_key, b"\1"), LABELS["message key"], 32)
    return hmac(chain_key, b"\2"), message_key


def expired(then, now):
    return max(0, now - then) > LIFETIME_MS


class Active:
    """A sending chain: there is a ratchet key pair that the peer may answer."""

    def __init__(self, private, chain_key, header_key, next_header_key, number, previous):
        self.private, self.chain_key = private, chain_key
        self.header_key, self.next_header_key = header_key, next_header_key
        self.number, self.previous = number, previous


class Due:
    """The next message begins a chain."""

    def __init__(self, their_key, header_key, previous):
        self.their_key, self.header_key, self.previous = their_key, header_key, previous


class Chain:
    """A receiving chain. A retired one has a time and no chain key."""

    def __init__(self, header_key, ratchet_key, chain_key, number, skipped, retired_at=None):
        self.header_key, self.ratchet_key = header_key, ratchet_key
        self.chain_key, self.number = chain_key, number
        self.skipped, self.retired_at = skipped, retired_at  # number -> (time, message key)

    def step_to(self, number, budget, now):
        """Steps over everything below `number`; how many that was."""
        count = number - self.number
        if count > budget:
            raise Refused("too many skipped")
        for skipped in range(self.number, number):
            self.chain_key, key = chain_step(self.chain_key)
            self.skipped[skipped] = (now, key)
        self.number = number
        return count

    def step(self):
        self.chain_key, key = chain_step(self.chain_key)
        self.number += 1
        return key


class Header:
    def __init__(self, text):
        try:
            reader = Reader(text)
            self.ratchet_key = x25519_check(reader.bytes(32))
            self.previous, self.number = reader.integer(4), reader.integer(4)
            self.is_valid = reader.integer(2) == 0 and self.number != LAST
        except Refused:
            self.is_valid = False
        if not self.is_valid:
            raise Refused("invalid header")

    @staticmethod
    def try_open(key, envelope, associated_data):
        """The header, or None when this is not its key."""
        data = associated_data + envelope.prefix
        text = open_sealed(key, envelope.header_nonce, envelope.header, data)
        return None if text is None else Header(text)


def open_body(key, envelope, associated_data):
    padded = open_sealed(key, envelope.body_nonce, envelope.body, associated_data + envelope.head)
    if padded is None:
        raise Refused("body not authentic")
    return unpad(padded)


class Ratchet:
    def __init__(self, root_key, next_header_key, sending, receiving, retired):
        self.root_key, self.next_header_key = root_key, next_header_key
        self.sending, self.receiving, self.retired = sending, receiving, retired

    # Sealing

    def seal(self, associated_data, prefix, plaintext, draw):
        """`draw` gives the next random bytes: a ratchet key when a chain begins, then the two nonces. Returns
        the envelope, and what sealed it."""
        padded = pad(plaintext)
        if isinstance(self.sending, Due):
            self.begin_chain(draw())
        chain = self.sending
        if chain.number == LAST:
            raise Refused("chain exhausted")
        header = x25519_public(chain.private)
        header += integer(chain.previous, 4) + integer(chain.number, 4) + bytes(2)
        chain.chain_key, message_key = chain_step(chain.chain_key)
        chain.number += 1
        header_nonce, body_nonce = draw(), draw()
        sealed = seal(chain.header_key, header_nonce, header, associated_data + prefix[:19])
        head = prefix + header_nonce + sealed + body_nonce + integer(len(padded) + 16, 4)
        envelope = head + seal(message_key, body_nonce, padded, associated_data + head)
        return envelope, (chain.header_key, header, message_key, padded)

    def begin_chain(self, private):
        due = self.sending
        shared = x25519(private, due.their_key)
        self.root_key, chain_key, next_header_key = root_step(self.root_key, shared)
        self.sending = Active(private, chain_key, due.header_key, next_header_key, 0, due.previous)

    # Opening

    def open(self, associated_data, envelope, now):
        """Works on a copy; a refusal leaves everything as it was."""
        work = copy.deepcopy(self)
        plaintext = work._open(associated_data, envelope, now)
        work._prune(now)
        self.__dict__ = work.__dict__
        return plaintext

    def _open(self, associated_data, envelope, now):
        def same_key(header, chain):
            if header.ratchet_key != chain.ratchet_key:
                raise Refused("invalid header")

        if self.receiving:
            header = Header.try_open(self.receiving.header_key, envelope, associated_data)
            if header:
                same_key(header, self.receiving)
                return self._open_current(header, associated_data, envelope, now)
        if isinstance(self.sending, Active):
            header = Header.try_open(self.next_header_key, envelope, associated_data)
            if header:
                return self._open_next(header, associated_data, envelope, now)
        for chain in reversed(self.retired):
            header = Header.try_open(chain.header_key, envelope, associated_data)
            if header:
                same_key(header, chain)
                return self._open_skipped(chain, header, associated_data, envelope, now)
        raise Refused("header not authentic")

    def _open_current(self, header, associated_data, envelope, now):
        chain = self.receiving
        if header.number < chain.number:
            return self._open_skipped(chain, header, associated_data, envelope, now)
        chain.step_to(header.number, MAX_SKIP, now)
        return open_body(chain.step(), envelope, associated_data)

    def _open_skipped(self, chain, header, associated_data, envelope, now):
        then, key = chain.skipped.get(header.number, (None, None))
        if key is None or expired(then, now):
            raise Refused("message key gone")
        plaintext = open_body(key, envelope, associated_data)
        del chain.skipped[header.number]
        return plaintext

    def _open_next(self, header, associated_data, envelope, now):
        budget, ended = MAX_SKIP, self.receiving
        if header.previous < (ended.number if ended else 0) or (not ended and header.previous):
            raise Refused("invalid header")
        if ended:
            budget -= ended.step_to(header.previous, budget, now)
            ended.chain_key, ended.retired_at = None, now
            self.retired = (self.retired + [ended])[-MAX_RETIRED:]
        shared = x25519(self.sending.private, header.ratchet_key)
        self.root_key, chain_key, after_next = root_step(self.root_key, shared)
        chain = Chain(self.next_header_key, header.ratchet_key, chain_key, 0, {})
        chain.step_to(header.number, budget, now)
        plaintext = open_body(chain.step(), envelope, associated_data)
        self.receiving, self.next_header_key = chain, after_next
        active = self.sending
        self.sending = Due(header.ratchet_key, active.next_header_key, active.number)
        return plaintext

    def oldest_first(self):
        return self.retired + ([self.receiving] if self.receiving else [])

    def _prune(self, now):
        self.retired = [chain for chain in self.retired if not expired(chain.retired_at, now)]
        chains = self.oldest_first()
        for chain in chains:
            for number in [n for n, (then, _) in chain.skipped.items() if expired(then, now)]:
                del chain.skipped[number]
        excess = sum(len(chain.skipped) for chain in chains) - MAX_KEPT
        for chain in chains:
            for number in sorted(chain.skipped)[: max(0, excess)]:
                del chain.skipped[number]
                excess -= 1

    # Stored form

    def to_bytes(self):
        out = self.root_key + self.next_header_key
        one = self.sending
        if isinstance(one, Active):
            out += b"\1" + one.private + one.chain_key + one.header_key + one.next_header_key
            out += integer(one.number, 4) + integer(one.previous, 4)
        else:
            out += b"\2" + one.their_key + one.header_key + integer(one.previous, 4)
        out += integer(self.receiving is not None, 1)
        if self.receiving:
            chain = self.receiving
            out += chain.header_key + chain.ratchet_key + chain.chain_key
            out += integer(chain.number, 4) + _skipped_bytes(chain.skipped)
        out += integer(len(self.retired), 1)
        for chain in self.retired:
            out += chain.header_key + chain.ratchet_key + integer(chain.retired_at, 8)
            out += _skipped_bytes(chain.skipped)
        return out

    @classmethod
    def read(cls, reader):
        root_key, next_header_key = reader.bytes(32), reader.bytes(32)
        sending = _read_sending(reader)
        receiving = None
        if reader.flag("receiving flag"):
            header_key, ratchet_key = reader.bytes(32), x25519_check(reader.bytes(32))
            chain_key, number = reader.bytes(32), reader.integer(4)
            receiving = Chain(header_key, ratchet_key, chain_key, number, _read_skipped(reader))
            if any(skipped >= number for skipped in receiving.skipped):
                raise Refused("bad field: skipped keys")
        count = reader.integer(1)
        retired = []
        for _ in range(min(count, MAX_RETIRED + 1)):
            header_key, ratchet_key = reader.bytes(32), x25519_check(reader.bytes(32))
            at = reader.integer(8)
            retired.append(Chain(header_key, ratchet_key, None, None, _read_skipped(reader), at))
        if count > MAX_RETIRED:
            raise Refused("bad field: retired chains")
        ratchet = cls(root_key, next_header_key, sending, receiving, retired)
        ratchet.check_kept()
        return ratchet

    def check_kept(self):
        if sum(len(chain.skipped) for chain in self.oldest_first()) > MAX_KEPT:
            raise Refused("bad field: skipped keys")


def _read_sending(reader):
    state = reader.integer(1)
    if state == 1:
        keys = [reader.bytes(32) for _ in range(4)]
        return Active(*keys, reader.integer(4), reader.integer(4))
    if state == 2:
        return Due(x25519_check(reader.bytes(32)), reader.bytes(32), reader.integer(4))
    raise Refused("bad field: sending state")


def _skipped_bytes(skipped):
    out = integer(len(skipped), 2)
    for number in sorted(skipped):
        then, key = skipped[number]
        out += integer(number, 4) + integer(then, 8) + key
    return out


def _read_skipped(reader):
    count = reader.integer(2)
    if count > MAX_KEPT:
        raise Refused("bad field: skipped keys")
    skipped = [(reader.integer(4), reader.integer(8), reader.bytes(32)) for _ in range(count)]
    numbers = [number for number, _, _ in skipped]
    if any(one >= other for one, other in zip(numbers, numbers[1:])):
        raise Refused("bad field: skipped keys")
    return {number: (then, key) for number, then, key in skipped}
