import assert from 'node:assert/strict';

import { CLIENT, kindOf } from '../support/protobuf.mjs';
import { damage } from '../support/store.mjs';
import { scenario, talking } from '../support/world.mjs';

/** Three messages each way, all read. */
async function talked(world) {
  const { alice, bob } = await talking(world);
  for (const text of ['first', 'second', 'third']) await alice.tab.send(text);
  await bob.tab.waitForMessage('third');
  await bob.tab.send('answer');
  await alice.tab.waitForMessage('answer');
  await alice.tab.waitForAll('Delivered', 'Read');
  return { alice, bob };
}

/** Whatever was damaged: Alice and Bob can still talk, both ways. */
async function stillTalk(alice, bob) {
  await alice.tab.waitForConnection('Online');
  await bob.tab.send('can you read this?');
  await alice.tab.waitForMessage('can you read this?');
  await alice.tab.send('I can');
  await bob.tab.waitForMessage('I can');
}

/** Whatever was damaged: a new conversation works. */
async function meetsCarol(world, alice) {
  await alice.tab.find('navigation', 'Conversations');
  await alice.tab.waitForConnection('Online');
  await world.person('carol');
  await alice.tab.startConversation('carol');
  await alice.tab.send('hello carol');
  await alice.tab.waitForStatus('hello carol', 'Delivered', 'Read');
}

scenario('damaged store: a message that cannot be read is told in its place; the others stand, and talk goes on', {}, async (world) => {
  const { alice, bob } = await talked(world);
  const before = await alice.tab.texts();
  assert.equal(await damage(alice.tab, 'messages', 1), 1);
  await alice.tab.waitForHeading('bob');
  await alice.tab.waitForMessage('answer');
  const kept = before.filter((_, i) => i !== 1);
  const texts = await alice.tab.texts();
  assert.ok(kept.every((text) => texts.includes(text)), `${texts}`);
  assert.ok(!texts.includes(before[1]));
  assert.match(await alice.tab.screen(), /damaged|cannot be read|unreadable/i);
  await stillTalk(alice, bob);
});

for (const store of ['conversations', 'contacts', 'prekeys']) {
  scenario(`damaged store: every record of ${store} is broken; the page starts, says so, and keeps the rest`, {}, async (world) => {
    const { alice } = await talked(world);
    assert.ok((await damage(alice.tab, store)) > 0);
      await alice.tab.waitForAlert();
    await meetsCarol(world, alice);
  });
}

scenario('damaged store: a broken record of what is to be sent is told, and what comes after is sent', {}, async (world) => {
  const { alice } = await talked(world);
  world.proxy.hold('up', (payload) => kindOf(payload) === CLIENT.submit);
  await alice.tab.send('cannot leave');
  assert.ok((await damage(alice.tab, 'outbox')) > 0);
  await alice.tab.waitForAlert();
  await alice.tab.waitForMessage('cannot leave');
  world.proxy.release();
  await meetsCarol(world, alice);
});

scenario('damaged store: broken sessions are told, and a new one is made without being asked', {}, async (world) => {
  const { alice, bob } = await talked(world);
  assert.ok((await damage(alice.tab, 'sessions')) > 0);
  await alice.tab.waitForMessage('answer');
  await alice.tab.waitForAlert();
  await alice.tab.send('a new session');
  await bob.tab.waitForMessage('a new session');
  await bob.tab.send('read you');
  await alice.tab.waitForMessage('read you');
});

scenario('damaged store: without its own keys the page starts nothing new over the old and says what to do', {}, async (world) => {
  const { alice } = await talked(world);
  assert.ok((await damage(alice.tab, 'meta')) > 0);
  await alice.tab.waitForAlert();
  assert.equal(await alice.tab.has('button', 'Create account'), false);
});
