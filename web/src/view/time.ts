/** Times as people read them: the clock in the way of the person's region, the words in the page's language. */

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat('en', { weekday: 'short' });
const longDay = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long' });
const shortDay = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const full = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'short' });

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

export function clockTime(at: number): string {
  return clock.format(at);
}

export function fullTime(at: number): string {
  return full.format(at);
}

/** For a list: the clock today, the weekday within a week, else the date. */
export function shortTime(at: number, now = Date.now()): string {
  const days = daysBetween(at, now);
  if (days <= 0) return clockTime(at);
  return days < 7 ? weekday.format(at) : shortDay.format(at);
}

/** For the line between two days. */
export function dayName(at: number, now = Date.now()): string {
  const days = daysBetween(at, now);
  if (days === 0) return 'Today';
  return days === 1 ? 'Yesterday' : longDay.format(at);
}
