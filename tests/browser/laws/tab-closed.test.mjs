import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

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

/** Milliseconds between Enter and the end. */
const MOMENTS = [0, 0, 5, 10, 20, 50, 100];

/** Writes and ends until the text came into the page before that: on a busy machine a tab can be gone first. */
async function endedOnce({ alice, proxy }, text, moment, write, end) {
  for (let attempt = 1; ; attempt += 1) {
    await write(alice, text, async () => {
      await pause(moment);
      await end(alice);
    });
    if (alice.tabs.length === 0) await alice.openTab('#/c/bob');
    try {
      return await sentOrDraft(alice.tab, text);
    } catch (error) {
      if (write !== writeInOneGo || proxy.wasAsked(typed(text)) || attempt === 3) throw error;
    }
  }
}

/** Exactly one of message and draft after reopening, whatever the moment; each text is then sent, and arrives once. */
async function endedAtMany(world, write, end) {
  const { alice, bob } = world;
  for (const [index, moment] of MOMENTS.entries()) {
    const text = mark('alice', index + 1);
    const state = await endedOnce(world, text, moment, write, end);
    assert.notEqual(state.sent, state.draft, `${text}, ${moment} ms: sent ${state.sent}, draft ${state.draft}`);
    if (state.draft) await alice.tab.press('button', 'Send');
    await alice.tab.waitForMessage(text);
  }
  await holdsSeries(bob.tab, 'alice', MOMENTS.length);
  await holdsSeries(alice.tab, 'alice', MOMENTS.length);
  assert.equal(await alice.tab.valueOf('Message'), '');
}

/** Text and Enter in one go, before anything of it can be on disk; the end is on its way when Enter is. */
async function writeInOneGo({ tab }, text, end) {
  await tab.focusMessage();
  const pressing = tab.page.evaluate(pasteAndEnter, text, typed(text)).catch(() => undefined);
  await Promise.all([pressing, end()]);
}

/** What the page asks for when the text comes into it, so that the wire knows. */
const typed = (text) => `typed=${encodeURIComponent(text)}`;

/** Runs in the page. */
function pasteAndEnter(text, words) {
  fetch(`/?${words}`, { keepalive: true }).catch(() => undefined);
  document.execCommand('insertText', false, text);
  document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
}

/** A draft that is on disk, then Enter. */
async function writeAndKeep(alice, text, end) {
  await alice.tab.fill('Message', text);
  await draftIsKept(alice, text);
  await alice.tab.page.keyboard.press('Enter');
  await end();
}

const GOES = {
  'is closed': async (person) => person.closeTab(),
  'is loaded anew': async (person) => person.tab.reload(),
};

for (const [how, end] of Object.entries(GOES)) {
  scenario(`tab closed: the tab ${how} at any moment after text and Enter at once; it is sent or still a draft, never both, never lost`, {}, async (world) => {
    await endedAtMany({ ...(await talking(world)), proxy: world.proxy }, writeInOneGo, end);
  });
}

scenario('tab closed: the browser is killed at any moment after Enter; what was on disk is sent or still a draft, never both, never lost', {}, async (world) => {
  await endedAtMany({ ...(await talking(world, { alice: { own: {} } })), proxy: world.proxy }, writeAndKeep, async (person) => person.crash());
});

scenario('tab closed: a second tab, which works through the first, at any moment after text and Enter at once; sent or still a draft', {}, async (world) => {
  const { alice, bob } = await talking(world);
  // The first tab stays, and leads; each one that is opened from here on works through it.
  alice.tabs.shift();
  await (await alice.openTab('#/c/bob')).waitForMessage('hello bob');
  await endedAtMany({ alice, bob, proxy: world.proxy }, writeInOneGo, GOES['is closed']);
});
