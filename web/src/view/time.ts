/** Times as people read them: the clock in the way of the person's region, the words in the page's language. */
import type { MessageView } from '../generated/types';
import { today } from './clock';
import { nextTask } from './task';

/** Each takes milliseconds to make, the first of a locale most: see `makeFormatters`. */
class Formatter {
  readonly #locale: string | undefined;
  readonly #options: Intl.DateTimeFormatOptions;
  #made: Intl.DateTimeFormat | undefined;

  constructor(locale: string | undefined, options: Intl.DateTimeFormatOptions) {
    this.#locale = locale;
    this.#options = options;
  }

  format(at: number): string {
    return (this.#made ??= new Intl.DateTimeFormat(this.#locale, this.#options)).format(at);
  }
}

const clock = new Formatter(undefined, { hour: 'numeric', minute: '2-digit' });
const weekday = new Formatter('en', { weekday: 'short' });
const longDay = new Formatter('en-GB', { weekday: 'long', day: 'numeric', month: 'long' });
const shortDay = new Formatter('en-GB', { day: 'numeric', month: 'short' });
const full = new Formatter('en-GB', { dateStyle: 'full', timeStyle: 'short' });

/** Makes what is not made yet, each in a task of its own: while the page starts, they would be half of its longest. */
export async function makeFormatters(): Promise<void> {
  for (const one of [clock, full, longDay, weekday, shortDay]) {
    await nextTask();
    one.format(0);
  }
}

const DAY = 86_400_000;

/** Midnight, local time. */
function dayOf(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}

/** Whole days between two times; a day of 23 or 25 hours is one too. */
function daysBetween(at: number, now: number): number {
  return Math.round((dayOf(now) - dayOf(at)) / DAY);
}

export function sameDay(a: number, b: number): boolean {
  return dayOf(a) === dayOf(b);
}

export function sameMinute(a: number, b: number): boolean {
  return Math.floor(a / 60_000) === Math.floor(b / 60_000);
}

export function clockTime(at: number): string {
  return clock.format(at);
}

export function fullTime(at: number): string {
  return full.format(at);
}

/**
 * The time that each line shows. What waited somewhere shows when it was sent, so far as that lies between
 * the line above it and its arrival; the lines' order is that of arrival all the same. A line of which
 * nothing is known stands at the time of the one above.
 */
export function shownTimes(lines: readonly MessageView[]): number[] {
  let before = 0;
  return lines.map(({ at, sentAt }) => {
    const isPlausible = sentAt >= Math.max(before, 1) && sentAt <= at;
    before = isPlausible ? sentAt : at || before;
    return before;
  });
}

/** For a list: the clock today, the weekday within a week, else the date. */
export function shortTime(at: number, now = today.value): string {
  const days = daysBetween(at, now);
  if (days <= 0) return clockTime(at);
  if (days < 7) return weekday.format(at);
  return shortDay.format(at) + yearOf(at, now);
}

/** For the line between two days. */
export function dayName(at: number, now = today.value): string {
  const days = daysBetween(at, now);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return longDay.format(at) + yearOf(at, now);
}

/** Said where it is not this one. */
function yearOf(at: number, now: number): string {
  const year = new Date(at).getFullYear();
  return year === new Date(now).getFullYear() ? '' : ` ${year}`;
}
