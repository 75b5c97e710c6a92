import assert from 'node:assert/strict';

import { CLIENT, kindOf } from '../support/protobuf.mjs';
import { holdsSet, mark, marks } from '../support/series.mjs';
import { until } from '../support/wait.mjs';
import { scenario, talking } from '../support/world.mjs';

const EACH = 12;

async function writeAll(tab, series) {
  for (const text of marks(series, EACH)) await tab.typeAndEnter(text);
}

scenario('two tabs: both of one account send at once; everything arrives once and both show all', {}, async (world) => {
  const { alice, bob } = await talking(world);
  const second = await alice.openTab('#/c/bob');
  await second.waitForMessage('hello bob');
  await second.waitForConnection('Online');
  await Promise.all([writeAll(alice.tab, 'left'), writeAll(second, 'right')]);
  for (const tab of [bob.tab, alice.tab, second]) {
    await holdsSet(tab, 'left', EACH);
    await holdsSet(tab, 'right', EACH);
  }
  await bob.tab.send(mark('bob', 1));
  await alice.tab.waitForMessage(mark('bob', 1));
  await second.waitForMessage(mark('bob', 1));
  for (const tab of [alice.tab, second]) {
    await tab.waitForAll('Delivered', 'Read');
    assert.deepEqual(await tab.alerts(), []);
  }
});

scenario('two tabs: the one that does the work is closed while its messages are on their way; the other goes on', {}, async (world) => {
  const { alice, bob } = await talking(world);
  const second = await alice.openTab('#/c/bob');
  await second.waitForMessage('hello bob');

  world.proxy.hold('up', (payload) => kindOf(payload) === CLIENT.submit);
  await Promise.all([writeAll(alice.tab, 'left'), writeAll(second, 'right')]);
  await alice.tab.waitForMessage(mark('left', EACH));
  await second.waitForMessage(mark('right', EACH));
  await until('the wire holds something', () => world.proxy.held > 0);
  await alice.closeTab();
  world.proxy.release();

  for (const tab of [bob.tab, second]) {
    await holdsSet(tab, 'left', EACH);
    await holdsSet(tab, 'right', EACH);
  }
  await second.waitForConnection('Online');
  await second.waitForAll('Delivered', 'Read');
  await bob.tab.send(mark('bob', 1));
  await second.waitForMessage(mark('bob', 1));
});

scenario('two tabs: what the follower sends while the leader dies is neither lost nor doubled', {}, async (world) => {
  const { alice, bob } = await talking(world);
  const second = await alice.openTab('#/c/bob');
  await second.waitForMessage('hello bob');
  await Promise.all([
    writeAll(second, 'right'),
    (async () => {
      await second.waitForMessage(mark('right', 4));
      await alice.closeTab();
    })(),
  ]);
  await holdsSet(second, 'right', EACH);
  await holdsSet(bob.tab, 'right', EACH);
  await second.waitForAll('Delivered', 'Read');
});

scenario('two tabs: an account that is made in one appears in the other', {}, async (world) => {
  const alice = await world.visitor('alice');
  const second = await alice.openTab();
  await second.find('button', 'Create account');
  await alice.tab.createAccount('alice');
  await second.find('navigation', 'Conversations');
  await second.waitForConnection('Online');
});
