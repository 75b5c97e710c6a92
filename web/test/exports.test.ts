import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Exports } from '../src/model/exports';
import { fileName, Transcript } from '../src/model/transcript';
import { TooLarge, Zip } from '../src/model/zip';
import { conversation, history, idOf, message, own, settled, TestEngine } from './support';

const NOW = new Date(Date.UTC(2026, 10, 30, 12, 34, 56, 789));
const said = (cause: string, name: string, times: number) => `${cause} ${name} ${times}`;

/** What Python finds in a .zip, which it checks: names and contents. */
async function unzip(file: Blob): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'pawl-zip-'));
  try {
    writeFileSync(join(folder, 'a.zip'), new Uint8Array(await file.arrayBuffer()));
    const program = `import json, sys, zipfile
z = zipfile.ZipFile('a.zip'); assert z.testzip() is None
json.dump({n: z.read(n).decode() for n in z.namelist()}, open('found', 'w'))`;
    execFileSync('python3', ['-c', program], { cwd: folder });
    return JSON.parse(readFileSync(join(folder, 'found'), 'utf8')) as Record<string, string>;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Everything that is on its way, also of Blobs, has come. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((next) => { setTimeout(next, 1); });
}

describe('a .zip', () => {
  it('is read by others, whatever is in it and however long that is', async () => {
    const zip = new Zip(NOW);
    const long = 'x'.repeat((2 << 20) + 3);
    await zip.add('a.txt', new Blob(['one\n', 'two 🎉']));
    await zip.add('empty', new Blob([]));
    await zip.add('long', new Blob([long]));
    expect(await unzip(zip.end())).toEqual({ 'a.txt': 'one\ntwo 🎉', empty: '', long });
  });

  it('without files is one, too', async () => {
    expect(await unzip(new Zip(NOW).end())).toEqual({});
  });

  it('has a bound, and is as it was when it is met', async () => {
    const zip = new Zip(NOW, 400);
    await zip.add('a', new Blob(['a'.repeat(100)]));
    await expect(zip.add('b', new Blob(['b'.repeat(150)]))).rejects.toThrow(TooLarge);
    await zip.add('c', new Blob(['c']));
    expect(Object.keys(await unzip(zip.end()))).toEqual(['a', 'c']);
  });
});

describe('a transcript', () => {
  it('says the same in JSON and in text, each in its way', async () => {
    const bob = conversation('bob', { identity: 'verified', draft: 'soon\n\u001b' });
    const transcript = new Transcript('alice', bob, said, NOW);
    const at = 1_790_000_000_123;
    transcript.addOlder([
      message(5, { text: '', at, sentAt: 0, notice: 'returned', times: 3 }),
      message(6, { text: '', at: 0, sentAt: 0, notice: 'damaged' }),
    ]);
    transcript.addOlder([]);
    transcript.addOlder([
      message(1, { text: 'hi', at, sentAt: at - 123 }),
      { ...own(3, 'notSent'), text: 'so "be" it\nמחר\u202e\u2028x', at, sentAt: at - 123 },
      message(4, { text: 'late', at, sentAt: at - 1_000_123 }),
    ]);
    const times = { at: '2026-09-21T14:13:20.123Z', sentAt: '2026-09-21T14:13:20.000Z' };
    expect(JSON.parse(await transcript.json().text())).toEqual({
      format: 'pawl-export',
      version: 1,
      exportedAt: '2026-11-30T12:34:56.789Z',
      account: 'alice',
      conversation: 'bob',
      conversationId: idOf('bob'),
      identity: 'verified',
      draft: 'soon\n\u001b',
      lines: [
        { type: 'message', position: 1, author: 'bob', direction: 'received', ...times, text: 'hi' },
        { type: 'message', position: 3, author: 'alice', direction: 'sent', ...times, status: 'notSent', text: 'so "be" it\nמחר\u202e\u2028x' },
        { type: 'message', position: 4, author: 'bob', direction: 'received', ...times, sentAt: '2026-09-21T13:56:40.000Z', text: 'late' },
        { type: 'event', position: 5, at: times.at, event: 'returned', times: 3 },
        { type: 'event', position: 6, at: null, event: 'damaged' },
      ],
    });
    expect(await transcript.text().text()).toBe(
      'Conversation of alice with bob\nExported by Pawl, 2026-11-30T12:34:56.789Z; times are UTC\n\n'
      + '2026-09-21 14:13:20Z bob: hi\n'
      + '2026-09-21 14:13:20Z alice (not sent): so "be" it\n    מחר\u202e\\u{2028}x\n'
      + '2026-09-21 14:13:20Z bob (sent 2026-09-21 13:56:40Z): late\n'
      + '2026-09-21 14:13:20Z (returned bob 3)\n'
      + '(no time) (damaged bob 0)\n\nDraft: soon\n    \\u{1b}\n',
    );
  });

  it('without lines is whole', async () => {
    const transcript = new Transcript('alice', conversation('bob'), said, NOW);
    expect(JSON.parse(await transcript.json().text())).toMatchObject({ lines: [] });
  });

  it('goes into files with plain names', () => {
    const names = { bob: 'bob', 'b.o-b_2': 'b.o-b_2', 'a/b': 'a%2Fb', '../b': '%2E.%2Fb', 'Ö b\n': '%C3%96%20b%0A', Bob: '%42ob', con: '_con', 'con.x': '_con.x', com1: '_com1', com12: 'com12', conny: 'conny' };
    expect(Object.keys(names).map(fileName)).toEqual(Object.values(names));
  });
});

describe('an export', () => {
  const made = async () => {
    const engine = new TestEngine();
    const exports = new Exports(() => engine);
    const result = exports.make('alice', [conversation('bob'), conversation('carol')], said, NOW);
    await settled();
    return { engine, exports, result };
  };

  it('reads each conversation page by page, and puts it in its order', async () => {
    const { engine, exports, result } = await made();
    expect(engine.queries[0]?.asked).toEqual({ type: 'history', conversation: idOf('bob'), before: null, limit: 200 });
    await engine.reply(history([message(3), message(4)], true));
    expect(exports.state.value).toEqual({ state: 'working', messages: 2 });
    expect(engine.queries[1]?.asked).toMatchObject({ conversation: idOf('bob'), before: 3 });
    await engine.reply(history([message(1), message(2)]));
    await until(() => engine.queries.length === 3);
    await engine.reply(history([]));
    const file = await result;
    expect(file?.name).toMatch(/^pawl-alice-2026-(11-30|12-01)\.zip$/);
    expect(exports.state.value).toEqual({ state: 'done', conversations: 2, name: file?.name });
    const found = await unzip(file?.file ?? new Blob());
    expect(Object.keys(found)).toEqual(['bob.json', 'bob.txt', 'carol.json', 'carol.txt']);
    const bob = JSON.parse(found['bob.json'] ?? '') as { lines: { text: string }[] };
    expect(bob.lines.map((line) => line.text)).toEqual(['text 1', 'text 2', 'text 3', 'text 4']);
    expect(found['bob.txt']?.split('\n').slice(3, 7).map((line) => line.slice(-6))).toEqual(['text 1', 'text 2', 'text 3', 'text 4']);
  });

  it('is not made twice at once', async () => {
    const { engine, exports } = await made();
    expect(await exports.make('alice', [conversation('bob')], said, NOW)).toBeNull();
    expect(engine.queries.length).toBe(1);
    exports.forget();
    expect(exports.state.value.state).toBe('working');
  });

  it('that cannot read everything is none, and says so; the next one may', async () => {
    const { engine, exports, result } = await made();
    await engine.reply(history([message(3)], true));
    await engine.reply({ type: 'failed', error: { code: 'storeFailed' } });
    expect(await result).toBeNull();
    expect(exports.state.value).toEqual({ state: 'failed', why: 'unreadable' });
    const again = exports.make('alice', [conversation('bob')], said, NOW);
    await settled();
    await engine.reply(history([message(3)]));
    expect(await again).not.toBeNull();
  });

  it('of nothing says so, and how the last one ended is forgotten', async () => {
    const exports = new Exports(() => new TestEngine());
    expect(await exports.make('alice', [], said, NOW)).toBeNull();
    expect(exports.state.value).toEqual({ state: 'failed', why: 'nothing' });
    exports.forget();
    expect(exports.state.value).toEqual({ state: 'idle' });
  });
});
