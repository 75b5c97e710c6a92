import assert from 'node:assert/strict';

import { until, untilValue } from '../support/wait.mjs';
import { aliceAndBob, scenario, talking } from '../support/world.mjs';

scenario('online: what Alice writes stands once at Bob, and its status goes to Delivered and Read', {}, async (world) => {
  const { alice, bob } = await aliceAndBob(world);
  await alice.tab.startConversation('bob');
  await alice.tab.send('are you there?');
  await bob.tab.waitForConversation('alice');
  await alice.tab.waitForStatus('are you there?', 'Delivered');

  await bob.tab.page.bringToFront();
  await bob.tab.openConversation('alice');
  await bob.tab.waitForMessage('are you there?');
  await alice.tab.waitForStatus('are you there?', 'Read');
  await bob.tab.send('yes');
  await alice.tab.waitForMessage('yes');

  assert.deepEqual((await bob.tab.messages()).map((message) => message.status !== null), [false, true]);
  assert.equal((await alice.tab.messages()).length, 2);
});

scenario('online: an unread message is told in the list, and no longer once it is read', {}, async (world) => {
  const { alice, bob } = await aliceAndBob(world);
  await alice.tab.startConversation('bob');
  await alice.tab.send('one');
  await alice.tab.send('two');
  const [unread] = await bob.tab.waitForConversation('alice');
  await bob.tab.page.bringToFront();
  await bob.tab.openConversation('alice');
  await bob.tab.waitForMessage('two');
  await alice.tab.waitForStatus('two', 'Read');
  const [read] = await bob.tab.conversations();
  assert.match(unread, /unread|new/i);
  assert.doesNotMatch(read, /unread/i);
});

scenario('online: text arrives as it was written: lines, markup, emoji, right to left, and the longest allowed', {}, async (world) => {
  const { alice, bob } = await talking(world);
  const box = await alice.tab.find('textbox', 'Message');
  await box.focus();
  await alice.tab.page.keyboard.type('first line');
  await alice.tab.page.keyboard.down('Shift');
  await alice.tab.page.keyboard.press('Enter');
  await alice.tab.page.keyboard.up('Shift');
  await alice.tab.page.keyboard.type('second line');
  await alice.tab.press('button', 'Send');
  await bob.tab.waitForMessages('two lines', (all) => all.some((one) => one.text.includes('first line\nsecond line')));

  const longest = 'x'.repeat(64 * 1024);
  for (const text of ['<img src=x onerror=alert(1)><b>bold</b> &amp; {{7*7}}', '👩‍👩‍👧‍👦 e\u0301 שלום \u202eabc', longest]) {
    await alice.tab.fill('Message', text);
    await alice.tab.page.keyboard.press('Enter');
    await bob.tab.waitForMessages(text.slice(0, 20), (all) => all.some((one) => one.text.includes(text)));
  }
  assert.equal((await bob.tab.messages()).length, 5);
});

scenario('online: both see the same safety number, and marking it verified is kept', {}, async (world) => {
  const { alice, bob } = await talking(world);
  const numbers = [];
  for (const { tab } of [alice, bob]) {
    await tab.press('button', 'Safety number');
    const dialog = await tab.find('dialog', 'Safety number');
    await tab.find('image', 'Safety number QR code', dialog);
    const text = await dialog.evaluate((element) => element.innerText);
    numbers.push(text.match(/\b\d{5}\b/g));
  }
  assert.equal(numbers[0].length, 12);
  assert.deepEqual(numbers[0], numbers[1]);

  await alice.tab.press('checkbox', 'They match', await alice.tab.find('dialog', 'Safety number'));
  await alice.tab.press('button', 'Mark as verified', await alice.tab.find('dialog', 'Safety number'));
  await alice.tab.page.keyboard.press('Escape');
  // A dialog takes its entry of the history along; a reload amid that never comes to an end.
  await until('the entry of the dialog is gone', () => alice.tab.page.evaluate(() => history.state === null));
  await alice.tab.reload();
  await alice.tab.waitForHeading('bob');
  await alice.tab.press('button', 'Safety number');
  const dialog = await alice.tab.find('dialog', 'Safety number');
  assert.match(await dialog.evaluate((element) => element.innerText), /verified/i);
  assert.equal(await alice.tab.has('button', 'Mark as verified', dialog), false);
});

/** What the list says under the first conversation's name, as it is read out with the link. */
async function preview(tab) {
  const navigation = await tab.find('navigation', 'Conversations');
  return navigation.evaluate((list) => {
    const description = list.querySelector('a')?.getAttribute('aria-describedby');
    return document.getElementById(description ?? '')?.textContent ?? null;
  });
}

scenario('online: the list says "You:" and how far that message came, until the other answers', {}, async (world) => {
  const { alice, bob } = await aliceAndBob(world);
  await alice.tab.startConversation('bob');
  await alice.tab.send('are you there?');
  await untilValue('delivered, in the list', () => preview(alice.tab), (text) => text === 'You: are you there?, Delivered');
  await bob.tab.page.bringToFront();
  await bob.tab.openConversation('alice');
  await untilValue('read, in the list', () => preview(alice.tab), (text) => text === 'You: are you there?, Read');
  await alice.tab.reload();
  await untilValue('the same after a reload', () => preview(alice.tab), (text) => text === 'You: are you there?, Read');
  await bob.tab.send('yes');
  await untilValue('the answer, in the list', () => preview(alice.tab), (text) => text === 'From bob: yes');
  await world.relay.kill();
  await alice.tab.waitForConnection('Offline');
  await alice.tab.send('and now?');
  await untilValue('on its way, in the list', () => preview(alice.tab), (text) => text === 'You: and now?, Sending');
});

/** The parts of that line, each as its element, its text, and whether it is drawn. */
async function parts(tab) {
  const navigation = await tab.find('navigation', 'Conversations');
  return navigation.evaluate((list) => {
    const line = document.getElementById(list.querySelector('a')?.getAttribute('aria-describedby') ?? '');
    const isDrawn = (node) => !(node instanceof Element) || getComputedStyle(node).clipPath === 'none';
    const nodes = [...(line?.childNodes ?? [])].filter((node) => node.textContent !== '');
    return nodes.map((node) => `${isDrawn(node) ? '' : 'unseen '}${node.nodeName.toLowerCase()} ${node.textContent}`);
  });
}

/** The colours of its drawn elements and, last, of the line. */
async function colours(tab) {
  const navigation = await tab.find('navigation', 'Conversations');
  return navigation.evaluate((list) => {
    const line = document.getElementById(list.querySelector('a').getAttribute('aria-describedby'));
    return [line.querySelector('b'), line].map((one) => getComputedStyle(one).color);
  });
}

scenario('online: whoever writes "You: I agree" is not taken for oneself in the list', {}, async (world) => {
  const { alice, bob } = await aliceAndBob(world);
  await alice.tab.startConversation('bob');
  await alice.tab.send('I agree');
  await untilValue('an own text', () => parts(alice.tab), (all) => all[0] === 'b You: ' && all[1] === '#text I agree');
  const own = await colours(alice.tab);
  assert.notEqual(own.at(0), own.at(-1), 'it is seen, too');
  await bob.tab.openConversation('alice');
  await bob.tab.send('You: I agree');
  const theirs = ['unseen span From bob: ', '#text You: I agree'];
  await untilValue('the same words of another', () => parts(alice.tab), (all) => all.join() === theirs.join());
});
