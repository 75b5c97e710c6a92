import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';

import { until } from '../support/wait.mjs';
import { aliceAndBob, scenario } from '../support/world.mjs';

/** The accessible name or the text of what has the focus. */
const focused = (tab) => tab.page.evaluate(() => {
  const element = document.activeElement;
  return element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent.trim();
});

const focusOn = (tab, name) => until(`the focus is on "${name}"`, async () => (await focused(tab)).startsWith(name));

scenario('ways back: Back closes a dialog first, and leaves what is behind it', {}, async (world) => {
  const { alice } = await aliceAndBob(world);
  await alice.tab.startConversation('bob');
  const address = await alice.tab.address();
  for (const [opener, dialog] of [['Safety number', 'Safety number'], ['Settings', 'Settings'], ['New conversation', 'New conversation']]) {
    await alice.tab.press('button', opener);
    await alice.tab.find('dialog', dialog);
    await alice.tab.page.evaluate(() => { history.back(); });
    await alice.tab.gone('dialog', dialog);
    assert.equal(await alice.tab.address(), address, dialog);
  }
  await alice.tab.press('button', 'Settings');
  await alice.tab.press('button', 'Close', await alice.tab.find('dialog', 'Settings'));
  await alice.tab.gone('dialog', 'Settings');
  await alice.tab.page.evaluate(() => { history.back(); });
  await until('the list', () => alice.tab.address().then((now) => now !== address));
});

scenario('ways back: the focus is where one goes on, and never nowhere', {}, async (world) => {
  const { tab } = await world.visitor('alice');
  await tab.fill('Username', 'no such name');
  await tab.press('button', 'Create account');
  await focusOn(tab, 'Username');
  const box = await tab.find('textbox', 'Username');
  assert.equal(await box.evaluate((element) => element.getAttribute('aria-invalid')), 'true');
  const described = await box.evaluate((element) => element.getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id).textContent).join(' '));
  assert.match(described, /space/);
  await tab.createAccount('alice');
  await focusOn(tab, 'New conversation');
  await world.person('bob');
  await tab.openNewConversation(' @bob');
  await tab.waitForHeading('bob');
});

scenario('ways back: from a conversation to its place in the list; one\'s own name leads home', {}, async (world) => {
  const { alice } = await aliceAndBob(world);
  await alice.tab.resize(390, 800);
  await alice.tab.startConversation('bob');
  await alice.tab.press('link', 'Back to the list');
  await focusOn(alice.tab, 'bob');
  await alice.tab.goto('#/c/alice');
  await alice.tab.press('button', 'New conversation');
});

scenario('ways back: an account that the server shut out can be left for a new one, knowing what is lost', {}, async (world) => {
  const { tab } = await world.person('alice');
  execFileSync(process.env.PAWL_TEST_SERVER, ['ban', 'add', 'alice', '--data', world.relay.data]);
  await tab.waitForAlert(/no longer recognises this account/);
  await tab.press('button', 'Start over');
  const dialog = await tab.find('dialog', 'Start over');
  assert.match(await dialog.evaluate((element) => element.textContent), /your keys, your conversations and the account “alice”/);
  await tab.press('button', 'Start over', dialog);
  await tab.createAccount('alice2');
  await tab.waitForConnection('Online');
});

scenario('ways back: that a message came elsewhere is said once', {}, async (world) => {
  const { alice, bob } = await aliceAndBob(world);
  await world.person('carol');
  await bob.tab.startConversation('carol');
  await bob.tab.page.evaluate(() => {
    const status = document.querySelector('[role="status"][aria-label="New message"]');
    globalThis.said = [];
    new MutationObserver(() => { if (status.textContent) globalThis.said.push(status.textContent); }).observe(status, { childList: true, characterData: true, subtree: true });
  });
  await alice.tab.startConversation('bob');
  await alice.tab.send('hello');
  await until('it is said', () => bob.tab.page.evaluate(() => globalThis.said.length > 0));
  await alice.tab.send('hello again');
  await alice.tab.waitForAll('Delivered');
  assert.deepEqual(await bob.tab.page.evaluate(() => globalThis.said), ['New message from alice']);
});

scenario('ways back: a closed server offers no form, and a link fills in an invite code', { relayArgs: ['--registration', 'closed'] }, async (world) => {
  const { tab } = await world.visitor('alice');
  await tab.waitForText('takes no new accounts');
  assert.equal(await tab.has('button', 'Create account'), false);
  assert.equal(await tab.has('textbox', 'Username'), false);
});

scenario('ways back: a conversation that begins after its dialog was closed leads nobody away from another', {}, async (world) => {
  const { alice } = await aliceAndBob(world);
  await world.person('carol');
  await alice.tab.startConversation('carol');
  const address = await alice.tab.address();
  world.proxy.hold('up', () => true);
  const dialog = await alice.tab.openNewConversation('bob');
  await alice.tab.press('button', 'Cancel', dialog);
  await alice.tab.gone('dialog', 'New conversation');
  world.proxy.release();
  await alice.tab.waitForConversation('bob');
  await alice.tab.focusMessage();
  assert.equal(await alice.tab.address(), address);
});
