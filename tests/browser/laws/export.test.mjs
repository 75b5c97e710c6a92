import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { Terminal } from '../support/terminal.mjs';
import { until, untilValue } from '../support/wait.mjs';
import { scenario } from '../support/world.mjs';

/** Lines of one conversation: some pages of what the engine gives at once. */
const MANY = 450;

const TEXTS = ['one', 'two\nlines, "quotes" and a \\', '<b>🎉👩‍👩‍👧</b> שלום مرحبا \u202eback', 'two  spaces and a\ttab'];

/** A browser that saves files into a folder of the test's, without asking. */
function saving(t) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'pawl-downloads-'));
  t.after(() => { rmSync(folder, { recursive: true, force: true }); });
  const own = {
    chromiumPreferences: { download: { default_directory: folder, prompt_for_download: false } },
    firefoxPrefs: { 'browser.download.dir': folder, 'browser.download.folderList': 2, 'browser.download.useDownloadDir': true, 'browser.download.always_ask_before_handling_new_types': false },
  };
  return { folder, own };
}

/** Presses the button; gives the dialog. */
async function pressExport(tab) {
  await tab.press('button', 'Settings');
  const dialog = await tab.find('dialog', 'Settings');
  await tab.press('button', 'Export', dialog);
  return dialog;
}

/** What another program finds in the one file of a folder, by name. */
async function unpacked(folder) {
  const whole = (names) => names.length === 1 && names[0].endsWith('.zip');
  const [name] = await untilValue('one .zip', async () => readdirSync(folder), whole);
  const into = path.join(folder, 'unpacked');
  execFileSync('python3', ['-m', 'zipfile', '-e', path.join(folder, name), into]);
  const files = readdirSync(into).map((file) => [file, readFileSync(path.join(into, file), 'utf8')]);
  return { name, files: Object.fromEntries(files) };
}

const said = (file) => JSON.parse(file).lines.map((line) => [line.author, line.text]);

scenario('export: everything that was written comes out as it was, as JSON and as text', {}, async (world, t) => {
  const { folder, own } = saving(t);
  const alice = await world.person('alice', { own });
  const bob = await Terminal.register(world, 'b.o-b_2');
  const carol = await Terminal.register(world, 'carol');
  await alice.tab.startConversation('b.o-b_2');
  for (const text of TEXTS) {
    await alice.tab.fill('Message', text);
    await alice.tab.page.keyboard.press('Enter');
  }
  await bob.run('send', 'alice', 'an answer');
  await alice.tab.waitForMessage('an answer');
  await alice.tab.fill('Message', 'not sent yet');
  const lines = Array.from({ length: MANY }, (_, number) => `line ${number}`);
  await carol.feed('alice', lines);
  await alice.tab.openConversation('carol');
  await alice.tab.waitForMessage(`line ${MANY - 1}`);
  const dialog = await pressExport(alice.tab);
  await alice.tab.waitForText('Your 2 conversations were saved as “pawl-alice-');
  assert.deepEqual(await alice.tab.alerts(dialog), []);

  const { name, files } = await unpacked(folder);
  assert.match(name, /^pawl-alice-\d{4}-\d\d-\d\d\.zip$/);
  assert.deepEqual(Object.keys(files).sort(), ['b.o-b_2.json', 'b.o-b_2.txt', 'carol.json', 'carol.txt']);
  assert.deepEqual(said(files['carol.json']), lines.map((text) => ['carol', text]));
  assert.equal(files['carol.txt'].split('\n').filter((line) => / carol: line \d+$/.test(line)).length, MANY);
  const fromBob = JSON.parse(files['b.o-b_2.json']);
  assert.deepEqual(said(files['b.o-b_2.json']), [...TEXTS.map((text) => ['alice', text]), ['b.o-b_2', 'an answer']]);
  assert.deepEqual([fromBob.format, fromBob.version, fromBob.account, fromBob.conversation], ['pawl-export', 1, 'alice', 'b.o-b_2']);
  await alice.tab.page.keyboard.press('Escape');
  await alice.tab.openConversation('b.o-b_2');
  assert.equal(`#/c/${fromBob.conversationId}`, await alice.tab.address());
  assert.equal(fromBob.draft, 'not sent yet');
  assert.ok(fromBob.lines.slice(0, -1).every((line) => line.direction === 'sent' && line.status !== undefined));
  assert.ok(files['b.o-b_2.txt'].includes(' alice: two\n    lines, "quotes" and a \\\n'));
  assert.ok(files['b.o-b_2.txt'].includes(` alice: ${TEXTS[2]}\n`));
});

scenario('export: where there is nothing, or something cannot be read, words say so and no file comes', {}, async (world, t) => {
  const { folder, own } = saving(t);
  const alice = await world.person('alice', { own });
  await alice.tab.resize(360, 640);
  let dialog = await pressExport(alice.tab);
  await alice.tab.waitForAlert(/nothing to export yet/, dialog);
  // In view, however small the screen is.
  const isInView = () => dialog.evaluate((element) => element.querySelector('[role="alert"]').getBoundingClientRect().bottom <= element.getBoundingClientRect().bottom);
  await until('the alert in view', isInView);
  await alice.tab.resize(1280, 800);
  await alice.tab.press('button', 'Close', dialog);
  await alice.tab.gone('dialog', 'Settings');
  const bob = await Terminal.register(world, 'bob');
  await bob.feed('alice', Array.from({ length: 250 }, (_, number) => `line ${number}`));
  await alice.tab.openConversation('bob');
  await alice.tab.waitForMessage('line 249');
  // The store fails at the second page.
  await alice.tab.page.evaluate(() => {
    const post = Worker.prototype.postMessage;
    let pages = 0;
    Worker.prototype.postMessage = function (message, ...more) {
      const isPage = message.type === 'query' && message.query.type === 'history';
      if (!isPage || ++pages < 2) return post.call(this, message, ...more);
      Worker.prototype.postMessage = post;
      const reply = { type: 'failed', error: { code: 'storeFailed' } };
      return void this.dispatchEvent(new MessageEvent('message', { data: { type: 'reply', id: message.id, reply } }));
    };
  });
  dialog = await pressExport(alice.tab);
  await alice.tab.waitForAlert(/couldn’t be read, so nothing was exported/, dialog);
  assert.deepEqual(readdirSync(folder), []);
  // Once it can be read again, it is exported.
  await alice.tab.press('button', 'Export', dialog);
  await alice.tab.waitForText('Your conversation was saved as');
  assert.deepEqual(await alice.tab.alerts(dialog), []);
  assert.equal(said((await unpacked(folder)).files['bob.json']).length, 250);
});
