import assert from 'node:assert/strict';

import { contains } from '../support/search.mjs';
import { dump } from '../support/store.mjs';
import { scenario, talking } from '../support/world.mjs';

const WORDS = {
  alice: ['zephyr-marmalade-4417-ostrich', 'grüße-aus-köln-8820-ünïcode'],
  bob: ['quagmire-tangerine-9053-lantern'],
  draft: 'unsent-parsnip-1266-harbour',
};

async function talkInSecret(world) {
  const { alice, bob } = await talking(world);
  for (const text of WORDS.alice) {
    await alice.tab.fill('Message', text);
    await alice.tab.page.keyboard.press('Enter');
    await bob.tab.waitForMessage(text);
  }
  await bob.tab.send(WORDS.bob[0]);
  await alice.tab.waitForMessage(WORDS.bob[0]);
  await alice.tab.waitForAll('Delivered', 'Read');
  await bob.closeTab();
  await alice.tab.send(`${WORDS.alice[0]} once more`);
  await alice.tab.waitForStatus('once more', 'Sent');
  await alice.tab.fill('Message', WORDS.draft);
  return { alice, bob };
}

const ALL = [...WORDS.alice, ...WORDS.bob, WORDS.draft];

scenario("secrecy: no plaintext on the wire, none in the relay's files, running or killed", {}, async (world) => {
  await talkInSecret(world);
  const wire = world.proxy.recorded();
  const running = await world.relay.stored();
  await world.relay.kill();
  const killed = await world.relay.stored();
  assert.ok(wire.length > 10_000, 'the wire was recorded');
  assert.ok(wire.includes('GET /api/ws ') && wire.includes(Buffer.from('alice')), 'frames are recorded without their masks');
  assert.ok(running.files.length > 0 && killed.bytes.includes('SQLite format 3'), 'the database was read');
  assert.ok(killed.bytes.includes(Buffer.from('alice')), 'what the relay does keep is found');
  for (const text of ALL) {
    for (const [where, heap] of Object.entries({ wire, running: running.bytes, killed: killed.bytes })) {
      assert.equal(contains(heap, text), false, `${text} stands in: ${where}`);
    }
  }
  assert.doesNotMatch(world.relay.log, /alice|bob/i, "the relay's log names nobody");
});

scenario('secrecy: what lies in IndexedDB is sealed, under a key that does not leave it', {}, async (world) => {
  const { alice } = await talkInSecret(world);
  await alice.tab.reload();
  await alice.tab.waitForMessage('once more');
  const records = await dump(alice.tab);
  const stores = new Set(records.map((record) => record.store));
  for (const name of ['meta', 'contacts', 'conversations', 'sessions', 'prekeys', 'messages']) assert.ok(stores.has(name), `${name} holds something: ${[...stores]}`);
  const heap = Buffer.concat(records.flatMap((record) => [record.key, record.value]));
  for (const text of ALL) assert.equal(contains(heap, text), false, `${text} stands in IndexedDB`);
  assert.ok(heap.includes('extractable=false'), 'the wrapping key is not extractable');
  assert.equal(heap.includes('extractable=true'), false);
  const storage = await alice.tab.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  for (const text of ALL) assert.equal(contains(Buffer.from(storage), text), false, `${text} stands in web storage`);
});
