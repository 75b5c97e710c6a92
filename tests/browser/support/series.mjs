// Numbered messages, so that a log can be held against what was sent: all there, once, in order.

import assert from 'node:assert/strict';

const MARK = /\b([a-z]+)#(\d{3})\b/g;

/** "alice#007": the seventh message of a series. */
export const mark = (series, number) => `${series}#${String(number).padStart(3, '0')}`;

/** Marks of a series, 1 to `count`. */
export const marks = (series, count) => Array.from({ length: count }, (_, i) => mark(series, i + 1));

/** The marks of one series in a list of messages, in their order, repetitions included. */
export function marksIn(messages, series) {
  return messages.flatMap((message) => [...message.text.matchAll(MARK)].map((match) => match[0])).filter((found) => found.startsWith(`${series}#`));
}

/** Waits until the log holds at least `count` of a series, then demands exactly 1 to `count`, in order. */
export async function holdsSeries(tab, series, count) {
  await tab.waitForMessages(`all ${count} of ${series}`, (all) => new Set(marksIn(all, series)).size >= count, 90_000);
  assert.deepEqual(marksIn(await tab.messages(), series), marks(series, count), `${series}: each once and in order`);
}

/** As `holdsSeries`, where several senders' orders mix: each once. */
export async function holdsSet(tab, series, count) {
  await tab.waitForMessages(`all ${count} of ${series}`, (all) => new Set(marksIn(all, series)).size >= count, 90_000);
  assert.deepEqual(marksIn(await tab.messages(), series).sort(), marks(series, count), `${series}: each once`);
}
