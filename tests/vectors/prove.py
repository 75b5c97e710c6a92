"""Shows that the checker can fail: what must hold of every label and of every byte of a valid vector."""

import copy
import random
import sys

from pawl import content, conversation, identity, ratchet, session
from pawl.encoding import LABELS

# Lists of valid vectors. (In a refused one many bytes may change and the reason stay.)
VALID = {
    "keys": ["labels"],
    "identity": ["certificates", "records"],
    "bundles": ["bundles"],
    "handshakes": ["handshakes"],
    "ratchet": ["steps"],
    "envelopes": [],
    "padding": ["padded"],
    "safety_numbers": ["numbers"],
    "statements": ["device", "auth", "register"],
    "contents": ["contents"],
    "conversation_ids": ["of_two", "taken"],
}

# Where each label is used by a valid vector, besides in the list of them.
USED_IN = {
    "device certificate": "identity",
    "account record": "identity",
    "signed prekey": "bundles",
    "one-time KEM prekey": "bundles",
    "last-resort KEM prekey": "bundles",
    "associated data": "handshakes",
    "handshake": "handshakes",
    "root chain": "ratchet",
    "message key": "ratchet",
    "safety number": "safety_numbers",
}

FLIPS_IN_EACH_FILE = 12


def _swept_but_for_skipped():
    """A ratchet that does not look for what is past its lifetime when a skipped key was used."""

    class Lazy(ratchet.Ratchet):
        def _open_skipped(self, *arguments):
            self.is_lazy = True
            return super()._open_skipped(*arguments)

        def _prune(self, now):
            if not self.__dict__.pop("is_lazy", False):
                super()._prune(now)

    return Lazy


def _current_first(self):
    return ([self.receiving] if self.receiving else []) + self.retired


# What somebody may read out of PROTOCOL.md that does not stand there: of which file's vectors, where, and what
# stands there then.
MISREADINGS = [
    ("kind 3 is of a newer version", "contents", content, "NEWEST", 2),
    ("a text may have 65,537 bytes", "contents", content, "MAX_TEXT", 65537),
    (
        "a clock that went back ends a lifetime",
        "ratchet",
        ratchet,
        "expired",
        lambda then, now: abs(now - then) > ratchet.LIFETIME_MS,
    ),
    ("a skipped key sweeps nothing", "ratchet", session, "Ratchet", _swept_but_for_skipped()),
    ("the current chain's keys go first", "ratchet", ratchet.Ratchet, "oldest_first", _current_first),
    ("1,000 skipped keys are of each chain", "ratchet", ratchet.Ratchet, "check_kept", lambda self: None),
    (
        "the certificate is verified before it is compared",
        "handshakes",
        session,
        "LOOKS_AT_THE_SENDER",
        session.LOOKS_AT_THE_SENDER[::-1],
    ),
    ("~ is in no username", "identity", identity, "USERNAME_BYTES", range(0x21, 0x7E)),
    ("a record's version begins at 1", "identity", identity, "LEAST_VERSION", 1),
    (
        "the own account stands first in an id",
        "conversation_ids",
        conversation,
        "ordered",
        lambda one, other: (one, other),
    ),
    (
        "an id's label ends with a zero byte",
        "conversation_ids",
        conversation,
        "LABEL",
        b"Pawl conversation of two v1\0",
    ),
]


def prove(files, passes):
    for label, name in USED_IN.items():
        kept = LABELS[label]
        LABELS[label] = kept[:-2] + b"2\0"
        if passes(name, files[name]):
            sys.exit("another label for %r passes" % label)
        LABELS[label] = kept
    print("%d labels changed in turn, each noticed" % len(USED_IN))
    for what, name, where, field, value in MISREADINGS:
        kept = getattr(where, field)
        setattr(where, field, value)
        if passes(name, files[name]):
            sys.exit("a misreading passes: %s" % what)
        setattr(where, field, kept)
        if not passes(name, files[name]):
            sys.exit("%s.json does not pass without a misreading" % name)
    print("%d misreadings in turn, each noticed" % len(MISREADINGS))
    flips = random.Random(1)
    count = 0
    for name, lists in VALID.items():
        for _ in range(FLIPS_IN_EACH_FILE if lists else 0):
            changed = copy.deepcopy(files[name])
            places = [place for part in lists for place in hex_places(changed[part], (part,))]
            place = flips.choice(places)
            flip(changed, place, flips)
            if passes(name, changed):
                sys.exit("%s.json passes with a changed byte in %s" % (name, "/".join(map(str, place))))
            count += 1
    print("%d bytes changed in turn, each noticed" % count)


def hex_places(value, path):
    if isinstance(value, dict):
        return [found for key in value for found in hex_places(value[key], path + (key,))]
    if isinstance(value, list):
        return [found for at, one in enumerate(value) for found in hex_places(one, path + (at,))]
    is_hex = isinstance(value, str) and len(value) >= 2 and set(value) <= set("0123456789abcdef")
    return [path] if is_hex and len(value) % 2 == 0 else []


def flip(file, path, flips):
    for key in path[:-1]:
        file = file[key]
    text = file[path[-1]]
    at = flips.randrange(len(text))
    file[path[-1]] = text[:at] + "%x" % (int(text[at], 16) ^ 1) + text[at + 1 :]
