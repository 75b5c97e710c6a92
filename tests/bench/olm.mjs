// The same work in Matrix's Olm (wasm): X3DH without a post-quantum part, Double Ratchet without header
// encryption.

import olm from '@matrix-org/olm';

import { BODY_BYTES } from './measure.mjs';

const BODY = 'x'.repeat(BODY_BYTES);

function send(from, to) {
  const { type, body } = from.encrypt(BODY);
  if (to.decrypt(type, body) !== BODY) throw new Error('another text came out');
}

function account() {
  const made = new olm.Account();
  made.create();
  return made;
}

/** Both people's keys, the handshake, the first message opened. */
function setUp() {
  const [alice, bob] = [account(), account()];
  bob.generate_one_time_keys(1);
  const [oneTimeKey] = Object.values(JSON.parse(bob.one_time_keys()).curve25519);
  const identity = JSON.parse(bob.identity_keys());
  // What a careful client checks before it uses a one-time key.
  const signature = bob.sign(oneTimeKey);
  const utility = new olm.Utility();
  utility.ed25519_verify(identity.ed25519, oneTimeKey, signature);
  const [sending, receiving] = [new olm.Session(), new olm.Session()];
  sending.create_outbound(alice, identity.curve25519, oneTimeKey);
  const first = sending.encrypt(BODY);
  receiving.create_inbound(bob, first.body);
  bob.remove_one_time_keys(receiving);
  if (receiving.decrypt(first.type, first.body) !== BODY) throw new Error('another text came out');
  for (const used of [alice, bob, utility]) used.free();
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
    free() {
      sending.free();
      receiving.free();
    },
  };
}

export async function setUpOlm() {
  await olm.init();
  return setUp;
}
