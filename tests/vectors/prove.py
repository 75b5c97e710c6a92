"""Shows that the checker can fail: what must hold of every label and of every byte of a valid vector."""

import copy
import random
import sys

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


def prove(files, passes):
    for label, name in USED_IN.items():
        kept = LABELS[label]
        LABELS[label] = kept[:-2] + b"2\0"
        if passes(name, files[name]):
            sys.exit("another label for %r passes" % label)
        LABELS[label] = kept
    print("%d labels changed in turn, each noticed" % len(USED_IN))
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
