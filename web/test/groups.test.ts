import { expect, test } from 'vitest';
import { place } from '../src/view/groups';
import { message } from './support';

const MINUTE = 60_000;
const NOON = new Date(2026, 4, 4, 12).getTime();

/** Lines of one writer, at these minutes past noon. */
const lines = (...minutes: number[]) => minutes.map((minute, index) => message(index + 1, { at: NOON + minute * MINUTE, sentAt: 0 }));
const times = (...minutes: number[]) => place(lines(...minutes), false).map((one) => one.timed);

test('a minute is said once in a group, by its first line', () => {
  expect(times(0, 0.2, 0.9, 1, 1.1, 3)).toEqual([true, false, false, true, false, true]);
});

test('another writer, a notice and a pause begin a group, which says its minute again', () => {
  const [one, two, three, four, five] = lines(0, 0.1, 0.2, 0.3, 6);
  const placed = place([one, { ...two, mine: true }, { ...three, notice: 'damaged' }, four, five] as typeof one[] as never, false);
  expect(placed.map((row) => row.first)).toEqual([true, true, true, true, true]);
  expect(placed.map((row) => row.timed)).toEqual([true, true, true, true, true]);
});

test('what comes below changes no row, and neither do the older ones that come above', () => {
  const all = Array.from({ length: 40 }, (_, index) => message(index, { at: NOON + index * 0.4 * MINUTE, sentAt: 0, mine: index % 7 > 4 }));
  const before = place(all.slice(10, 30), true);
  expect(place(all.slice(10), true).slice(0, before.length)).toEqual(before);
  expect(place(all.slice(0, 30), false).slice(-before.length)).toEqual(before);
});
