import assert from 'node:assert/strict';

import { holdsSeries, mark, marks, marksIn } from '../support/series.mjs';
import { until } from '../support/wait.mjs';
import { scenario, talking } from '../support/world.mjs';

const ROUNDS = 3;
const PER_ROUND = 8;

async function writeRound(tab, series, round, meanwhile) {
  for (let i = 1; i <= PER_ROUND; i += 1) {
    await tab.typeAndEnter(mark(series, round * PER_ROUND + i));
    if (i === PER_ROUND / 2) await meanwhile();
  }
}

scenario('relay killed: in mid-conversation, several times; nothing is missing, nothing stands twice', {}, async (world) => {
  const { alice, bob } = await talking(world);
  for (let round = 0; round < ROUNDS; round += 1) {
    await Promise.all([
      writeRound(alice.tab, 'alice', round, () => world.relay.kill()),
      writeRound(bob.tab, 'bob', round, () => world.relay.kill()),
    ]);
    await until('the page notices', async () => (await alice.tab.connection()) !== 'Online');
    await world.relay.restart();
    await alice.tab.waitForConnection('Online');
    await bob.tab.waitForConnection('Online');
  }
  for (const { tab } of [alice, bob]) {
    await holdsSeries(tab, 'alice', ROUNDS * PER_ROUND);
    await holdsSeries(tab, 'bob', ROUNDS * PER_ROUND);
    await tab.waitForAll('Delivered', 'Read');
  }
});

scenario('relay killed: what was marked Sent is there even if its sender never comes back', {}, async (world) => {
  const { alice, bob } = await talking(world);
  await bob.closeTab();
  for (const text of marks('alice', 20)) await alice.tab.typeAndEnter(text);
  await alice.tab.waitForStatus(mark('alice', 10), 'Sent');
  await world.relay.kill();
  const sent = (await alice.tab.messages()).filter((message) => message.status === 'Sent');
  await alice.closeTab();

  await world.relay.restart();
  await bob.openTab('#/c/alice');
  await bob.tab.waitForConnection('Online');
  const wanted = marksIn(sent, 'alice');
  assert.ok(wanted.length >= 10, `only ${wanted.length} were marked Sent`);
  const arrived = marksIn(await bob.tab.waitForMessages('all that was Sent', (all) => wanted.every((text) => marksIn(all, 'alice').includes(text))), 'alice');
  assert.deepEqual(arrived, marks('alice', arrived.length), 'each once, in order, without a gap');
});
