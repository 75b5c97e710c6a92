/** Which day it is. One timer for the whole page: whatever is drawn by it is drawn anew at midnight. */
import { signal } from '@preact/signals';

/** Midnight of this day, local time. */
export const today = signal(midnight(0));

/** `ahead`: days from now. */
function midnight(ahead: number): number {
  const now = new Date();
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + ahead).getTime();
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** Looks now and at each midnight. Called again when somebody comes back: a machine that sleeps keeps no timers. */
export function keepToday(): () => void {
  clearTimeout(timer);
  today.value = midnight(0);
  timer = setTimeout(keepToday, midnight(1) - Date.now());
  return () => { clearTimeout(timer); };
}
