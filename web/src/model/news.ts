/**
 * What is said, once, to somebody who does not see the page: who wrote elsewhere, and what came into the
 * conversation that is open. The log itself says nothing: it would read out every page of history.
 */
import { signal } from '@preact/signals';
import type { ConversationView, MessageView } from '../generated/types';

/** Milliseconds that it stands. */
export const STANDS = 5000;
/** Names at once; a person who was away is not read a list. */
const MAX_NAMES = 3;
/** Messages that are read in a row; of more at once only the number is said. */
export const MAX_READ = 3;

export type News =
  | { what: 'elsewhere'; names: readonly string[] }
  | { what: 'here'; name: string; message: MessageView }
  | { what: 'more'; count: number }
  | { what: 'notSent' };

export class Announcer {
  /** `id`: the same words twice are two pieces of news. */
  readonly said = signal<{ id: number; news: News } | null>(null);
  #id = 0;
  #names: readonly string[] = [];
  #read = 0;
  #more = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `seen`: the conversation is open and looked at. */
  changed(before: ConversationView | undefined, now: ConversationView, seen: boolean): void {
    if (seen || now.unread <= (before?.unread ?? 0)) return;
    if (this.#names.includes(now.username) || this.#names.length >= MAX_NAMES) return;
    this.#names = [...this.#names, now.username];
    this.#say({ what: 'elsewhere', names: this.#names });
  }

  /** New lines of others in the conversation that is looked at. */
  came(name: string, messages: readonly MessageView[]): void {
    for (const message of messages) {
      if (this.#read < MAX_READ) {
        this.#read += 1;
        this.#say({ what: 'here', name, message });
      } else this.#more += 1;
    }
  }

  notSent(): void {
    this.#say({ what: 'notSent' });
  }

  #say(news: News): void {
    this.#id += 1;
    this.said.value = { id: this.#id, news };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { this.#end(); }, STANDS);
  }

  #end(): void {
    const count = this.#more;
    this.#names = [];
    this.#read = 0;
    this.#more = 0;
    if (count > 0) this.#say({ what: 'more', count });
    else this.said.value = null;
  }
}
