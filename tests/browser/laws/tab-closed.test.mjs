import assert from 'node:assert/strict';

import { CLIENT, kindOf, RELAY } from '../support/protobuf.mjs';
import { holdsSeries, mark, marksIn } from '../support/series.mjs';
import { until, untilValue } from '../support/wait.mjs';
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

/** Waits until what is being written is on disk: a second tab, which has it from there, shows it. */
async function draftIsKept(person, text) {
  const witness = await person.openTab('#/c/bob');
  await untilValue('the draft in another tab', () => witness.valueOf('Message'), (value) => value === text);
  await person.closeTab(witness);
}

async function sentOrDraft(tab, text) {
  await tab.waitForHeading('bob');
  await tab.waitForMessage('hello bob');
  return until(`${text} is sent or a draft`, async () => {
    const sent = marksIn(await tab.messages(), 'alice').includes(text);
    const draft = (await tab.valueOf('Message')) === text;
    return sent || draft ? { sent, draft } : null;
  });
}

scenario('tab closed: right after Enter; what was written is then sent or still a draft, never both, never lost', {}, async (world) => {
  const { alice, bob } = await talking(world);
  for (let number = 1; number <= 4; number += 1) {
    const text = mark('alice', number);
    await alice.tab.fill('Message', text);
    await draftIsKept(alice, text);
    await alice.tab.page.keyboard.press('Enter');
    await alice.closeTab();
    await alice.openTab('#/c/bob');
    const state = await sentOrDraft(alice.tab, text);
    assert.notEqual(state.sent, state.draft, `${text}: sent ${state.sent}, draft ${state.draft}`);
    if (state.draft) await alice.tab.press('button', 'Send');
    await alice.tab.waitForMessage(text);
  }
  await holdsSeries(bob.tab, 'alice', 4);
  await holdsSeries(alice.tab, 'alice', 4);
});
