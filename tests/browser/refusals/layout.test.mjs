import assert from 'node:assert/strict';

import { scenario, talking } from '../support/world.mjs';

const LONG = 'And where did you find the drawings? I looked for hours and came across only one page, and half of that one was about bicycles.';

/** Runs in the page: of each message its text, its size, and how far its row reaches beyond it. */
function measure() {
  return [...document.querySelectorAll('[role=log] article')].map((article) => {
    const row = article.closest('[data-position]');
    const { width, height } = article.getBoundingClientRect();
    return { row: row.getBoundingClientRect().height, width, height, left: article.offsetLeft };
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
  await alice.tab.waitForStatus('hello bob', 'Read');
  await look(1);
  const texts = [[alice, LONG], [alice, 'ok'], [bob, LONG], [bob, 'ok'], [bob, 'two\nlines'], [alice, 'x'.repeat(200)]];
  for (const [index, [writer, text]] of texts.entries()) {
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
  const { alice } = await talking(world);
  const { page } = alice.tab;
  world.proxy.cut();
  await alice.tab.send('ok');
  const sending = (await page.evaluate(measure)).at(-1);
  world.proxy.mend();
  await alice.tab.waitForStatus('ok', 'Read');
  assert.deepEqual((await page.evaluate(measure)).at(-1), sending);
});
