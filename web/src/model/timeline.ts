/**
 * The messages of one conversation that the page holds: the newest ones, and as many older pages as were
 * scrolled to. Where more are unread than can be held at once, the ones around the first unread one, and
 * what follows as somebody reads on. Answers and events come in the order in which the engine made them,
 * so whatever comes later is right.
 */
import { batch, signal } from '@preact/signals';
import type { MessageStatus, MessageView, QueryReply } from '../generated/types';
import type { Engine } from './engine';

/** Messages asked for at once. */
export const PAGE = 100;
/** Messages asked for at once on the way to the first unread one: the most that the engine gives. */
const LONG_PAGE = 200;
/** The longest such way, in positions; whoever has more unread begins in the midst of the conversation. */
const MAX_REACHED = 2000;
/** Messages kept of a conversation that is left; the rest is asked for again. */
const KEPT = 200;

type Page = Extract<QueryReply, { type: 'history' }>;

export class Timeline {
  readonly #engine: () => Engine;
  readonly conversation: string;
  readonly messages = signal<readonly MessageView[]>([]);
  readonly more = signal(false);
  /** There are newer ones than those that are held: somebody began to read far back. */
  readonly newer = signal(false);
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
  /** Rises when somebody opens or leaves the conversation: a way that began before ends. */
  #visit = 0;
  /** Pages that are on their way, and the last of them. */
  #asking = 0;
  #asked: Promise<void> | undefined;
  /** The newest page, which was asked for while another was on its way. */
  #again: Promise<void> | null = null;
  /** What came while the first page was on its way. */
  #early: readonly MessageView[] = [];
  /** The newest position that was heard of. */
  #newest = 0;

  constructor(engine: () => Engine, conversation: string) {
    this.#engine = engine;
    this.conversation = conversation;
  }

  /** Somebody opens the conversation: all is loaded from the first line that is unread. */
  async open(unreadFrom: number | null): Promise<void> {
    const visit = ++this.#visit;
    batch(() => {
      this.#leaveMidst();
      this.#unread = unreadFrom !== null;
      this.divider.value = unreadFrom;
      this.seen.value = -1;
      this.landing.value = this.#unread;
      this.reaching.value = this.#unread;
    });
    if (this.state.value !== 'loaded') await this.loadNewest();
    if (visit !== this.#visit) return;
    if (unreadFrom !== null) await (this.#isFar(unreadFrom) ? this.#beginAt(unreadFrom) : this.#reach(unreadFrom));
    if (visit === this.#visit) this.reaching.value = false;
  }

  #isFar(position: number): boolean {
    const oldest = this.messages.value[0]?.position ?? 0;
    return position < oldest && this.#newest - position > MAX_REACHED;
  }

  /** Holds what stands around a position, and nothing else. */
  async #beginAt(position: number): Promise<void> {
    await this.#ask(position + LONG_PAGE / 2, LONG_PAGE, (page) => {
      const last = page?.messages.at(-1)?.position;
      if (!page || last === undefined || last < position) return;
      batch(() => {
        this.messages.value = page.messages;
        this.more.value = page.more;
        this.newer.value = last < this.#newest;
      });
    });
  }

  /** What follows, for somebody who began far back. */
  async loadNewer(): Promise<void> {
    const last = this.messages.value.at(-1)?.position ?? 0;
    if (!this.newer.value || this.#asking > 0) return;
    await this.#ask(last + 1 + LONG_PAGE, LONG_PAGE, (page) => {
      const reached = page?.messages.at(-1)?.position ?? 0;
      if (!page || !this.newer.value) return;
      // Positions leap where a record was lost: there is no way on but the newest page.
      if (reached <= last) void this.loadLatest();
      else batch(() => {
        this.messages.value = merge(this.messages.value, page.messages);
        this.newer.value = reached < this.#newest;
      });
    });
  }

  /** Leaves what is held for the newest page, where there are newer ones. */
  async loadLatest(): Promise<void> {
    if (!this.newer.value) return;
    await this.#ask(null, PAGE, (page) => {
      if (!page || !this.newer.value) return;
      batch(() => {
        this.messages.value = page.messages;
        this.more.value = page.more;
        this.newer.value = false;
      });
    });
  }

  async #reach(position: number): Promise<void> {
    const visit = this.#visit;
    for (;;) {
      while (this.#asking > 0) await this.#asked;
      const oldest = this.messages.value[0]?.position;
      if (visit !== this.#visit || oldest === undefined || oldest < position || !this.more.value) return;
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
      this.#heardOf(messages);
      this.#early = merge(this.#early, messages).slice(-KEPT);
      return;
    }
    const oldest = this.more.value ? (this.messages.value[0]?.position ?? 0) : 0;
    const newest = this.newer.value ? (this.messages.value.at(-1)?.position ?? 0) : Infinity;
    const answers = messages.some((one) => one.mine && one.position > this.#newest);
    this.#heardOf(messages);
    this.messages.value = merge(this.messages.value, messages.filter((one) => one.position >= oldest && one.position <= newest));
    if (!answers) return;
    // Whoever answers has read.
    this.divider.value = null;
    void this.loadLatest();
  }

  #heardOf(messages: readonly MessageView[]): void {
    this.#newest = Math.max(this.#newest, messages.at(-1)?.position ?? 0);
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
    this.#visit += 1;
    batch(() => { this.#leaveMidst(); });
    if (this.messages.value.length <= KEPT) return;
    batch(() => {
      this.messages.value = this.messages.value.slice(-KEPT);
      this.more.value = true;
    });
  }

  /** Whoever comes again begins with the newest page. */
  #leaveMidst(): void {
    if (!this.newer.value) return;
    this.messages.value = [];
    this.newer.value = false;
    this.state.value = 'empty';
  }

  async #load(before: number | null, limit = PAGE): Promise<void> {
    if (this.#asking > 0) {
      if (before === null) await (this.#again ??= this.#loadAfter());
      return;
    }
    await this.#ask(before, limit, (page) => {
      if (page) this.#show(page.messages, page.more, before);
      else if (this.state.value !== 'loaded') this.state.value = 'failed';
    });
  }

  /** The newest page, when nothing is on its way any more. */
  async #loadAfter(): Promise<void> {
    while (this.#asking > 0) await this.#asked;
    this.#again = null;
    await this.#load(null);
  }

  /** Whoever waits for a page goes on when it is taken. */
  #ask(before: number | null, limit: number, take: (page: Page | null) => void): Promise<void> {
    const asked = this.#fetch(before, limit, take);
    this.#asked = asked;
    return asked;
  }

  async #fetch(before: number | null, limit: number, take: (page: Page | null) => void): Promise<void> {
    this.#asking += 1;
    const reply = await this.#engine().query({ type: 'history', conversation: this.conversation, before, limit });
    this.#asking -= 1;
    const page = reply.type === 'history' ? reply : null;
    if (page) this.#heardOf(page.messages);
    take(page);
  }

  #show(page: readonly MessageView[], more: boolean, before: number | null): void {
    const held = this.messages.value;
    // Somebody reads far back and goes on there; or what an older page belongs to is held no more.
    if (before === null ? this.newer.value : held[0]?.position !== before) return;
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
