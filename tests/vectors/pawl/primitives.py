"""PROTOCOL.md "Primitives": X25519, Ed25519, ML-KEM-768, XChaCha20-Poly1305, HKDF and HMAC."""

import hashlib
import hmac as _hmac
import struct

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from kyber_py.ml_kem import ML_KEM_768

from .encoding import Refused

P = 2**255 - 19
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_MINUS_ONE = pow(2, (P - 1) // 4, P)


def sha256(data):
    return hashlib.sha256(data).digest()


def hmac(key, data):
    return _hmac.new(key, data, hashlib.sha256).digest()


def hkdf(salt, ikm, info, length):
    """RFC 5869 with SHA-256."""
    prk = hmac(salt or bytes(32), ikm)
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac(prk, block + info + bytes([counter]))
        out += block
        counter += 1
    return out[:length]


# X25519

SMALL_ORDER_U = {
    0,
    1,
    P - 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
}


def x25519_check(key):
    """A public key: below 2^255 - 19 (so without its top bit), and not of small order."""
    u = int.from_bytes(key, "little")
    if u >= P:
        raise Refused("key not canonical")
    if u in SMALL_ORDER_U:
        raise Refused("key of small order")
    return key


def x25519_public(private):
    key = X25519PrivateKey.from_private_bytes(private).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def x25519(private, public):
    x25519_check(public)
    key = X25519PrivateKey.from_private_bytes(private)
    return key.exchange(X25519PublicKey.from_public_bytes(public))


# Ed25519


def _decompress(encoded):
    """The point of 32 bytes, or None. The sign of an x of zero is not looked at: such a point is refused as of
    small order."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    if v * x * x % P == -u % P:
        x = x * SQRT_MINUS_ONE % P
    if v * x * x % P != u:
        return None
    return (P - x if x % 2 != sign else x) % P, y


def _double(point):
    x, y = point
    product = D * x * x * y * y % P
    return (
        2 * x * y * pow(1 + product, P - 2, P) % P,
        (y * y + x * x) * pow(1 - product, P - 2, P) % P,
    )


def _is_small_order(point):
    for _ in range(3):
        point = _double(point)
    return point == (0, 1)


def ed25519_check(key):
    """A public key: y canonical, a point of the curve, not of small order."""
    if int.from_bytes(key, "little") & (2**255 - 1) >= P:
        raise Refused("key not canonical")
    point = _decompress(key)
    if point is None:
        raise Refused("key not on the curve")
    if _is_small_order(point):
        raise Refused("key of small order")
    return key


def ed25519_public(seed):
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def ed25519_sign(seed, message):
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def ed25519_verifies(key, message, signature):
    """Strict: S reduced, R a point that is not of small order, and the equation without the cofactor."""
    point = _decompress(signature[:32])
    if point is None or _is_small_order(point):
        return False
    if int.from_bytes(signature[32:], "little") >= GROUP_ORDER:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


# ML-KEM-768


def kem_public(seed):
    return ML_KEM_768.key_derive(seed)[0]


def kem_check(key):
    """FIPS 203's modulus check: every 12-bit coefficient of the first 1,152 bytes is below 3,329."""
    for at in range(0, 1152, 3):
        three = int.from_bytes(key[at : at + 3], "little")
        if three & 0xFFF >= 3329 or three >> 12 >= 3329:
            raise Refused("key not canonical")
    return key


def kem_encapsulate(key, message):
    """Ciphertext and shared secret for 32 bytes of randomness."""
    shared, ciphertext = ML_KEM_768._encaps_internal(kem_check(key), message)
    return ciphertext, shared


def kem_decapsulate(seed, ciphertext):
    return ML_KEM_768.decaps(ML_KEM_768.key_derive(seed)[1], ciphertext)


# XChaCha20-Poly1305


def _rotate(value, bits):
    return (value << bits | value >> (32 - bits)) & 0xFFFFFFFF


def _hchacha20(key, nonce):
    state = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))

    def quarter(a, b, c, d):
        for one, other, by, bits in ((a, d, b, 16), (c, b, d, 12), (a, d, b, 8), (c, b, d, 7)):
            state[one] = (state[one] + state[by]) & 0xFFFFFFFF
            state[other] = _rotate(state[other] ^ state[one], bits)

    for _ in range(10):
        for column in range(4):
            quarter(column, column + 4, column + 8, column + 12)
        for at in range(4):
            quarter(at, 4 + (at + 1) % 4, 8 + (at + 2) % 4, 12 + (at + 3) % 4)
    return struct.pack("<8I", *state[:4], *state[12:])


def _aead(key, nonce):
    return ChaCha20Poly1305(_hchacha20(key, nonce[:16])), bytes(4) + nonce[16:]


def seal(key, nonce, text, associated_data):
    cipher, nonce = _aead(key, nonce)
    return cipher.encrypt(nonce, text, associated_data)


def open_sealed(key, nonce, text, associated_data):
    """The plaintext, or None when it is not authentic."""
    cipher, nonce = _aead(key, nonce)
    try:
        return cipher.decrypt(nonce, text, associated_data)
    except InvalidTag:
        return None
