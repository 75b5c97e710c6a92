// Waiting is on conditions. A deadline only ends a hang; no test asserts speed.

import { setTimeout as pause } from 'node:timers/promises';

/** Long enough for a reconnect after several backed-off attempts on a busy machine. */
export const DEADLINE_MS = 45_000;

const POLL_MS = 40;

/**
 * The first truthy value that `probe` gives. What it throws counts as "not yet": pages navigate and
 * elements are drawn anew in the middle of a look.
 */
export async function until(what, probe, deadlineMs = DEADLINE_MS) {
  const end = Date.now() + deadlineMs;
  let last;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) break;
    await pause(POLL_MS);
  }
  throw new Error(`waited ${deadlineMs / 1000} s in vain for: ${what}`, { cause: last });
}

/** As `until`, for a condition on a value that is worth showing when it never comes. */
export async function untilValue(what, read, holds, deadlineMs = DEADLINE_MS) {
  let seen;
  try {
    await until(what, async () => {
      seen = await read();
      return holds(seen);
    }, deadlineMs);
  } catch (error) {
    error.message += `\nlast seen: ${JSON.stringify(seen)?.slice(0, 4_000)}`;
    throw error;
  }
  return seen;
}
