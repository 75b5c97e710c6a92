// The same work written on libsodium-wrappers (wasm): X3DH and a Double Ratchet with BLAKE2b as its KDF and
// XChaCha20-Poly1305, as an application would that builds on this package. No post-quantum part, no header
// encryption, no skipped keys: less work than Pawl does.

import sodium from 'libsodium-wrappers';

import { BODY_BYTES } from './measure.mjs';

const BODY = new Uint8Array(BODY_BYTES).fill(120);
const MESSAGE_KEY = new Uint8Array([1]);
const NEXT_CHAIN_KEY = new Uint8Array([2]);

function join(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function dh(pair, publicKey) {
  return sodium.crypto_scalarmult(pair.privateKey, publicKey);
}

/** One side of a Double Ratchet. */
class Ratchet {
  constructor(root, own, theirs) {
    this.root = root;
    this.own = own;
    this.theirs = theirs;
    this.sendingChain = null;
    this.receivingChain = null;
    this.sent = 0;
  }

  step() {
    const both = sodium.crypto_generichash(64, dh(this.own, this.theirs), this.root);
    this.root = both.subarray(0, 32);
    return both.subarray(32);
  }

  seal(body) {
    if (this.sendingChain === null) {
      this.own = sodium.crypto_box_keypair();
      this.sendingChain = this.step();
      this.sent = 0;
    }
    const key = sodium.crypto_generichash(32, MESSAGE_KEY, this.sendingChain);
    this.sendingChain = sodium.crypto_generichash(32, NEXT_CHAIN_KEY, this.sendingChain);
    const header = join(this.own.publicKey, new Uint8Array(new Uint32Array([this.sent]).buffer));
    this.sent += 1;
    const nonce = sodium.randombytes_buf(24);
    const sealed = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(body, header, null, nonce, key);
    return { header, nonce, sealed };
  }

  open({ header, nonce, sealed }) {
    const theirs = header.subarray(0, 32);
    if (this.receivingChain === null || !sodium.memcmp(theirs, this.theirs)) {
      this.theirs = theirs;
      this.receivingChain = this.step();
      this.sendingChain = null;
    }
    const key = sodium.crypto_generichash(32, MESSAGE_KEY, this.receivingChain);
    this.receivingChain = sodium.crypto_generichash(32, NEXT_CHAIN_KEY, this.receivingChain);
    return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed, header, nonce, key);
  }
}

function send(from, to) {
  const text = to.open(from.seal(BODY));
  if (!sodium.memcmp(text, BODY)) throw new Error('another text came out');
}

/** Both people's keys, X3DH with a signed prekey and a one-time prekey, the first message opened. */
function setUp() {
  const [alice, bob] = [sodium.crypto_box_keypair(), sodium.crypto_box_keypair()];
  const signing = [sodium.crypto_sign_keypair(), sodium.crypto_sign_keypair()];
  const [signedPreKey, oneTimePreKey] = [sodium.crypto_box_keypair(), sodium.crypto_box_keypair()];
  const signature = sodium.crypto_sign_detached(signedPreKey.publicKey, signing[1].privateKey);
  if (!sodium.crypto_sign_verify_detached(signature, signedPreKey.publicKey, signing[1].publicKey)) {
    throw new Error('the signed prekey is not signed');
  }
  const base = sodium.crypto_box_keypair();
  const ours = join(
    dh(alice, signedPreKey.publicKey),
    dh(base, bob.publicKey),
    dh(base, signedPreKey.publicKey),
    dh(base, oneTimePreKey.publicKey),
  );
  const theirs = join(
    dh(signedPreKey, alice.publicKey),
    dh(bob, base.publicKey),
    dh(signedPreKey, base.publicKey),
    dh(oneTimePreKey, base.publicKey),
  );
  const sending = new Ratchet(sodium.crypto_generichash(32, ours, null), null, signedPreKey.publicKey);
  const receiving = new Ratchet(sodium.crypto_generichash(32, theirs, null), signedPreKey, null);
  const first = sending.seal(BODY);
  receiving.theirs = first.header.subarray(0, 32);
  if (!sodium.memcmp(receiving.open(first), BODY)) throw new Error('another text came out');
  return {
    pingPong(count) {
      for (let turn = 0; turn < count; turn += 1) {
        if (turn % 2 === 0) send(receiving, sending);
        else send(sending, receiving);
      }
    },
    burst(count) {
      for (let turn = 0; turn < count; turn += 1) send(sending, receiving);
    },
  };
}

export async function setUpSodium() {
  await sodium.ready;
  return setUp;
}
