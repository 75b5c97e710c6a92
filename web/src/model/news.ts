/** What is said to somebody who does not look where a message came: in whose conversation, once. */
import { signal } from '@preact/signals';
import type { ConversationView } from '../generated/types';

/** Milliseconds that it stands, so that the next one is another text. */
export const STANDS = 5000;
/** Names at once; a person who was away is not read a list. */
const MAX_NAMES = 3;

export class News {
  /** Names of those who wrote since it was last empty. */
  readonly from = signal<readonly string[]>([]);
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `seen`: the conversation is open and looked at. */
  changed(before: ConversationView | undefined, now: ConversationView, seen: boolean): void {
    if (seen || now.unread <= (before?.unread ?? 0)) return;
    const names = this.from.value;
    if (names.includes(now.username) || names.length >= MAX_NAMES) return;
    this.from.value = [...names, now.username];
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { this.from.value = []; }, STANDS);
  }
}
