import assert from 'node:assert/strict';

import { registrationOf, submitsTo } from '../support/accounts.mjs';
import { until, untilValue } from '../support/wait.mjs';
import { scenario } from '../support/world.mjs';

const BOB = 'bobby';
/** Long enough for whatever wants to go out to have gone. */
const A_WHILE_MS = 2_500;

/** Alice, who has written to a Bob, and Bob who has it. */
async function acquainted(world) {
  const alice = await world.person('alice');
  const bob = await world.person(BOB);
  await alice.tab.startConversation(BOB);
  await alice.tab.send('to the old bobby');
  await alice.tab.waitForStatus('to the old bobby', 'Delivered', 'Read');
  return { alice, bob };
}

/** Bob's name goes to somebody with other keys, who writes to Alice. */
async function replaceBob(world, bob, freed, text) {
  await bob.leave();
  world.people.splice(world.people.indexOf(bob), 1);
  await world.relay.rename(BOB, freed);
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

/** What is behind a modal dialog is not there for whoever finds things by their roles. */
async function closeDialog(tab) {
  await tab.page.keyboard.press('Escape');
  await tab.gone('dialog', 'Safety number');
}

const digitsOf = async (dialog) => {
  const text = await dialog.evaluate((element) => element.textContent);
  return /(\d{5}\s?){12}/.exec(text)?.[0].replaceAll(/\s/g, '');
};

const waitForDigits = (dialog, holds = (digits) => digits?.length === 60) => untilValue('60 digits', () => digitsOf(dialog), holds);

/** All that Alice must see for as long as she has not accepted. */
async function waits(world, alice, account) {
  await alice.tab.waitForAlert(new RegExp(`${BOB}.s safety number has changed`));
  const alert = await alice.tab.page.$('::-p-aria([role="alert"])');
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

  await alice.tab.press('button', 'Review');
  const dialog = await alice.tab.find('dialog', 'Safety number');
  const digits = await waitForDigits(dialog);
  await alice.tab.press('button', 'Accept the new identity', dialog);
  await alice.tab.gone('button', 'Accept the new identity');
  await closeDialog(alice.tab);
  await alice.tab.waitForStatus('is it you?', 'Delivered', 'Read');
  await other.tab.waitForMessage('is it you?');
  assert.equal(await waitForDigits(await openSafetyNumber(other.tab)), digits, 'both see one number');

  await alice.tab.press('button', 'Mark as verified', await openSafetyNumber(alice.tab));
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
  await alice.tab.press('button', 'Review');
  const dialog = await alice.tab.find('dialog', 'Safety number');
  const digits = await waitForDigits(dialog);
  const { account } = registrationOf(world, BOB);
  const third = await replaceBob(world, second, 'bobbw', 'another one');
  await alice.tab.waitForAlert(/changed while this was open/, dialog);
  const now = await waitForDigits(dialog, (shown) => shown?.length === 60 && shown !== digits);
  // Nothing can be pressed until the new number could be seen.
  const mark = await alice.tab.find('button', 'Mark as verified', dialog);
  await until('the button can be pressed', () => mark.evaluate((button) => !button.disabled));
  await mark.click();
  await alice.tab.find('button', 'Remove verification', dialog);
  await third.tab.waitForMessage('is it you?');
  assert.equal(await waitForDigits(await openSafetyNumber(third.tab)), now);
  assert.equal(submitsTo(world, account), 0, 'nothing went to the one that was not accepted');
  await closeDialog(alice.tab);
  await alice.tab.waitForMessage('another one');
  const shown = await alice.tab.messages();
  assert.ok(!shown.some((one) => one.text.includes('my disk broke')), 'what was not accepted is no line');
});
