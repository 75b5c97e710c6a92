// Accounts as the wire sees them: what a device registered, and what was sent to an account.

import assert from 'node:assert/strict';

import { CLIENT, kindOf, pick } from './protobuf.mjs';

/** What the device that took a name last registered: account key, signed prekey record, account record. */
export function registrationOf(world, username) {
  const frame = world.proxy.frames.findLast(({ direction, payload }) => direction === 'up' && kindOf(payload) === CLIENT.register && pick(payload, CLIENT.register, 2).toString() === username);
  assert.ok(frame, `${username} has registered through this wire`);
  return {
    account: pick(frame.payload, CLIENT.register, 3, 1),
    record: pick(frame.payload, CLIENT.register, 5),
    signedPrekey: pick(frame.payload, CLIENT.register, 6, 1, 2),
  };
}

/** How many envelopes went to an account so far. */
export const submitsTo = (world, account) => world.proxy.frames.filter(({ direction, payload }) => direction === 'up' && kindOf(payload) === CLIENT.submit && pick(payload, CLIENT.submit, 2, 1).equals(account)).length;
