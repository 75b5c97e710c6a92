import assert from 'node:assert/strict';

import { CLIENT, kindOf, RELAY } from '../support/protobuf.mjs';
import { holdsSeries, mark, marksIn } from '../support/series.mjs';
import { until } from '../support/wait.mjs';
import { scenario, talking } from '../support/world.mjs';

/** Where the road is blocked while the tab dies: before the relay has the message, or before the answer. */
const BLOCKS = {
  'before the relay has it': ['up', (payload) => kindOf(payload) === CLIENT.submit],
  'before the answer is back': ['down', (payload) => kindOf(payload) === RELAY.stored],
};

/** How a tab dies. */
const ENDS = {
  'the tab is closed': { options: {}, end: async (person) => person.closeTab() },
  'the browser is killed': { options: { alice: { own: {} } }, end: async (person) => person.crash() },
};

for (const [where, [direction, matches]] of Object.entries(BLOCKS)) {
  for (const [how, { options, end }] of Object.entries(ENDS)) {
    scenario(`tab closed: ${how} ${where}; opened again, the message goes out once`, {}, async (world) => {
      const { alice, bob } = await talking(world, options);
      world.proxy.hold(direction, matches);
      await alice.tab.typeAndEnter(mark('alice', 1));
      await until('the wire holds it', () => world.proxy.held > 0);
      await alice.tab.waitForStatus(mark('alice', 1), 'Sending');
      await end(alice);
      world.proxy.release();

      await alice.openTab('#/c/bob');
      await alice.tab.waitForStatus(mark('alice', 1), 'Delivered', 'Read');
      await alice.tab.send(mark('alice', 2));
      await holdsSeries(bob.tab, 'alice', 2);
      await holdsSeries(alice.tab, 'alice', 2);
      assert.equal(await alice.tab.valueOf('Message'), '');
    });
  }
}

scenario('tab closed: right after Enter; the message is then sent once or still being written, never both, never lost', {}, async (world) => {
  const { alice, bob } = await talking(world);
  for (let number = 1; number <= 4; number += 1) {
    const text = mark('alice', number);
    await alice.tab.typeAndEnter(text);
    await alice.closeTab();
    await alice.openTab('#/c/bob');
    await alice.tab.waitForHeading('bob');
    await alice.tab.waitForMessage('hello bob');
    const state = await until('sent or draft', async () => {
      const sent = marksIn(await alice.tab.messages(), 'alice').includes(text);
      const draft = (await alice.tab.valueOf('Message')) === text;
      return sent || draft ? { sent, draft } : null;
    });
    assert.notEqual(state.sent, state.draft, `${text}: sent ${state.sent}, draft ${state.draft}`);
    if (state.draft) {
      await (await alice.tab.find('textbox', 'Message')).focus();
      await alice.tab.page.keyboard.press('Enter');
      await alice.tab.waitForMessage(text);
    }
  }
  await holdsSeries(bob.tab, 'alice', 4);
  await holdsSeries(alice.tab, 'alice', 4);
});
