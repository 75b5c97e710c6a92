import assert from 'node:assert/strict';

import { browserName } from '../support/browser.mjs';
import { scenario, talking } from '../support/world.mjs';

const FINGER = 44;

const boxOf = (element) => element.evaluate((one) => {
  const { left, right, top, bottom, width, height } = one.getBoundingClientRect();
  return { left, right, top, bottom, width, height };
});

scenario('shape: on a phone the way back is as large as a finger, no strip says "Online", and a long dialog shows what one can do', {}, async (world) => {
  const { alice } = await talking(world);
  const { tab } = alice;
  await tab.resize(360, 640);
  const back = await boxOf(await tab.find('link', 'Back to the list'));
  assert.ok(back.width >= FINGER && back.height >= FINGER, JSON.stringify(back));
  assert.equal(await tab.connection(), 'Online');
  const main = await boxOf(await tab.page.$('main'));
  assert.equal(main.top, 0);
  await tab.press('button', 'Safety number');
  await tab.find('image', 'Safety number QR code');
  const mark = await boxOf(await tab.find('button', 'Mark as verified'));
  assert.ok(mark.bottom <= 640, `the button ends at ${mark.bottom}`);
  await tab.page.keyboard.press('Escape');
  world.proxy.cut();
  await tab.setOffline(true);
  await tab.waitForConnection('Offline');
  const status = await boxOf(await tab.find('status', 'Connection'));
  assert.ok(status.height > 10 && status.width > 40, JSON.stringify(status));
});

scenario('shape: a conversation is begun in the head of the list, and the list has the rest', {}, async (world) => {
  const { alice } = await talking(world);
  const { tab } = alice;
  for (const width of [768, 1280, 2560]) {
    await tab.resize(width, 800);
    const button = await boxOf(await tab.find('button', 'New conversation'));
    assert.ok(button.width <= 2 * FINGER && button.height >= FINGER, `${width}: ${JSON.stringify(button)}`);
    const list = await boxOf(await tab.find('navigation', 'Conversations'));
    const item = await boxOf(await tab.page.$('nav li'));
    assert.ok(button.bottom <= list.top, `${width}: the list scrolls under it`);
    assert.ok(item.top - list.top < 16, `${width}: the first is at the top`);
    assert.ok(list.width <= width / 3, `${width}: the list takes ${list.width}`);
  }
});

scenario('shape: before the first conversation the page says how to begin and by which name one is reached', {}, async (world) => {
  const name = 'a-name-of-thirty-two-letters.abc';
  const { tab } = await world.person(name);
  for (const [width, height] of [[320, 568], [360, 640], [768, 1024], [1280, 800]]) {
    await tab.resize(width, height);
    const main = await tab.page.$('main');
    const text = await main.evaluate((element) => element.innerText);
    assert.match(text, new RegExp(`reach you as\\s+${name}`), `${width}`);
    const button = await boxOf(await tab.find('button', 'New conversation', main));
    const own = await boxOf(await main.$('b'));
    for (const box of [button, own]) {
      const isOnScreen = box.left >= 0 && box.right <= width && box.top > 0 && box.bottom <= height;
      assert.ok(isOnScreen && box.height > 10 && box.width > 40, `${width}: ${JSON.stringify(box)}`);
    }
    assert.ok(button.top > height / 4, `${width}: near the thumb, not at the top: ${button.top}`);
  }
});

/** Runs in the page, before anything else: how far things jump. */
function watchShifts() {
  window.shifted = 0;
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) window.shifted += one.hadRecentInput ? 0 : one.value;
  }).observe({ type: 'layout-shift', buffered: true });
}

if (browserName === 'chromium') {
  scenario('shape: what the page shows while it starts stays where it is', {}, async (world) => {
    const { tab } = await world.visitor('alice');
    await tab.page.evaluateOnNewDocument(watchShifts);
    for (const width of [390, 1280]) {
      await tab.resize(width, 844);
      await tab.page.emulateCPUThrottling(4);
      await tab.reload();
      await tab.find('button', 'Create account');
      await tab.page.waitForFunction(() => document.querySelector('input') !== null);
      const shifted = await tab.page.evaluate(() => window.shifted);
      assert.ok(shifted < 0.1, `${width}: first visit: ${shifted}`);
    }
    await tab.page.emulateCPUThrottling(null);
    await tab.createAccount('alice');
    await world.person('bob');
    await tab.startConversation('bob');
    await tab.page.emulateCPUThrottling(4);
    for (const [width, address] of [[390, '#/'], [390, '#/c/bob'], [1280, '#/c/bob']]) {
      await tab.resize(width, 844);
      await tab.goto(address);
      await tab.reload();
      await tab.waitForConnection('Online');
      const shifted = await tab.page.evaluate(() => window.shifted);
      assert.ok(shifted < 0.1, `${width} ${address}: ${shifted}`);
    }
  });
}
