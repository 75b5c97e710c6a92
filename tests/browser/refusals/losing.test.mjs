import assert from 'node:assert/strict';

import { scenario } from '../support/world.mjs';

const LOST = /clear this (browser|site)’s data, the account/;

scenario('losing: that clearing the data loses the account is said before it is made, and in Settings', {}, async (world) => {
  const { tab } = await world.visitor('alice');
  await tab.find('button', 'Create account');
  assert.match(await tab.screen(), LOST);
  await tab.createAccount('alice');
  await tab.press('button', 'Settings');
  const dialog = await tab.find('dialog', 'Settings');
  assert.match(await dialog.evaluate((element) => element.innerText), LOST);
});
