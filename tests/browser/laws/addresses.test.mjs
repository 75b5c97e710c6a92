import assert from 'node:assert/strict';

import { until, untilValue } from '../support/wait.mjs';
import { aliceAndBob, scenario, talking } from '../support/world.mjs';

const BY_ID = /^#\/c\/[A-Z2-7]{26}$/;
const NOBODYS = '#/c/AAAAAAAAAAAAAAAAAAAAAAAAAA';

const entries = (tab) => tab.page.evaluate(() => history.length);
const addressIs = (tab, wanted) => untilValue(`the address ${wanted}`, () => tab.address(), (address) => address === wanted);

/** As the browser's own buttons do. */
async function go(tab, steps, wanted, heading) {
  await tab.page.evaluate((by) => { history.go(by); }, steps);
  await addressIs(tab, wanted);
  await tab.waitForHeading(heading);
}

scenario('addresses: a conversation is at its id, which is the same on both sides and survives a reload', {}, async (world) => {
  const { alice, bob } = await talking(world);
  const address = await alice.tab.address();
  assert.match(address, BY_ID);
  await addressIs(bob.tab, address);
  await alice.tab.reload();
  await alice.tab.waitForMessage('hello bob');
  assert.equal(await alice.tab.address(), address);
  const links = await alice.tab.page.$$eval('nav li a', (all) => all.map((link) => link.getAttribute('href')));
  assert.deepEqual(links, [address]);
  await alice.openTab(address);
  await alice.tabs[1].waitForMessage('hello bob');
});

scenario('addresses: a username leads to the id and leaves no entry; back and forward go where they did', {}, async (world) => {
  const { alice } = await talking(world);
  const { tab } = alice;
  const bob = await tab.address();
  await world.person('carol');
  await tab.startConversation('carol');
  const carol = await tab.address();
  assert.match(carol, BY_ID);
  assert.notEqual(carol, bob);
  await go(tab, -1, bob, 'bob');
  await go(tab, 1, carol, 'carol');
  const before = await entries(tab);
  for (const name of ['#/c/bob', '#/c/Bob', '#/c/%40bob']) {
    await tab.page.evaluate((hash) => { location.hash = hash; }, name);
    await addressIs(tab, bob);
    await tab.waitForHeading('bob');
    await go(tab, -1, carol, 'carol');
    await go(tab, 1, bob, 'bob');
    await go(tab, -1, carol, 'carol');
  }
  assert.equal(await entries(tab), before + 1);
  // Also while it is open already.
  await tab.page.evaluate(() => { location.hash = '#/c/carol'; });
  await addressIs(tab, carol);
  // The one that is open is left where it is, with a dialog over it as well.
  await tab.press('button', 'Safety number');
  await tab.find('dialog', 'Safety number');
  await tab.page.evaluate(() => { history.back(); });
  await tab.gone('dialog', 'Safety number');
  await addressIs(tab, carol);
});

scenario('addresses: a username that is not known yet leads to the id as soon as the conversation is there', {}, async (world) => {
  const { alice, bob } = await aliceAndBob(world);
  await bob.tab.goto('#/c/alice');
  await until('an offer', async () => (await bob.tab.page.$eval('main', (main) => main.innerText)).includes('You haven’t talked to alice yet'));
  await alice.tab.goto('#/c/bob');
  await alice.tab.press('button', 'Start', await alice.tab.page.$('main'));
  await alice.tab.waitForHeading('bob');
  await untilValue('an id', () => alice.tab.address(), (address) => BY_ID.test(address));
  await alice.tab.send('hello bob');
  await bob.tab.waitForMessage('hello bob');
  await addressIs(bob.tab, await alice.tab.address());
});

scenario('addresses: an id that no conversation has says so and offers nobody', {}, async (world) => {
  const { alice } = await talking(world);
  const { tab } = alice;
  const bob = await tab.address();
  await tab.page.evaluate((hash) => { location.hash = hash; }, NOBODYS);
  await tab.waitForText('This conversation isn’t on this device');
  assert.equal(await tab.has('button', 'Start', await tab.page.$('main')), false);
  await tab.press('button', 'New conversation');
  assert.equal(await tab.valueOf('Username'), '');
  await tab.page.keyboard.press('Escape');
  await tab.gone('dialog', 'New conversation');
  // In lower case it is a username like any other.
  await tab.page.evaluate((hash) => { location.hash = hash; }, NOBODYS.toLowerCase());
  await tab.waitForText(`You haven’t talked to ${NOBODYS.slice(4).toLowerCase()} yet`);
  await go(tab, -2, bob, 'bob');
});
