import { expect, test } from 'vitest';
import { Timeline, PAGE } from '../src/model/timeline';
import { history, message, own, settled, TestEngine } from './support';

function open() {
  const engine = new TestEngine();
  const timeline = new Timeline(() => engine, 'bob');
  void timeline.loadNewest();
  return { engine, timeline, positions: () => timeline.messages.value.map((one) => one.position) };
}

test('the newest page comes first, an older one in front of it when asked for', async () => {
  const { engine, timeline, positions } = open();
  expect(timeline.state.value).toBe('loading');
  await engine.reply(history([message(7), message(9)], true));
  void timeline.loadOlder();
  expect(engine.queries.at(-1)?.asked).toEqual({ type: 'history', conversation: 'bob', before: 7, limit: PAGE });
  await engine.reply(history([message(2), message(4)]));
  expect(positions()).toEqual([2, 4, 7, 9]);
  expect(timeline.more.value).toBe(false);
});

test('an older page is asked for once, however often the view scrolls', async () => {
  const { engine, timeline } = open();
  await engine.reply(history([message(7)], true));
  for (let scroll = 0; scroll < 5; scroll += 1) void timeline.loadOlder();
  expect(engine.queries).toHaveLength(2);
});

test('whatever order events come in, messages stand in order of position and once', async () => {
  const { engine, timeline, positions } = open();
  await engine.reply(history([message(1)]));
  timeline.changed([message(5)]);
  timeline.changed([message(3), message(5, { text: 'again' })]);
  expect(positions()).toEqual([1, 3, 5]);
  expect(timeline.messages.value.at(-1)?.text).toBe('again');
});

test('what comes while the first page is on its way is not lost', async () => {
  const { engine, timeline, positions } = open();
  timeline.changed([message(9)]);
  await engine.reply(history([message(7)]));
  expect(positions()).toEqual([7, 9]);
});

test('a change of a message that is on no loaded page leaves no gap', async () => {
  const { engine, timeline, positions } = open();
  await engine.reply(history([message(50)], true));
  timeline.changed([own(3, 'sent')]);
  expect(positions()).toEqual([50]);
});

test('a status changes its message and leaves the others the same objects', async () => {
  const { engine, timeline } = open();
  await engine.reply(history([own(1, 'sent'), own(2, 'sending')]));
  const [first] = timeline.messages.value;
  timeline.statusChanged([[2, 'delivered'], [99, 'read']]);
  expect(timeline.messages.value.map((one) => one.status)).toEqual(['sent', 'delivered']);
  expect(timeline.messages.value[0]).toBe(first);
});

test('after another engine took over, a page that reaches what is held is joined to it', async () => {
  const { engine, timeline, positions } = open();
  await engine.reply(history([message(1), message(2)]));
  void timeline.loadNewest();
  await engine.reply(history([message(2), message(3)], true));
  expect(positions()).toEqual([1, 2, 3]);
  expect(timeline.more.value).toBe(false);
});

test('after another engine took over, a page that does not reach it stands alone', async () => {
  const { engine, timeline, positions } = open();
  await engine.reply(history([message(1)]));
  void timeline.loadNewest();
  await engine.reply(history([message(200), message(201)], true));
  expect(positions()).toEqual([200, 201]);
  expect(timeline.more.value).toBe(true);
});

test('a newest page asked for while an older one is on its way is still asked for', async () => {
  const { engine, timeline } = open();
  await engine.reply(history([message(7)], true));
  void timeline.loadOlder();
  void timeline.loadNewest();
  await engine.reply(history([message(3)]));
  expect(engine.queries.at(-1)?.asked).toMatchObject({ before: null });
  await settled();
});

test('a page that cannot be read says so', async () => {
  const { engine, timeline } = open();
  await engine.reply({ type: 'failed', error: { code: 'storeFailed' } });
  expect(timeline.state.value).toBe('failed');
});

test('opening a conversation with unread messages loads back to the first of them, and no further', async () => {
  const engine = new TestEngine();
  const timeline = new Timeline(() => engine, 'bob');
  const positions = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => message(from + index));
  void timeline.open(650);
  await engine.reply(history(positions(901, 1000), true));
  expect([timeline.reaching.value, timeline.landing.value]).toEqual([true, true]);
  await engine.reply(history(positions(701, 900), true));
  await engine.reply(history(positions(501, 700), true));
  expect(engine.queries.map(({ asked }) => asked)).toMatchObject([
    { before: null, limit: PAGE }, { before: 901, limit: 200 }, { before: 701, limit: 200 },
  ]);
  expect([timeline.reaching.value, timeline.divider.value]).toEqual([false, 650]);
});

test('where the way to the first unread message is longer than can be held, one begins on it', async () => {
  const engine = new TestEngine();
  const timeline = new Timeline(() => engine, 'bob');
  void timeline.open(1);
  for (let oldest = 100_000; timeline.reaching.value; oldest -= 200) {
    const page = Array.from({ length: 200 }, (_, index) => message(oldest + index));
    await engine.reply(history(page, true));
  }
  expect(engine.queries).toHaveLength(10);
  // A way that is blocked ends, too.
  void timeline.open(1);
  await engine.reply({ type: 'failed', error: { code: 'storeFailed' } });
  expect(timeline.reaching.value).toBe(false);
});

test('whoever answers has read: the line before what was unread goes', async () => {
  const { engine, timeline } = open();
  await engine.reply(history([message(1)]));
  timeline.unreadFrom(1, false);
  timeline.changed([message(1, { text: 'again' })]);
  expect(timeline.divider.value).toBe(1);
  timeline.changed([own(2, 'sending')]);
  expect(timeline.divider.value).toBeNull();
});
