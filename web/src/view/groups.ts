/**
 * How messages stand together: days, groups by one writer, minutes. Each row follows from what stands
 * above it only, so that nothing on the screen changes its shape when a message comes in below.
 */
import type { MessageView } from '../generated/types';
import { sameDay, sameMinute, shownTimes } from './time';

/** Longer than this is a pause, after which a new group begins. */
const PAUSE = 5 * 60_000;

export type Placed = {
  message: MessageView;
  /** The time that it shows. */
  at: number;
  newDay: boolean;
  /** The first that was unread when the person came. */
  unread: boolean;
  /** Of a group by one writer. */
  first: boolean;
  /** The first of its minute in the group: the others do not repeat the time. */
  timed: boolean;
};

/**
 * While older ones are to come, the oldest that is here is left out: what it looks like is not known yet.
 * So nothing changes its shape when the older ones come either.
 */
export function place(messages: readonly MessageView[], more: boolean, divider: number | null = null): Placed[] {
  const times = shownTimes(messages);
  const shown = more ? messages.slice(1) : messages;
  const firstUnread = divider === null ? undefined : shown.find((one) => one.position >= divider);
  const placed = messages.map((message, index): Placed => {
    const previous = messages[index - 1];
    const at = times[index] ?? message.at;
    const before = times[index - 1] ?? 0;
    const newDay = !previous || !sameDay(before, at);
    const unread = message === firstUnread;
    const first = newDay || unread || previous.mine !== message.mine || Boolean(previous.notice) || at - before > PAUSE;
    return { message, at, newDay, unread, first, timed: first || !sameMinute(before, at) };
  });
  return more ? placed.slice(1) : placed;
}
