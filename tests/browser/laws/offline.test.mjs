import assert from 'node:assert/strict';

import { holdsSeries, mark } from '../support/series.mjs';
import { aliceAndBob, scenario, talking } from '../support/world.mjs';

const MANY = 60;

async function writeMany(tab, series, from, to) {
  for (let number = from; number <= to; number += 1) await tab.typeAndEnter(mark(series, number));
}

scenario(`offline: Bob's page is closed while Alice writes ${MANY} messages; he comes back and has all, in order`, {}, async (world) => {
  const { alice, bob } = await talking(world);
  await bob.closeTab();
  await writeMany(alice.tab, 'alice', 1, MANY);
  await alice.tab.waitForStatus(mark('alice', MANY), 'Sent');
  await bob.openTab('#/c/alice');
  await holdsSeries(bob.tab, 'alice', MANY);
  await alice.tab.waitForAll('Delivered', 'Read');
  await holdsSeries(alice.tab, 'alice', MANY);
});

scenario('offline: somebody who was never written to before is away; the first messages wait for them too', {}, async (world) => {
  const { alice, bob } = await aliceAndBob(world);
  await bob.closeTab();
  await alice.tab.startConversation('bob');
  await writeMany(alice.tab, 'alice', 1, 20);
  await alice.tab.waitForStatus(mark('alice', 20), 'Sent');
  await bob.openTab();
  await bob.tab.openConversation('alice');
  await holdsSeries(bob.tab, 'alice', 20);
});

scenario('offline: without a network the page says so, takes messages, and sends them when it is back', {}, async (world) => {
  const { alice, bob } = await talking(world);
  world.proxy.cut();
  await alice.tab.waitForConnection('Offline', 'Connecting');
  await bob.tab.waitForConnection('Offline', 'Connecting');
  await writeMany(alice.tab, 'alice', 1, 5);
  await writeMany(bob.tab, 'bob', 1, 5);
  await alice.tab.waitForStatus(mark('alice', 5), 'Sending');
  await alice.tab.waitForConnection('Offline');

  world.proxy.mend();
  await alice.tab.waitForConnection('Online');
  await bob.tab.waitForConnection('Online');
  for (const { tab } of [alice, bob]) {
    await holdsSeries(tab, 'alice', 5);
    await holdsSeries(tab, 'bob', 5);
    await tab.waitForAll('Delivered', 'Read');
  }
  assert.deepEqual(await alice.tab.alerts(), []);
});
