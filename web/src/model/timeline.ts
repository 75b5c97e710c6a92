/**
 * The messages of one conversation that the page holds: always the newest ones, and as many older
 * pages as were scrolled to. Answers and events come in the order in which the engine made them, so
 * whatever comes later is right.
 */
import { batch, signal } from '@preact/signals';
import type { MessageStatus, MessageView } from '../generated/types';
import type { Engine } from './engine';

/** Messages asked for at once. */
export const PAGE = 100;
/** Messages asked for at once on the way to the first unread one: the most that the engine gives. */
const LONG_PAGE = 200;
/** Messages loaded at most on that way; whoever has more unread begins to read there. */
const MAX_REACHED = 2000;
/** Messages kept of a conversation that is left; the rest is asked for again. */
const KEPT = 200;

export class Timeline {
  readonly #engine: () => Engine;
  readonly conversation: string;
  readonly messages = signal<readonly MessageView[]>([]);
  readonly more = signal(false);
  readonly state = signal<'empty' | 'loading' | 'loaded' | 'failed'>('empty');
  /** Whether the newest message is in view; the view says so. */
  readonly atEnd = signal(true);
  /** The newest line in view; the view says so. */
  readonly seen = signal(-1);
  /** Position of the first line that was unread when the person came: a line stands before it. */
  readonly divider = signal<number | null>(null);
  /** The way to the first unread line is being loaded. */
  readonly reaching = signal(false);
  /** The view has yet to go to the first unread line: until then nothing in it counts as seen. */
  readonly landing = signal(false);
  #unread = false;
  #busy = false;
  /** Asked for the newest page while another was on its way. */
  #again = false;
  /** What came while the first page was on its way. */
  #early: readonly MessageView[] = [];

  constructor(engine: () => Engine, conversation: string) {
    this.#engine = engine;
    this.conversation = conversation;
  }

  /** Somebody opens the conversation: all is loaded from the first line that is unread. */
  async open(unreadFrom: number | null): Promise<void> {
    batch(() => {
      this.#unread = unreadFrom !== null;
      this.divider.value = unreadFrom;
      this.seen.value = -1;
      this.landing.value = this.#unread;
      this.reaching.value = this.#unread;
    });
    if (this.state.value !== 'loaded') await this.loadNewest();
    if (unreadFrom !== null) await this.#reach(unreadFrom);
    this.reaching.value = false;
  }

  async #reach(position: number): Promise<void> {
    for (;;) {
      const oldest = this.messages.value[0]?.position;
      const isThere = oldest === undefined || oldest < position || !this.more.value;
      if (isThere || this.messages.value.length >= MAX_REACHED) return;
      await this.#load(oldest, LONG_PAGE);
      if (this.messages.value[0]?.position === oldest) return;
    }
  }

  /** What is unread while the conversation is open; `looking`: it is read as it comes. */
  unreadFrom(position: number | null, looking: boolean): void {
    if (position !== null && !this.#unread && !looking) this.divider.value = position;
    this.#unread = position !== null;
  }

  /** The newest page; also after another engine has taken over. */
  async loadNewest(): Promise<void> {
    if (this.state.value !== 'loaded') this.state.value = 'loading';
    await this.#load(null);
  }

  async loadOlder(): Promise<void> {
    const oldest = this.messages.value[0];
    if (oldest && this.more.value) await this.#load(oldest.position);
  }

  /** New or changed messages. Older than what is held: they come with their page. */
  changed(messages: readonly MessageView[]): void {
    if (this.state.value !== 'loaded') {
      this.#early = merge(this.#early, messages).slice(-KEPT);
      return;
    }
    const oldest = this.messages.value[0]?.position ?? 0;
    const newest = this.messages.value.at(-1)?.position ?? 0;
    // Whoever answers has read.
    if (messages.some((one) => one.mine && one.position > newest)) this.divider.value = null;
    const shown = this.more.value ? messages.filter((one) => one.position >= oldest) : messages;
    this.messages.value = merge(this.messages.value, shown);
  }

  statusChanged(changes: ReadonlyArray<readonly [number, MessageStatus]>): void {
    const status = new Map(changes);
    this.messages.value = this.messages.value.map((one) => {
      const next = status.get(one.position);
      return next && next !== one.status ? { ...one, status: next } : one;
    });
  }

  /** Forgets older pages of a conversation that is no longer looked at. */
  trim(): void {
    if (this.messages.value.length <= KEPT) return;
    batch(() => {
      this.messages.value = this.messages.value.slice(-KEPT);
      this.more.value = true;
    });
  }

  async #load(before: number | null, limit = PAGE): Promise<void> {
    if (this.#busy) {
      this.#again ||= before === null;
      return;
    }
    this.#busy = true;
    const query = { type: 'history', conversation: this.conversation, before, limit } as const;
    const reply = await this.#engine().query(query);
    this.#busy = false;
    if (reply.type === 'history') this.#show(reply.messages, reply.more, before);
    else if (this.state.value !== 'loaded') this.state.value = 'failed';
    if (!this.#again) return;
    this.#again = false;
    await this.#load(null);
  }

  #show(page: readonly MessageView[], more: boolean, before: number | null): void {
    const held = this.messages.value;
    const newest = held.at(-1);
    const first = page[0];
    // A newest page that does not reach what is held would leave a gap: then it stands alone.
    const alone = before === null && (!newest || !first || first.position > newest.position);
    batch(() => {
      this.messages.value = alone ? merge(this.#early, page) : merge(held, page);
      this.#early = [];
      if (alone || before !== null) this.more.value = more;
      this.state.value = 'loaded';
    });
  }
}

/** Both in order of position; of two with the same position the later one counts. */
function merge(held: readonly MessageView[], news: readonly MessageView[]): readonly MessageView[] {
  const byPosition = new Map(held.map((one) => [one.position, one]));
  for (const one of news) byPosition.set(one.position, one);
  return [...byPosition.values()].sort((a, b) => a.position - b.position);
}
