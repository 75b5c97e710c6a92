import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';

import { scenario } from '../support/world.mjs';

/** A command of the relay's operator, beside the relay that runs. */
function operator(world, ...words) {
  return execFileSync(process.env.PAWL_TEST_SERVER, [...words, '--data', world.relay.data], { encoding: 'utf8' });
}

scenario('door: a relay that asks for an invite says so, refuses a wrong code in words, and takes a right one once', { relayArgs: ['--registration', 'invite'] }, async (world) => {
  const [code] = operator(world, 'invite', 'create').split('\n');
  const { tab } = await world.visitor('alice');
  await tab.find('textbox', 'Invite code');
  await tab.fill('Username', 'alice');
  for (const wrong of ['', 'AAAAA-BBBBB-CCCCC-DDDDD']) {
    await tab.fill('Invite code', wrong);
    await tab.press('button', 'Create account');
    await tab.waitForAlert(/invite code/i);
    assert.equal(await tab.has('navigation', 'Conversations'), false);
    assert.equal(await tab.valueOf('Username'), 'alice', 'what was typed stays');
  }
  await tab.fill('Invite code', code.toLowerCase());
  await tab.createAccount('alice');
  await tab.waitForConnection('Online');
  const late = await world.visitor('bob');
  await late.tab.find('textbox', 'Invite code');
  await late.tab.fill('Username', 'bob');
  await late.tab.fill('Invite code', code);
  await late.tab.press('button', 'Create account');
  await late.tab.waitForAlert(/invite code/i);
});

scenario('door: a relay that takes no new accounts says so', { relayArgs: ['--registration', 'closed'] }, async (world) => {
  const { tab } = await world.visitor('alice');
  await tab.waitForText('takes no new accounts');
  assert.equal(await tab.has('button', 'Create account'), false, 'no form that can only fail');
});

// As many bits as are some slices of the work, and no time.
scenario('door: a page works where the relay asks for it', { relayArgs: ['--proof-of-work', '17'] }, async (world) => {
  const alice = await world.person('alice');
  const bob = await world.person('bob');
  await alice.tab.startConversation('bob');
  await alice.tab.send('we both worked');
  await bob.tab.openConversation('alice');
  await bob.tab.waitForMessage('we both worked');
});

scenario('door: who is shut out is told', {}, async (world) => {
  const { tab } = await world.person('alice');
  operator(world, 'ban', 'add', 'alice');
  await tab.waitForAlert(/no longer recognises this account, or has blocked it/);
});
