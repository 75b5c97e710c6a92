import assert from 'node:assert/strict';

import { marksIn, mark } from '../support/series.mjs';
import { until, untilValue } from '../support/wait.mjs';
import { browserName, scenario, talking } from '../support/world.mjs';

/** Firefox gives a site half of this, in KiB; Chromium is told how much when the disk is to be full. */
const SMALL_DISK = { firefoxPrefs: { 'dom.quotaManager.temporaryStorage.fixedLimit': 20 * 1024 } };

/** Runs in the page: another database of this site takes what room there is. */
async function takeAllRoom() {
  const asked = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
    request.onupgradeneeded = () => request.result.createObjectStore('ballast');
  });
  const put = async (size) => {
    // Opened anew each time: Firefox closes a database that has met a full disk.
    const database = await asked(indexedDB.open('ballast')).catch(() => null);
    const taken = await new Promise((done) => {
      try {
        const transaction = database.transaction('ballast', 'readwrite');
        transaction.oncomplete = () => { done(true); };
        transaction.onabort = (event) => { event.stopPropagation(); done(false); };
        transaction.onerror = (event) => { event.preventDefault(); event.stopPropagation(); };
        transaction.objectStore('ballast').put(crypto.getRandomValues(new Uint8Array(size)), crypto.randomUUID());
      } catch {
        done(false);
      }
    });
    database?.close();
    return taken;
  };
  for (let size = 65_536; size >= 512; size /= 2) while (await put(size));
}

/** Fills the disk for this site; gives back what makes room again. */
async function fillDisk(tab) {
  if (browserName === 'firefox') {
    await tab.page.evaluate(takeAllRoom);
    return async () => tab.page.evaluate(() => new Promise((done) => { indexedDB.deleteDatabase('ballast').onsuccess = done; }).then(() => true));
  }
  const session = await tab.page.createCDPSession();
  const origin = tab.url;
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 });
  return async () => session.send('Storage.overrideQuotaForOrigin', { origin });
}

/** Sends numbered messages until one is refused; browsers notice a full disk when they look. */
async function sendUntilRefused(tab) {
  for (let number = 1; number < 500; number += 1) {
    const text = mark('alice', number);
    await tab.fill('Message', text);
    await tab.page.keyboard.press('Enter');
    const taken = await until(`${text} is taken or refused`, async () => {
      if ((await tab.valueOf('Message')) === text && (await tab.alerts()).length > 0) return 'refused';
      return marksIn(await tab.messages(), 'alice').includes(text) && 'taken';
    });
    if (taken === 'refused') return number;
  }
  throw new Error('there is room without end');
}


scenario('full disk: what is written stays in the box, what comes waits, the page says so and goes on when there is room', {}, async (world) => {
  const { alice, bob } = await talking(world, { alice: { own: SMALL_DISK } });
  const makeRoom = await fillDisk(alice.tab);
  const refused = await sendUntilRefused(alice.tab);
  const text = mark('alice', refused);
  await alice.tab.waitForAlert(/no room/i);
  assert.ok(!marksIn(await alice.tab.messages(), 'alice').includes(text));
  await alice.tab.waitForMessage('hello bob');
  await bob.tab.typeAndEnter('while the disk was full');
  // A disk that has no room for one text may have some for another.
  await bob.tab.waitForStatus('while the disk was full', 'Sent', 'Delivered', 'Read');

  await makeRoom();
  await alice.tab.press('button', 'Send');
  await alice.tab.waitForStatus(text, 'Delivered', 'Read');
  await alice.tab.waitForMessage('while the disk was full');
  await untilValue('all of hers, once', async () => marksIn(await bob.tab.messages(), 'alice').length, (count) => count === refused);
  assert.equal(new Set(marksIn(await bob.tab.messages(), 'alice')).size, refused);
  assert.equal(await alice.tab.valueOf('Message'), '');
  const twice = (await alice.tab.texts()).filter((one) => one.includes('while the disk was full'));
  assert.equal(twice.length, 1);
});
