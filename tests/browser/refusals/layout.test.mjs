import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';

import { browserName } from '../support/browser.mjs';
import { Terminal } from '../support/terminal.mjs';
import { scenario, talking } from '../support/world.mjs';

const LONG = 'And where did you find the drawings? I looked for hours and came across only one page, and half of that one was about bicycles.';

/** Runs in the page: of each message its size and how high its row is, in tenths of a pixel: below that, browsers round. */
function measure() {
  const tenths = (pixels) => Math.round(pixels * 10);
  return [...document.querySelectorAll('[role=log] article')].map((article) => {
    const row = article.closest('[data-position]').getBoundingClientRect();
    const { width, height, left } = article.getBoundingClientRect();
    return { row: tenths(row.height), width: tenths(width), height: tenths(height), left: tenths(left) };
  });
}

scenario('layout: a message keeps its size and its place when others follow, and after a reload', {}, async (world) => {
  const { alice, bob } = await talking(world);
  const { page } = alice.tab;
  const boxes = [];
  const look = async (count) => {
    const now = await page.evaluate(measure);
    assert.equal(now.length, count);
    boxes.forEach((box, index) => { assert.deepEqual(now[index], box, `message ${index} after ${count}`); });
    boxes.splice(0, boxes.length, ...now);
  };
  await bob.tab.page.bringToFront();
  await alice.tab.waitForStatus('hello bob', 'Read');
  await look(1);
  const texts = [[alice, LONG], [alice, 'ok'], [bob, LONG], [bob, 'ok'], [alice, 'x'.repeat(200)]];
  for (const [index, [writer, text]] of texts.entries()) {
    // Who gets it looks at it: else a line says where the new ones begin.
    await (writer === alice ? bob : alice).tab.page.bringToFront();
    await writer.tab.send(text);
    await alice.tab.waitForMessages(`${index + 2} messages`, (all) => all.length === index + 2);
    if (writer === alice) await alice.tab.waitForMessages('the newest is read', (all) => all.at(-1).status === 'Read');
    await look(index + 2);
  }
  await alice.tab.reload();
  await alice.tab.waitForMessages('the same messages', (all) => all.length === texts.length + 1);
  await look(texts.length + 1);
});

scenario('layout: a message is as large while it is sent as when it has been read', {}, async (world) => {
  const { alice, bob } = await talking(world);
  const { page } = alice.tab;
  world.proxy.cut();
  await bob.tab.page.bringToFront();
  await alice.tab.send('ok');
  const sending = (await page.evaluate(measure)).at(-1);
  world.proxy.mend();
  await alice.tab.waitForStatus('ok', 'Read');
  assert.deepEqual((await page.evaluate(measure)).at(-1), sending);
});

const HISTORY = 900;
const WHEEL = 900;

/** Runs in the page: at each frame where the log stands and which line is at its upper edge. */
function watchFrames() {
  const log = document.querySelector('[role=log]');
  window.seenFrames = [];
  const look = () => {
    const { left, top, width } = log.getBoundingClientRect();
    const row = document.elementFromPoint(left + width / 2, top + 4)?.closest('[data-position]');
    window.seenFrames.push({ from: -log.scrollTop, line: row ? Number(row.dataset.position) : null });
    requestAnimationFrame(look);
  };
  look();
}

scenario('layout: older messages move nothing of what is read, also amid a fling', {}, async (world) => {
  const alice = await world.person('alice');
  const bob = await Terminal.register(world, 'bob');
  await bob.feed('alice', Array.from({ length: HISTORY }, (_, index) => `line ${index}${index % 3 === 0 ? ' and more of it'.repeat(20) : ''}`));
  await alice.tab.openConversation('bob');
  await alice.tab.waitForMessage(`line ${HISTORY - 2}`);
  await alice.tab.waitForMessage(`line ${HISTORY - 1}`);
  await alice.tab.reload();
  await alice.tab.waitForMessage(`line ${HISTORY - 1}`);
  const { page } = alice.tab;
  await page.evaluate(watchFrames);
  if (browserName === 'chromium') await page.emulateCPUThrottling(4);
  await page.mouse.move(900, 400);
  for (let burst = 0; burst < 12; burst += 1) {
    for (let turn = 0; turn < 3; turn += 1) await page.mouse.wheel({ deltaY: -WHEEL });
    await setTimeout(200 + ((burst * 77) % 300));
  }
  const frames = await page.evaluate(() => window.seenFrames);
  assert.ok(frames.at(-1).from > 5 * WHEEL, 'it scrolls');
  for (const [index, { from, line }] of frames.entries()) {
    const before = frames[index - 1];
    if (before === undefined) continue;
    assert.ok(Math.abs(from - before.from) <= 3 * WHEEL + 100, `frame ${index}: from ${before.from} to ${from}`);
    if (from === before.from && line !== null && before.line !== null) assert.equal(line, before.line, `frame ${index} at ${from}`);
  }
});
