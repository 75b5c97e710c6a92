"""Checks tests/vectors/*.json with the implementation in pawl/, which follows docs/PROTOCOL.md and shares nothing
with the Rust one: every valid vector is made and opened again, every invalid one refused for the stated reason.

    python check.py            check
    python check.py --prove    besides, show that a changed label or byte does not pass
"""

import copy
import json
import sys
from pathlib import Path

from pawl import content, conversation, envelope, identity, prekeys, primitives, ratchet, session, statements
from pawl.encoding import LABELS, Refused
from prove import prove

KINDS = {"one-time": prekeys.ONE_TIME, "last-resort": prekeys.LAST_RESORT}


class Wrong(Exception):
    """A vector and the document disagree."""


def same(what, found, stated):
    if found != stated:
        raise Wrong("%s: %s, the vector says %s" % (what, show(found), show(stated)))


def show(value):
    text = value.hex() if isinstance(value, bytes) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def raw(text):
    return None if text is None else bytes.fromhex(text)


def verdict(work):
    """None when it is not refused, else the reason."""
    try:
        work()
    except Refused as refused:
        return refused.reason
    return None


def each(cases, check):
    """Checks every case of a list that must not be empty, and says which one is wrong."""
    same("a list with cases", bool(cases), True)
    for case in cases:
        try:
            check(case)
        except (Wrong, Refused) as wrong:
            raise Wrong("%s: %s" % (case.get("name", case.get("what", "?")), wrong)) from wrong
    return len(cases)


def refusals(cases, work):
    return each(cases, lambda case: same("verdict", verdict(lambda: work(case)), case["refused"]))


# What the files' fields mean


def device(fields):
    """A device whose certificate is its keys', signed by its account."""
    account_seed, signing_seed = raw(fields["account_seed"]), raw(fields["signing_seed"])
    private, encoded = raw(fields["identity_private"]), raw(fields["certificate"])
    certificate = identity.Certificate.decode(encoded)
    made = identity.certify(
        account_seed,
        primitives.ed25519_public(account_seed),
        certificate.device,
        primitives.ed25519_public(signing_seed),
        primitives.x25519_public(private),
    )
    same("certificate", made.encoded, encoded)
    return session.Device(certificate.verify(), private)


def responder_prekeys(fields):
    signed, kem, one_time = (fields[name] for name in ("signed_prekey", "kem_prekey", "one_time_prekey"))
    return session.ResponderPreKeys(
        (signed["id"], raw(signed["private"])),
        (KINDS[kem["kind"]], kem["id"], raw(kem["seed"])),
        one_time and (one_time["id"], raw(one_time["private"])),
    )


def published(owner, fields, signing_seed):
    """The bundle of these prekeys; every record is made again from its private half."""
    signed, kem, one_time = (fields[name] for name in ("signed_prekey", "kem_prekey", "one_time_prekey"))
    sign = lambda label, body: body + primitives.ed25519_sign(signing_seed, LABELS[label] + body)
    signed_body = signed["id"].to_bytes(4, "big") + primitives.x25519_public(raw(signed["private"]))
    same("signed prekey", sign("signed prekey", signed_body), raw(signed["record"]))
    kind = KINDS[kem["kind"]]
    kem_body = kem["id"].to_bytes(4, "big") + primitives.kem_public(raw(kem["seed"]))
    kem_record = bytes([kind]) + sign(prekeys.KIND_LABELS[kind], kem_body)
    same("KEM prekey", kem_record, raw(kem["record"]))
    one_time_record = None
    if one_time:
        public = primitives.x25519_public(raw(one_time["private"]))
        one_time_record = one_time["id"].to_bytes(4, "big") + public
        same("one-time prekey", one_time_record, raw(one_time["record"]))
    certificate = owner.certificate
    return prekeys.Bundle(
        certificate.account, certificate.encoded, raw(signed["record"]), kem_record, one_time_record
    )


def drawing(*fields):
    """Randomness that gives these, in order."""
    values = iter([raw(field) for field in fields if field is not None])
    return lambda: next(values)


# The files


def check_keys(file):
    stated = {label["name"]: raw(label["bytes"]) for label in file["labels"]}
    same("labels", LABELS, stated)
    yield "labels", len(stated)
    yield "X25519 keys", refusals(file["x25519"], lambda c: primitives.x25519_check(raw(c["bytes"])))
    yield "Ed25519 keys", refusals(file["ed25519"], lambda c: primitives.ed25519_check(raw(c["bytes"])))


def check_identity(file):
    yield "certificates", each(file["certificates"], lambda case: device(case["keys"]))
    yield "refused certificates", refusals(
        file["refused_certificates"],
        lambda case: identity.Certificate.decode(raw(case["certificate"])).verify(),
    )

    def record(case):
        found = identity.AccountRecord.decode(raw(case["record"])).verify()
        same("username", found.username, case["username"])
        same("version", str(found.version), case["version"])
        same("devices", [one.encoded.hex() for one in found.devices], case["devices"])

    yield "records", each(file["records"], record)
    load = lambda text: identity.AccountRecord.decode(raw(text)).verify()
    yield "refused records", refusals(file["refused_records"], lambda case: load(case["record"]))
    yield "successions", refusals(
        file["successions"], lambda case: load(case["offered"]).supersedes(load(case["known"]))
    )


def check_bundles(file):
    names = ("account", "certificate", "signed_prekey", "kem_prekey", "one_time_prekey")
    read = lambda case: prekeys.Bundle(*(raw(case["bundle"][name]) for name in names))

    def bundle(case):
        owner = device(case["device"])
        published(owner, case["prekeys"], raw(case["device"]["signing_seed"]))
        same("account", owner.certificate.account, raw(case["bundle"]["account"]))
        same("certificate", owner.certificate.encoded, raw(case["bundle"]["certificate"]))
        for name in names[2:]:
            record = case["prekeys"][name] and case["prekeys"][name]["record"]
            same(name, case["bundle"][name], record)
        read(case)

    yield "bundles", each(file["bundles"], bundle)
    yield "refused bundles", refusals(file["refused_bundles"], read)
    makers = {
        "signed_prekey": prekeys.SignedPreKey,
        "kem_prekey": prekeys.KemPreKey,
        "one_time_prekey": prekeys.OneTimePreKey,
    }

    def prekey(case):
        for name, make in makers.items():
            if name in case:
                make(raw(case[name]))

    yield "refused prekeys", refusals(file["refused_prekeys"], prekey)


def check_agreed(found, stated):
    names = ["dh1", "dh2", "dh3"] + (["dh4"] if stated["dh4"] else [])
    same("agreements", found.agreements, [raw(stated[name]) for name in names])
    same("KEM shared secret", found.shared, raw(stated["kem_shared_secret"]))
    same("transcript", found.transcript, raw(stated["transcript"]))
    same("associated data", found.associated_data, raw(stated["associated_data"]))
    same("HKDF input", found.input, raw(stated["input_key_material"]))
    same("HKDF output", found.output, raw(stated["output_key_material"]))
    keys = (
        "root_key",
        "initiator_chain_key",
        "initiator_header_key",
        "initiator_next_header_key",
        "responder_header_key",
    )
    same("keys", found.keys, [raw(stated[name]) for name in keys])


def check_sealing(found, stated):
    names = ("header_key", "header", "message_key", "padded")
    for name, value in zip(names, found):
        same(name, value, raw(stated[name]))


def check_handshakes(file):
    def handshake(case):
        alice, bob = device(case["initiator"]), device(case["responder"])
        signing_seed = raw(case["responder"]["signing_seed"])
        bundle = published(bob, case["responder_prekeys"], signing_seed)
        draw = drawing(
            case["session_tag"], case["base_private"], case["kem_message"], case["ratchet_private"]
        )
        begun, agreed = session.initiate(alice, bundle, draw)
        check_agreed(agreed, case["agreed"])
        same("KEM ciphertext", agreed.ciphertext, raw(case["agreed"]["kem_ciphertext"]))
        same("initiator's state", begun.to_bytes(), raw(case["initiator_state"]))
        draw = drawing(case["header_nonce"], case["body_nonce"])
        sealed, sealing = begun.seal(raw(case["plaintext"]), draw)
        check_sealing(sealing, case["sealing"])
        same("envelope", sealed, raw(case["envelope"]))
        same("initiator's state after", begun.to_bytes(), raw(case["initiator_state_after"]))
        keys = responder_prekeys(case["responder_prekeys"])
        message = envelope.Envelope(raw(case["envelope"]))
        accepted, plaintext, agreed = session.accept(bob, keys, message, case["now"])
        check_agreed(agreed, case["agreed"])
        same("plaintext", plaintext, raw(case["plaintext"]))
        same("responder's state", accepted.to_bytes(), raw(case["responder_state"]))

    yield "handshakes", each(file["handshakes"], handshake)

    def initiate(case):
        own = device(case["device"])
        bundle = published(own, case["prekeys"], raw(case["device"]["signing_seed"]))
        session.initiate(own, bundle, drawing())

    yield "refused by the initiator", refusals(file["refused_by_initiator"], initiate)

    def accept(case):
        message = envelope.Envelope(raw(case["envelope"]))
        keys = responder_prekeys(case["prekeys"])
        session.accept(device(case["device"]), keys, message, case["now"])

    yield "refused by the responder", refusals(file["refused_by_responder"], accept)


def check_after(found, stated):
    if "state" in stated:
        same("state", found.to_bytes(), raw(stated["state"]))
    else:
        same("hash of the state", primitives.sha256(found.to_bytes()), raw(stated["state_sha256"]))
    side, keys = found.ratchet, stated["keys"]
    receiving = side.receiving
    active = side.sending if isinstance(side.sending, ratchet.Active) else None
    next_key = active.next_header_key if active else side.sending.header_key
    same("root key", side.root_key, raw(keys["root_key"]))
    same("sending chain key", active and active.chain_key, raw(keys["sending_chain_key"]))
    same("sending header key", active and active.header_key, raw(keys["sending_header_key"]))
    same("next sending header key", next_key, raw(keys["next_sending_header_key"]))
    same("receiving chain key", receiving and receiving.chain_key, raw(keys["receiving_chain_key"]))
    same("receiving header key", receiving and receiving.header_key, raw(keys["receiving_header_key"]))
    same("next receiving header key", side.next_header_key, raw(keys["next_receiving_header_key"]))


def refused_open(case):
    """Refused, and the state is byte for byte what it was."""
    state = raw(case["state"])
    one = session.Session.from_bytes(state)
    same("state before", one.to_bytes(), state)
    same("state after", raw(case["state_after"]), state)
    try:
        one.open(envelope.Envelope(raw(case["envelope"])), case["now"])
    finally:
        same("state after the refusal", one.to_bytes(), state)


def check_ratchet(file):
    sides = {name: session.Session.from_bytes(raw(file[name + "_state"])) for name in ("alice", "bob")}

    def step(case):
        side = sides[case["who"]]
        if case["does"] == "seal":
            draw = drawing(case["ratchet_private"], case["header_nonce"], case["body_nonce"])
            sealed, sealing = side.seal(raw(case["plaintext"]), draw)
            check_sealing(sealing, case["sealing"])
            same("envelope", sealed, raw(case["envelope"]))
        elif case["does"] == "lose":
            for _ in range(case["count"]):
                side.seal(b"", lambda: bytes(24))
        else:
            plaintext = side.open(envelope.Envelope(raw(case["envelope"])), case["now"])
            same("plaintext", plaintext, raw(case["plaintext"]))
        check_after(side, case["after"])

    yield "steps", each(file["steps"], step)
    yield "refused by open", refusals(file["refused_by_open"], refused_open)

    def seal(case):
        state = raw(case["state"])
        one = session.Session.from_bytes(state)
        try:
            one.seal(bytes(case["plaintext_length"]), lambda: bytes(24))
        finally:
            same("state after the refusal", one.to_bytes(), state)

    yield "refused by seal", refusals(file["refused_by_seal"], seal)
    yield "refused states", refusals(
        file["refused_states"], lambda case: session.Session.from_bytes(raw(case["state"]))
    )


def check_envelopes(file):
    same("shortest", 19 + 24 + 58 + 24 + 4 + 176, file["shortest"])
    same("longest", 19 + 1298 + 24 + 58 + 24 + 4 + 81936, file["longest"])

    def parsed(case):
        found = envelope.Envelope(raw(case["envelope"]))
        same("tag", found.tag, raw(case["tag"]))
        stated = case["handshake"]
        same("has a handshake", found.handshake is not None, stated is not None)
        if stated:
            hand = found.handshake
            same("certificate", hand.certificate, raw(stated["certificate"]))
            same("base key", hand.base_key, raw(stated["base_key"]))
            same("KEM kind", hand.kem_kind, KINDS[stated["kem_kind"]])
            for name in ("signed_prekey_id", "kem_prekey_id", "one_time_prekey_id"):
                same(name, getattr(hand, name), stated[name])

    yield "envelopes", each(file["envelopes"], parsed)
    yield "refused envelopes", refusals(
        file["refused_envelopes"],
        lambda case: envelope.Envelope(raw(case["envelope"]) + bytes(case.get("zeros_behind", 0))),
    )


def check_padding(file):
    def size(case):
        same("class", len(envelope.pad(bytes(case["plaintext_length"]))), case["padded_length"])

    yield "classes", each(file["classes"], size)

    def padded(case):
        same("padded", envelope.pad(raw(case["plaintext"])), raw(case["padded"]))
        same("unpadded", envelope.unpad(raw(case["padded"])), raw(case["plaintext"]))

    yield "padded", each(file["padded"], padded)
    yield "refused padding", refusals(file["refused_padding"], refused_open)


def check_safety_numbers(file):
    of = lambda case: identity.SafetyNumber(raw(case["account"]), raw(case["other_account"]))

    def number(case):
        found = of(case)
        same("digits", found.digits, case["digits"])
        same("shown", found.shown, case["shown"])
        same("QR payload", found.qr_payload, raw(case["qr_payload"]))

    yield "numbers", each(file["numbers"], number)
    yield "scans", refusals(file["scans"], lambda case: of(case).scan(raw(case["scanned"])))


def check_statements(file):
    own = device(file["device"]).certificate
    place = [file["authority"], raw(file["nonce"]), raw(file["epoch"]), own.account, file["device_number"]]
    auth = statements.auth(*place, file["last_sequence_number"])
    register = statements.register(*place, own.signing_key, file["username"])
    for made, stated in ((auth, file["auth"]), (register, file["register"])):
        same("statement", made, raw(stated["statement"]))
        statements.check_prefix(made)
        signers = {"device_signature": "signing_seed", "account_signature": "account_seed"}
        for name in stated.keys() & signers.keys():
            seed = raw(file["device"][signers[name]])
            same(name, primitives.ed25519_sign(seed, made), raw(stated[name]))
    yield "statements", 2
    yield "refused statements", refusals(
        file["refused_statements"], lambda case: statements.check_prefix(raw(case["statement"]))
    )


def check_contents(file):
    def made(case):
        introduction = raw(case["introduction"])
        if case["kind"] == "text":
            text = case["text"].encode("utf-8")
            fields = int(case["number"]), raw(case["id"]), text, case["sent_at"]
            found = content.encode_text(introduction, *fields, case.get("after", 0))
        else:
            asked = [case.get(name, 0) for name in ("ask", "rounds", "echo")]
            fields = case["delivered"], case["read"], *asked, raw(case.get("unreadable", ""))
            found = content.encode_receipt(introduction, *fields)
        same("plaintext", found, raw(case["plaintext"]))
        content.decode(found)

    yield "contents", each(file["contents"], made)
    yield "refused contents", refusals(
        file["refused_contents"],
        lambda case: content.decode(raw(case["plaintext"]) + bytes(case.get("zeros_behind", 0))),
    )


def check_conversation_ids(file):
    def stated(found, case):
        same("id", found, raw(case["id"]))
        same("text", conversation.text(found), case["text"])
        same("read", conversation.read(case["text"]), found)

    def two(case):
        accounts = [raw(case[name]) for name in ("account", "other_account")]
        for account in accounts:
            primitives.ed25519_check(account)
        stated(conversation.of_two(*accounts), case)

    yield "ids of two people", each(file["of_two"], two)
    yield "ids after one that is taken", each(
        file["taken"], lambda case: stated(conversation.after(raw(case["taken"])), case)
    )
    yield "texts", each(file["texts"], lambda case: stated(raw(case["id"]), case))
    yield "refused texts", refusals(
        file["refused_texts"], lambda case: conversation.read(case["text"])
    )


CHECKS = {
    "keys": check_keys,
    "identity": check_identity,
    "bundles": check_bundles,
    "handshakes": check_handshakes,
    "ratchet": check_ratchet,
    "envelopes": check_envelopes,
    "padding": check_padding,
    "safety_numbers": check_safety_numbers,
    "statements": check_statements,
    "contents": check_contents,
    "conversation_ids": check_conversation_ids,
}


def passes(name, file):
    """Whether a file's vectors are right; what a changed one must not be."""
    try:
        for _ in CHECKS[name](copy.deepcopy(file)):
            pass
    except Exception:  # whatever a changed byte leads to
        return False
    return True


def main(arguments):
    folder = Path(__file__).parent
    names = {path.stem for path in folder.glob("*.json")}
    if names != set(CHECKS):
        sys.exit("files and checks differ: %s" % sorted(names ^ set(CHECKS)))
    files = {name: json.loads((folder / (name + ".json")).read_text("utf-8")) for name in CHECKS}
    total = 0
    for name, check in CHECKS.items():
        try:
            for what, count in check(files[name]):
                print("%-16s %4d %s" % (name, count, what))
                total += count
        except Wrong as wrong:
            sys.exit("%s.json: %s" % (name, wrong))
    print("%d vectors are as docs/PROTOCOL.md says" % total)
    if "--prove" in arguments:
        prove(files, passes)


if __name__ == "__main__":
    main(sys.argv[1:])
