import assert from 'node:assert/strict';

import { registrationOf, submitsTo } from '../support/accounts.mjs';
import { CLIENT, kindOf, RELAY, substitute } from '../support/protobuf.mjs';
import { scenario, talking } from '../support/world.mjs';

const NAMES = { bob: 'bobby', mallory: 'mally' };

async function cast(world) {
  const alice = await world.person('alice');
  const bob = await world.person(NAMES.bob);
  const mallory = await world.person(NAMES.mallory);
  return { alice, bob, mallory, keys: { bob: registrationOf(world, NAMES.bob), mallory: registrationOf(world, NAMES.mallory) } };
}

/** Ways for a relay to give other keys than Bob's once Alice knows who Bob is. */
const SWAPS = {
  'the whole bundle': (keys) => (direction, payload) =>
    direction === 'up' && kindOf(payload) === CLIENT.fetchBundle ? substitute(payload, keys.bob.account, keys.mallory.account) : payload,
  'one prekey in it': (keys) => (direction, payload) =>
    direction === 'down' && kindOf(payload) === RELAY.bundle ? substitute(payload, keys.bob.signedPrekey, keys.mallory.signedPrekey) : payload,
};

for (const [what, swap] of Object.entries(SWAPS)) {
  scenario(`swapped bundle: a relay that puts Mallory's in place of ${what} gets nothing, and Alice is told`, {}, async (world) => {
    const { alice, bob, mallory, keys } = await cast(world);
    await alice.tab.startConversation(NAMES.bob);
    world.proxy.tamper(swap(keys));
    await alice.tab.send('for bob only');
    await alice.tab.waitForAlert(new RegExp(NAMES.bob, 'i'));
    assert.equal(submitsTo(world, keys.mallory.account), 0, 'nothing went to Mallory');
    assert.equal(submitsTo(world, keys.bob.account), 0, 'nothing was sealed with keys that Bob did not sign');
    assert.deepEqual(await mallory.tab.conversations(), []);
    assert.deepEqual(await bob.tab.conversations(), []);
    const [message] = await alice.tab.messages();
    assert.ok(message.text.includes('for bob only'), 'what was written is kept');
    assert.ok(['Sending', 'Not sent'].includes(message.status), message.status);
  });
}

scenario('swapped bundle: a relay that answers the look-up of Bob with Mallory is refused in the dialog', {}, async (world) => {
  const { alice, mallory, keys } = await cast(world);
  world.proxy.tamper((direction, payload) => {
    if (direction === 'up' && kindOf(payload) === CLIENT.lookUp) return substitute(payload, Buffer.from(NAMES.bob), Buffer.from(NAMES.mallory));
    if (direction !== 'down' || kindOf(payload) !== RELAY.account) return payload;
    // The answer names Bob again outside the signed record, as a lying relay would.
    const name = Buffer.from(NAMES.mallory);
    const lie = Buffer.from(payload);
    Buffer.from(NAMES.bob).copy(lie, lie.indexOf(name));
    return lie;
  });
  const dialog = await alice.tab.openNewConversation(NAMES.bob);
  await alice.tab.waitForAlert(/./, dialog);
  assert.equal(submitsTo(world, keys.mallory.account), 0);
  assert.deepEqual(await mallory.tab.conversations(), []);
  await alice.tab.page.keyboard.press('Escape');
  await alice.tab.gone('dialog', 'New conversation');
  assert.deepEqual(await alice.tab.conversations(), []);
});

scenario('swapped bundle: once the relay is honest again, the same message can be sent', {}, async (world) => {
  const { alice, bob, keys } = await cast(world);
  await alice.tab.startConversation(NAMES.bob);
  world.proxy.tamper(SWAPS['the whole bundle'](keys));
  await alice.tab.send('for bob only');
  await alice.tab.waitForAlert();
  world.proxy.tamper((direction, payload) => payload);
  await alice.tab.waitForStatus('for bob only', 'Not sent', 'Sent', 'Delivered');
  if (await alice.tab.has('button', 'Try again')) await alice.tab.press('button', 'Try again');
  await bob.tab.openConversation('alice');
  await bob.tab.waitForMessage('for bob only');
});

scenario('swapped bundle: an envelope that the relay altered stops nothing, and what it held comes again by itself, once', {}, async (world) => {
  const { alice, bob } = await talking(world);
  let altered = 0;
  world.proxy.tamper((direction, payload) => {
    if (direction !== 'up' || kindOf(payload) !== CLIENT.submit || altered > 0) return payload;
    altered += 1;
    const out = Buffer.from(payload);
    out[out.length - 5] ^= 1;
    return out;
  });
  await alice.tab.send('altered on the way');
  await alice.tab.send('untouched');
  await bob.tab.waitForMessage('untouched');
  assert.equal(altered, 1);
  await bob.tab.waitForMessage('altered on the way');
  assert.equal((await bob.tab.texts()).filter((text) => text.includes('altered on the way')).length, 1);
  await bob.tab.send('and back');
  await alice.tab.waitForMessage('and back');
});
