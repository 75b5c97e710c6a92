import { effect } from '@preact/signals';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keepToday } from '../src/view/clock';
import { dayName, shortTime, shownTimes } from '../src/view/time';
import { message } from './support';

const at = (text: string) => new Date(text).getTime();

let stop: (() => void) | undefined;

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(at('2026-11-29T23:59:30'));
  stop = keepToday();
});

afterEach(() => {
  stop?.();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Every value that is drawn as time goes on. */
function drawn(draw: () => string): string[] {
  const seen: string[] = [];
  const end = effect(() => { seen.push(draw()); });
  vi.advanceTimersByTime(60_000);
  vi.advanceTimersByTime(24 * 3_600_000);
  end();
  return seen;
}

test('at midnight what was today is yesterday, without anything else happening', () => {
  const written = at('2026-11-29T13:08');
  expect(drawn(() => dayName(written))).toEqual(['Today', 'Yesterday', 'Sunday 29 November']);
  vi.setSystemTime(at('2026-11-29T23:59:30'));
  stop?.();
  stop = keepToday();
  expect(drawn(() => shortTime(written)).slice(1)).toEqual(['Sun', 'Sun']);
});

test('a machine that slept over midnight is right as soon as somebody looks', () => {
  const written = at('2026-11-29T13:08');
  const seen: string[] = [];
  const end = effect(() => { seen.push(dayName(written)); });
  vi.setSystemTime(at('2026-11-30T08:00'));
  stop?.();
  stop = keepToday();
  end();
  expect(seen).toEqual(['Today', 'Yesterday']);
});

test('a day of another year has its year', () => {
  expect(dayName(at('2025-10-25T12:00'))).toBe('Saturday 25 October 2025');
  expect(dayName(at('2026-10-25T12:00'))).toBe('Sunday 25 October');
  expect(shortTime(at('2025-10-25T12:00'))).toBe('25 Oct 2025');
  expect(shortTime(at('2026-10-25T12:00'))).toBe('25 Oct');
});

test('what came late shows when it was sent, where that can be true', () => {
  const arrived = 1000;
  const lines = [
    message(1, { at: arrived, sentAt: 400 }),
    message(2, { at: arrived, sentAt: 500 }),
    message(3, { at: arrived + 1, sentAt: 450 }), // Before the line above it: its clock or its way was odd.
    message(4, { at: arrived + 2, sentAt: arrived + 2 }),
    message(5, { at: arrived + 9, sentAt: 0, notice: 'keysGone' }),
    message(6, { at: 0, sentAt: 0, notice: 'damaged' }), // Nothing is known of it.
    message(7, { mine: true, at: 2000, sentAt: 2000 }),
  ];
  expect(shownTimes(lines)).toEqual([400, 500, arrived + 1, arrived + 2, arrived + 9, arrived + 9, 2000]);
});

test('modules that are loaded make no formatter; each is made in a task of its own, or when it is needed', async () => {
  vi.useRealTimers();
  vi.resetModules();
  let made = 0;
  class Dates extends Intl.DateTimeFormat {
    constructor(...given: ConstructorParameters<typeof Intl.DateTimeFormat>) {
      super(...given);
      made += 1;
    }
  }
  class Numbers extends Intl.NumberFormat {
    constructor(...given: ConstructorParameters<typeof Intl.NumberFormat>) {
      super(...given);
      made += 1;
    }
  }
  vi.stubGlobal('Intl', { DateTimeFormat: Dates, NumberFormat: Numbers });
  const time = await import('../src/view/time');
  await import('../src/words');
  expect(made).toBe(0);
  time.clockTime(0);
  expect(made).toBe(1);
  const counts: number[] = [];
  const making = time.makeFormatters();
  const { nextTask } = await import('../src/view/task');
  for (let task = 0; task < 5; task += 1) {
    await nextTask();
    counts.push(made);
  }
  await making;
  expect(counts).toEqual([1, 2, 3, 4, 5]);
  time.fullTime(0);
  expect(made).toBe(5);
});
