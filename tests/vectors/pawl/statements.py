"""PROTOCOL.md "Statements to the relay"."""

from .encoding import Refused, integer

PREFIX = b"Pawl relay "


def check_prefix(statement):
    if not statement.startswith(PREFIX):
        raise Refused("not a statement")


def _begin(context, authority, nonce, epoch, account, device):
    authority = authority.encode("ascii")
    return (
        context
        + integer(len(authority), 2)
        + authority
        + nonce
        + epoch
        + account
        + integer(device, 4)
    )


def auth(authority, nonce, epoch, account, device, last_sequence_number):
    begin = _begin(b"Pawl relay auth v1", authority, nonce, epoch, account, device)
    return begin + integer(last_sequence_number, 8)


def register(authority, nonce, epoch, account, device, signing_key, username):
    begin = _begin(b"Pawl relay register v1", authority, nonce, epoch, account, device)
    name = username.encode("ascii")
    return begin + signing_key + integer(len(name), 2) + name
