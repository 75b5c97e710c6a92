import assert from 'node:assert/strict';

import { scenario } from '../support/world.mjs';

const WRONG = {
  'nothing at all': ['', /name/i],
  'only spaces': ['   ', /name/i],
  '33 characters': ['a'.repeat(33), /32/],
  'a control character': ['bo\u0007b', /contains an invisible character/],
  'a look-alike Cyrillic letter': ['p\u0430ul', /“\u0430” is a Cyrillic letter/],
  'an invisible character': ['bo\u200bb', /invisible|U\+200B/i],
  'a space inside': ['bo b', /space/i],
  'a hyphen in front': ['-bob', /begin|start/i],
};

scenario('usernames: each wrong one gets words of its own, stays in the box, and the right one still works', {}, async (world) => {
  const { tab } = await world.visitor('alice');
  for (const [what, [text, words]] of Object.entries(WRONG)) {
    await tab.fill('Username', text);
    await tab.press('button', 'Create account');
    const alerts = await tab.waitForAlert(words);
    assert.equal(await tab.valueOf('Username'), text, `${what}: what was typed stays (${alerts})`);
    assert.equal(await tab.has('navigation', 'Conversations'), false, what);
  }
  await tab.createAccount('alice');
  await tab.waitForConnection('Online');
  assert.deepEqual(await tab.alerts(), []);
});

scenario('usernames: the longest allowed, and capital letters are the same person', {}, async (world) => {
  const longest = 'a'.repeat(32);
  const { tab } = await world.visitor('longest');
  await tab.createAccount(longest);
  const alice = await world.person('alice');
  await alice.tab.openNewConversation(longest.toUpperCase());
  await alice.tab.waitForHeading(longest);
});

scenario('usernames: a taken one is refused, also in other letter case, and another can be taken', {}, async (world) => {
  await world.person('alice');
  const { tab } = await world.visitor('second');
  for (const taken of ['alice', 'ALICE']) {
    await tab.fill('Username', taken);
    await tab.press('button', 'Create account');
    await tab.waitForAlert(/taken|already/i);
  }
  await tab.createAccount('alice2');
  await tab.waitForConnection('Online');
});

scenario('usernames: an account that is asked for without a network is refused or made later, never half', {}, async (world) => {
  const { tab } = await world.visitor('alice');
  await tab.find('button', 'Create account');
  world.proxy.cut();
  await tab.fill('Username', 'alice');
  await tab.press('button', 'Create account');
  await tab.waitForAlert();
  world.proxy.mend();
  await tab.reload();
  await tab.find('button', 'Create account');
  await tab.createAccount('alice');
  await tab.waitForConnection('Online');
});

scenario('usernames: one that a password manager fills in with a change alone is taken', {}, async (world) => {
  const { tab } = await world.visitor('alice');
  const box = await tab.find('textbox', 'Username');
  await box.evaluate((element) => {
    element.value = 'alice';
    element.dispatchEvent(new Event('change', { bubbles: true }));
  });
  await tab.press('button', 'Create account');
  await tab.find('navigation', 'Conversations');
  await tab.waitForConnection('Online');
});
