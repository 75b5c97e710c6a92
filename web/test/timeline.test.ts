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

test('a notice that the newest line holds now stands in its place', async () => {
  const { engine, timeline, positions } = open();
  await engine.reply(history([message(1), message(3, { notice: 'identityChanged', text: '' })]));
  timeline.changed([message(3, { notice: 'returned', text: '', times: 4 })]);
  expect(positions()).toEqual([1, 3]);
  expect(timeline.messages.value.at(-1)).toMatchObject({ notice: 'returned', times: 4 });
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

/** A conversation of 5,000 messages, 100 up to 4,999, is opened by somebody who has read the first 1,000. */
async function openFarBack() {
  const engine = new TestEngine();
  const timeline = new Timeline(() => engine, 'bob');
  const lines = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => message(from + index));
  const held = () => [timeline.messages.value[0]?.position, timeline.messages.value.at(-1)?.position, timeline.messages.value.length];
  const asked = () => engine.queries.at(-1)?.asked;
  void timeline.open(1100);
  await engine.reply(history(lines(4900, 4999), true));
  return { engine, timeline, lines, held, asked };
}

test('where more is unread than can be held, one begins at the first unread message all the same', async () => {
  const { engine, timeline, lines, held, asked } = await openFarBack();
  expect(asked()).toMatchObject({ before: 1200, limit: 200 });
  await engine.reply(history(lines(1000, 1199), true));
  expect([timeline.reaching.value, timeline.divider.value, timeline.newer.value, timeline.more.value]).toEqual([false, 1100, true, true]);
  expect(held()).toEqual([1000, 1199, 200]);
  void timeline.loadOlder();
  await engine.reply(history(lines(900, 999), true));
  // Reading on, page by page, until the newest is there.
  for (let last = 1199; timeline.newer.value; last += 200) {
    void timeline.loadNewer();
    void timeline.loadNewer();
    expect(asked()).toMatchObject({ before: last + 201, limit: 200 });
    await engine.reply(history(lines(last + 1, Math.min(last + 200, 4999)), true));
  }
  expect(held()).toEqual([900, 4999, 4100]);
  expect(engine.queries).toHaveLength(3 + 19);
});

test('what comes while somebody reads far back leaves no gap, and is there when they have read on to it', async () => {
  const { engine, timeline, lines, held } = await openFarBack();
  await engine.reply(history(lines(1000, 1199), true));
  timeline.changed([message(5000)]);
  timeline.changed([message(1150, { text: 'again' })]);
  expect(held()).toEqual([1000, 1199, 200]);
  void timeline.loadNewer();
  await engine.reply(history(lines(1200, 4999), true));
  expect(timeline.newer.value).toBe(true);
  void timeline.loadNewer();
  await engine.reply(history(lines(4801, 5000), true));
  expect([...held(), timeline.newer.value]).toEqual([1000, 5000, 4001, false]);
});

test('from far back one comes to the newest by asking for it, by answering, and by coming again', async () => {
  for (const way of ['ask', 'answer', 'come again'] as const) {
    const { engine, timeline, lines, held, asked } = await openFarBack();
    await engine.reply(history(lines(1000, 1199), true));
    if (way === 'ask') void timeline.loadLatest();
    if (way === 'answer') timeline.changed([own(5000, 'sending')]);
    if (way === 'come again') {
      timeline.trim();
      void timeline.open(null);
    }
    expect(asked()).toMatchObject({ before: null });
    await engine.reply(history(lines(4901, 5000), true));
    expect([...held(), timeline.newer.value, timeline.more.value]).toEqual([4901, 5000, 100, false, true]);
  }
});

test('a leap of positions, or an answer that is about another place, leads to the newest page', async () => {
  const { engine, timeline, lines, held } = await openFarBack();
  await engine.reply(history(lines(1000, 1199), true));
  void timeline.loadNewer();
  await engine.reply(history(lines(1000, 1199), true));
  await engine.reply(history(lines(4900, 4999), true));
  expect([...held(), timeline.newer.value]).toEqual([4900, 4999, 100, false]);
});

test('whoever leaves while what follows is on its way, and comes again, begins with the newest page', async () => {
  const { engine, timeline, lines, held, asked } = await openFarBack();
  await engine.reply(history(lines(1000, 1199), true));
  void timeline.loadNewer();
  const late = engine.queries.at(-1);
  timeline.trim();
  void timeline.open(null);
  late?.answer(history(lines(1200, 1399), true));
  await settled();
  expect(asked()).toMatchObject({ before: null });
  await engine.reply(history(lines(4900, 4999), true));
  expect([...held(), timeline.state.value, timeline.newer.value]).toEqual([4900, 4999, 100, 'loaded', false]);
});

test('a newest page asked for while what follows is on its way is asked for after it', async () => {
  const { engine, timeline, lines, asked } = await openFarBack();
  await engine.reply(history(lines(4700, 4899), true));
  void timeline.loadNewer();
  void timeline.loadNewest();
  await engine.reply(history(lines(4900, 4999), true));
  expect(asked()).toMatchObject({ before: null });
  await engine.reply(history(lines(4901, 5000), true));
  expect([timeline.messages.value.at(-1)?.position, timeline.newer.value]).toEqual([5000, false]);
});

test('whoever leaves on the way to the first unread message, and comes again, is led to it all the same', async () => {
  const engine = new TestEngine();
  const timeline = new Timeline(() => engine, 'bob');
  const lines = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => message(from + index));
  void timeline.open(650);
  await engine.reply(history(lines(901, 1000), true));
  timeline.trim();
  void timeline.open(650);
  await settled();
  expect([timeline.reaching.value, engine.queries.length]).toEqual([true, 2]);
  await engine.reply(history(lines(701, 900), true));
  expect([timeline.reaching.value, engine.queries.length]).toEqual([true, 3]);
  await engine.reply(history(lines(501, 700), true));
  expect([timeline.reaching.value, timeline.messages.value.length]).toEqual([false, 500]);
});

test('an older page leaves no gap, whatever is held when it comes', async () => {
  const { engine, timeline, positions } = open();
  const lines = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => message(from + index));
  await engine.reply(history(lines(701, 1000), true));
  void timeline.loadOlder();
  timeline.trim();
  await engine.reply(history(lines(601, 700)));
  expect([positions()[0], positions().length, timeline.more.value]).toEqual([801, 200, true]);
});

test('while the newest page is on its way, in place of what is held, no older one is asked for', async () => {
  const { engine, timeline, lines } = await openFarBack();
  await engine.reply(history(lines(1000, 1199), true));
  void timeline.loadOlder();
  const older = engine.queries.at(-1);
  void timeline.loadLatest();
  older?.answer(history(lines(900, 999), true));
  await settled();
  const asked = engine.queries.length;
  void timeline.loadOlder();
  expect(engine.queries).toHaveLength(asked);
});

test('a way to the first unread message that is blocked ends', async () => {
  const engine = new TestEngine();
  const timeline = new Timeline(() => engine, 'bob');
  for (const newest of [700, 70_000]) {
    void timeline.open(1);
    await engine.reply(history([message(newest)], true));
    await engine.reply({ type: 'failed', error: { code: 'storeFailed' } });
    expect([timeline.reaching.value, timeline.newer.value]).toEqual([false, false]);
  }
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
