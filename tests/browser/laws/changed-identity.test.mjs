import assert from 'node:assert/strict';

import { registrationOf, submitsTo } from '../support/accounts.mjs';
import { until, untilValue } from '../support/wait.mjs';
import { scenario } from '../support/world.mjs';

/** As long as what his name is freed for, and between those names in the alphabet, which the relay's file relies on. */
const BOB = 'bobbm';
/** Long enough for whatever wants to go out to have gone. */
const A_WHILE_MS = 2_500;

/** Alice, who has written to a Bob and verified him, and Bob who has it. */
async function acquainted(world) {
  const alice = await world.person('alice');
  const bob = await world.person(BOB);
  await alice.tab.startConversation(BOB);
  await alice.tab.send('to the old bobby');
  await alice.tab.waitForStatus('to the old bobby', 'Delivered', 'Read');
  const dialog = await openSafetyNumber(alice.tab);
  await waitForDigits(dialog);
  await mark(alice.tab, dialog);
  await alice.tab.find('button', 'Remove verification', dialog);
  await closeDialog(alice.tab);
  return { alice, bob };
}

async function leave(world, person) {
  await person.leave();
  world.people.splice(world.people.indexOf(person), 1);
}

/** Bob's name goes to somebody with other keys, who writes to Alice. */
async function replaceBob(world, bob, freed, text) {
  await leave(world, bob);
  await world.relay.rename(BOB, freed);
  return anotherBob(world, text);
}

async function anotherBob(world, text) {
  const other = await world.person(BOB);
  await other.tab.startConversation('alice');
  await other.tab.send(text);
  await other.tab.waitForStatus(text, 'Sent', 'Delivered', 'Read');
  return other;
}

async function openSafetyNumber(tab) {
  await tab.press('button', 'Safety number');
  return tab.find('dialog', 'Safety number');
}

/** Says that both see the number, without which nobody is marked. */
async function mark(tab, dialog) {
  const button = await tab.find('button', 'Mark as verified', dialog);
  assert.ok(await button.evaluate((it) => it.disabled), 'nobody is marked by one unthinking press');
  await tab.press('checkbox', 'They match', dialog);
  await until('the button can be pressed', () => button.evaluate((it) => !it.disabled));
  await button.click();
}

/** What is behind a modal dialog is not there for whoever finds things by their roles. */
async function closeDialog(tab) {
  await tab.page.keyboard.press('Escape');
  await tab.gone('dialog', 'Safety number');
}

async function openReview(tab, role) {
  await tab.press(role, 'Review');
  return tab.find('dialog', `Review ${BOB}`);
}

const digitsOf = async (dialog) => {
  const text = await dialog.evaluate((element) => element.textContent);
  return /(\d{5}\s?){12}/.exec(text)?.[0].replaceAll(/\s/g, '');
};

const waitForDigits = (dialog, holds = (digits) => digits?.length === 60) => untilValue('60 digits', () => digitsOf(dialog), holds);

/** All that Alice must see for as long as she has not accepted. */
async function waits(world, alice, account) {
  await alice.tab.waitForAlert(new RegExp(`${BOB}.s safety number has changed, though you had verified it`));
  const alert = await alice.tab.find('alert');
  assert.ok(await alice.tab.has('button', 'Review', alert), 'the alert has the button');
  await alice.tab.waitForStatus('is it you?', 'Waiting for you');
  await new Promise((done) => { setTimeout(done, A_WHILE_MS); });
  await alice.tab.waitForStatus('is it you?', 'Waiting for you');
  const shown = await alice.tab.messages();
  assert.ok(!shown.some((one) => one.text.includes('my disk broke')), 'what the new key writes is no line');
  assert.equal(submitsTo(world, account), 0, 'nothing goes to an identity that is not accepted');
}

scenario('changed identity: it is shown, and sending and what it writes wait until it is accepted', {}, async (world) => {
  const { alice, bob } = await acquainted(world);
  const other = await replaceBob(world, bob, 'bobbx', 'my disk broke');
  const { account } = registrationOf(world, BOB);
  await alice.tab.waitForAlert(/has changed/);
  await alice.tab.send('is it you?');
  await waits(world, alice, account);
  await alice.tab.reload();
  await waits(world, alice, account);

  // "Not now" changes nothing; the message's own link leads to the same place.
  await alice.tab.press('button', 'Not now', await openReview(alice.tab, 'button'));
  await alice.tab.gone('dialog', `Review ${BOB}`);
  const dialog = await openReview(alice.tab, 'link');
  const digits = await waitForDigits(dialog);
  const list = await alice.tab.find('list', 'Messages from the new key', dialog);
  assert.equal(await list.evaluate((it) => it.textContent), 'my disk broke');
  await alice.tab.press('button', 'Accept', dialog);
  await alice.tab.gone('dialog', `Review ${BOB}`);
  await alice.tab.waitForMessage('my disk broke');
  await alice.tab.waitForStatus('is it you?', 'Delivered', 'Read');
  await other.tab.waitForMessage('is it you?');
  assert.equal(await waitForDigits(await openSafetyNumber(other.tab)), digits, 'both see one number');

  await mark(alice.tab, await openSafetyNumber(alice.tab));
  await alice.tab.find('button', 'Remove verification');
  await alice.tab.reload();
  await alice.tab.waitForHeading(BOB);
  assert.ok(!(await alice.tab.has('button', 'Review')));
  const again = await openSafetyNumber(alice.tab);
  await alice.tab.find('button', 'Remove verification', again);
  assert.match(await again.evaluate((element) => element.textContent), /compared and verified/);
  await closeDialog(alice.tab);
  await alice.tab.waitForMessage('my disk broke');
});

scenario('changed identity: another change while the number is looked at shows the new number and says so', {}, async (world) => {
  const { alice, bob } = await acquainted(world);
  const second = await replaceBob(world, bob, 'bobbx', 'my disk broke');
  await alice.tab.waitForAlert(/has changed/);
  await alice.tab.send('is it you?');
  const dialog = await openReview(alice.tab, 'button');
  const digits = await waitForDigits(dialog);
  const { account } = registrationOf(world, BOB);
  const third = await replaceBob(world, second, 'bobbw', 'another one');
  await alice.tab.waitForAlert(/changed while this was open/, dialog);
  const now = await waitForDigits(dialog, (shown) => shown?.length === 60 && shown !== digits);
  // Nothing can be pressed until the new number could be seen.
  const tick = await alice.tab.find('checkbox', 'They match', dialog);
  await until('it can be ticked', () => tick.evaluate((it) => !it.disabled));
  await mark(alice.tab, dialog);
  await alice.tab.find('button', 'Remove verification', dialog);
  await third.tab.waitForMessage('is it you?');
  assert.equal(await waitForDigits(await openSafetyNumber(third.tab)), now);
  assert.equal(submitsTo(world, account), 0, 'nothing went to the one that was not accepted');
  await closeDialog(alice.tab);
  await alice.tab.waitForMessage('another one');
  const shown = await alice.tab.messages();
  assert.ok(!shown.some((one) => one.text.includes('my disk broke')), 'what was not accepted is no line');
});

/** The last lines of the log as they are drawn: their positions and texts, and whether the newest is in view to its end. */
function readLines(log) {
  const rows = [...log.querySelectorAll('[data-position]')];
  const bottom = rows.at(-1).getBoundingClientRect().bottom;
  return {
    lines: rows.map((row) => [Number(row.dataset.position), row.innerText.trim()]),
    inView: bottom <= log.getBoundingClientRect().bottom + 1,
  };
}

const CHANGED = `${BOB}’s safety number changed. Compare it again.`;
const RETURNED = `“${BOB}” belongs to the account you know again. Messages that someone else sent under this name were deleted; you never saw them as ${BOB}’s.`;

/** Names of those who had Bob's for a while, each before the last one in the alphabet. */
const OTHERS = ['bobbz', 'bobby'];

scenario('changed identity: a name that goes to and fro is three lines, the newest of which says who has it now', {}, async (world) => {
  const { alice, bob } = await acquainted(world);
  await leave(world, bob);
  /** Alice sees her own text and three lines, of which the first two stand and the third counts when it is replaced. */
  const shows = async (text, flips) => {
    const newest = flips > 3 ? `${text} The name has changed hands ${flips} times in a row.` : text;
    const log = await alice.tab.find('log', 'Messages');
    const isDrawn = ({ lines, inView }) => lines.length === 4 && lines[3][1] === newest && inView;
    const { lines } = await untilValue(newest, () => log.evaluate(readLines), isDrawn);
    assert.deepEqual(lines.slice(1, 3), [[2, CHANGED], [3, RETURNED]]);
    assert.equal(lines[3][0], 4);
  };
  for (const [round, name] of OTHERS.entries()) {
    await world.relay.rename(BOB, 'bobba');
    const other = await anotherBob(world, `text ${round}`);
    await alice.tab.find('button', 'Review');
    if (round > 0) await shows(CHANGED, 2 * round + 1);
    await leave(world, other);
    await world.relay.rename(BOB, name);
    await world.relay.rename('bobba', BOB);
    await alice.tab.gone('button', 'Review');
    if (round > 0) await shows(RETURNED, 2 * round + 2);
  }
  await alice.tab.reload();
  await shows(RETURNED, 2 * OTHERS.length);
});
