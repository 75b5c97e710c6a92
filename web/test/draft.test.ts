import { expect, test } from 'vitest';
import { Draft, nothingSeen } from '../src/model/draft';
import { TestEngine } from './support';

function open(text = '') {
  const engine = new TestEngine();
  return { engine, draft: new Draft(() => engine, 'bob', text) };
}

const TOO_LONG = { code: 'messageTooLong', limit: 2, length: 3 } as const;

test('what is typed is saved at once, and what comes meanwhile together when that is done', async () => {
  const { engine, draft } = open();
  for (const text of ['h', 'he', 'hel']) draft.edit(text);
  expect(engine.ofType('saveDraft')).toEqual([{ type: 'saveDraft', conversation: 'bob', text: 'h' }]);
  await engine.done();
  expect(engine.ofType('saveDraft').at(-1)).toEqual({ type: 'saveDraft', conversation: 'bob', text: 'hel' });
  await engine.done();
  expect(engine.commands).toHaveLength(2);
});

test('a page that goes away saves at once, and only what is new', () => {
  const { engine, draft } = open('kept');
  draft.flush();
  expect(engine.commands).toHaveLength(0);
  draft.edit('newer');
  draft.flush();
  draft.flush();
  expect(engine.ofType('saveDraft')).toHaveLength(1);
});

test('a sent text leaves the box at once and is saved no more', async () => {
  const { engine, draft } = open();
  draft.edit('hello');
  await engine.done();
  void draft.send();
  expect(draft.text.value).toBe('');
  draft.flush();
  await engine.done();
  expect(engine.ofType('saveDraft')).toHaveLength(1);
  expect(engine.ofType('sendText')).toEqual([{ type: 'sendText', conversation: 'bob', text: 'hello' }]);
  expect(draft.error.value).toBeNull();
});

test('what is not saved yet is saved before it is sent', () => {
  const { engine, draft } = open();
  draft.edit('h');
  draft.edit('hello');
  void draft.send();
  expect(engine.commands.map((one) => one.asked)).toEqual([
    { type: 'saveDraft', conversation: 'bob', text: 'h' },
    { type: 'saveDraft', conversation: 'bob', text: 'hello' },
    { type: 'sendText', conversation: 'bob', text: 'hello' },
  ]);
});

test('a text that cannot be sent comes back with the reason', async () => {
  const { engine, draft } = open();
  draft.edit('abc');
  void draft.send();
  await engine.done(TOO_LONG);
  expect(draft.text.value).toBe('abc');
  expect(draft.error.value).toEqual(TOO_LONG);
  expect(engine.ofType('saveDraft')).toHaveLength(1);
});

test('that a text is too long is said before, counted, and no longer once it is short enough', async () => {
  const { engine, draft } = open();
  draft.edit('é'.repeat(20_000));
  expect(draft.room.value).toBeNull();
  draft.edit('é'.repeat(32_700));
  expect(draft.room.value).toBe(136);
  const text = `${'é'.repeat(32_768)}x`;
  draft.edit(text);
  expect(draft.room.value).toBe(-1);
  void draft.send();
  await engine.done({ code: 'messageTooLong', limit: 65_536, length: 65_537 });
  draft.edit(`${text}y`);
  expect(draft.error.value?.code).toBe('messageTooLong');
  draft.edit(text.slice(1));
  expect([draft.error.value, draft.room.value]).toEqual([null, 1]);
});

test('a text that comes back does not push out what was typed since', async () => {
  const { engine, draft } = open();
  draft.edit('first');
  void draft.send();
  draft.edit('second');
  await engine.done(TOO_LONG);
  expect(draft.text.value).toBe('first\nsecond');
});

test('a text in which nothing is seen is not sent, and stays in the box', () => {
  const { engine, draft } = open();
  const unseen = [
    ' \n\t', '\ufeff', '\u00a0\u3000', '\u200b', '\u2800', '\u00ad', '\u200e', '\u3164', '\u2060', '\u{e0020}',
    '\ufe0f\0', '\u2028\u115f',
  ];
  for (const text of unseen) {
    draft.edit(text);
    void draft.send();
    expect(draft.text.value, JSON.stringify(text)).toBe(text);
  }
  expect(engine.ofType('sendText')).toHaveLength(0);
  for (const text of ['\u200b.', '\u2764\ufe0f', '\u0301', '\u0600']) expect(nothingSeen(text), text).toBe(false);
});

test('what is sent has no blank ends; what is refused comes back as it was written', async () => {
  const { engine, draft } = open();
  const written = '\n\n  trimmed?\n\n  kept  \n\n';
  draft.edit(written);
  void draft.send();
  expect(engine.ofType('sendText')).toEqual([{ type: 'sendText', conversation: 'bob', text: 'trimmed?\n\n  kept' }]);
  await engine.done(TOO_LONG);
  expect(draft.text.value).toBe(written);
});

test('another tab\'s draft is shown, but never over what is being written here', async () => {
  const { engine, draft } = open('old');
  draft.adopt('from another tab');
  expect(draft.text.value).toBe('from another tab');
  draft.edit('mine');
  draft.adopt('late');
  expect(draft.text.value).toBe('mine');
  draft.flush();
  draft.adopt('late');
  expect(draft.text.value).toBe('mine');
  await engine.done();
  draft.adopt('after');
  expect(draft.text.value).toBe('after');
});

test('nothing changes under the cursor: another tab\'s draft waits until somebody comes back', async () => {
  const { engine, draft } = open('lef');
  draft.inUse = () => true;
  draft.adopt('rig');
  expect(draft.text.value).toBe('lef');
  draft.catchUp();
  expect(draft.text.value).toBe('rig');
  draft.adopt('right');
  draft.edit('rig, mine');
  draft.flush();
  await engine.done();
  draft.catchUp();
  expect(draft.text.value).toBe('rig, mine');
});

test('an echo of an older draft while a text is being sent does not bring it back', async () => {
  const { engine, draft } = open();
  draft.edit('hello');
  draft.flush();
  void draft.send();
  draft.adopt('hello');
  expect(draft.text.value).toBe('');
  await engine.done();
});

test('a text that another tab sent just as somebody came back to this one does not stay in the box', async () => {
  const { engine, draft } = open();
  draft.inUse = () => true;
  draft.adopt('te');
  draft.adopt('text');
  draft.catchUp();
  expect(draft.text.value).toBe('text');
  draft.adopt('');
  expect(draft.text.value).toBe('');
  // What is written here is nobody else's to change.
  draft.edit('mine');
  await engine.done();
  draft.adopt('');
  expect(draft.text.value).toBe('mine');
});

test('what was typed behind such a text before that was known stays, alone', async () => {
  const { engine, draft } = open();
  draft.inUse = () => true;
  draft.adopt('aa1.');
  draft.catchUp();
  draft.edit('aa1.a');
  draft.edit('aa1.a2.');
  draft.adopt('');
  expect(draft.text.value).toBe('a2.');
  await engine.done();
  await engine.done();
  expect(engine.ofType('saveDraft').at(-1)).toEqual({ type: 'saveDraft', conversation: 'bob', text: 'a2.' });
  void draft.send();
  draft.adopt('');
  expect(engine.ofType('sendText')).toEqual([{ type: 'sendText', conversation: 'bob', text: 'a2.' }]);
});
