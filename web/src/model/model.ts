/**
 * Everything that the page shows, as signals. The engine's events go in here and nowhere else; the
 * view reads signals and calls methods, and knows neither worker nor messages.
 */
import { batch, computed, effect, signal, untracked } from '@preact/signals';
import type { Connection, ConversationView, Event, MessageView, Phase, Snapshot } from '../generated/types';
import type { WorkerState } from '../worker/rpc';
import { Account } from './account';
import { Alerts } from './alerts';
import { Conversations } from './conversations';
import { Drafts } from './drafts';
import { noEngine, type Connect, type Engine, type Start, type StartFailure } from './engine';
import { Exports } from './exports';
import { Announcer } from './news';
import { Reading } from './reading';
import { Route } from './route';
import { Settings } from './settings';
import { eraseStore, type Erased } from './startOver';
import type { Timeline } from './timeline';
import { Timelines, type TimelineEvent } from './timelines';

export type DialogName = 'newConversation' | 'settings' | 'safetyNumber' | 'startOver';

export class Model {
  #engine: Engine = noEngine;
  readonly #asked = (): Engine => this.#engine;

  readonly start = signal<Start>({ state: 'starting' });
  /** Nothing until the engine has said where this device stands. */
  readonly phase = signal<Phase | null>(null);
  readonly connection = signal<Connection>('connecting');
  readonly dialog = signal<DialogName | null>(null);
  readonly route = new Route();
  readonly settings = new Settings();
  readonly alerts = new Alerts();
  readonly account = new Account(this.#asked);
  readonly conversations = new Conversations(this.#asked);
  readonly timelines = new Timelines(this.#asked);
  readonly drafts = new Drafts(this.#asked);
  readonly reading = new Reading(this.#asked);
  readonly exports = new Exports(this.#asked);
  readonly news = new Announcer();

  /** The open conversation, where it is there. */
  readonly current = computed(() => {
    const asked = this.route.conversation.value;
    return asked === null ? undefined : this.conversations.asked(asked);
  });

  /** Its messages. */
  readonly timeline = signal<Timeline | undefined>(undefined);
  readonly #currentId = computed(() => this.current.value?.id);

  constructor() {
    effect(() => {
      if (this.phase.value) this.settings.remember(this.phase.value.type === 'ready');
    });
    effect(() => {
      const id = this.#currentId.value;
      untracked(() => { this.#open(id); });
    });
    effect(() => {
      const [conversation, timeline] = [this.current.value, this.timeline.value];
      if (conversation && conversation.id === timeline?.conversation) this.reading.look(conversation, timeline);
    });
  }

  #open(conversation: string | undefined): void {
    this.drafts.flush();
    this.timeline.value?.trim();
    this.timeline.value = conversation === undefined ? undefined : this.timelines.open(conversation, this.current.value?.unreadFrom ?? null);
  }

  connect(connect: Connect): void {
    try {
      this.#engine = connect({ events: (events) => { this.events(events); }, state: (state) => { this.state(state); } });
    } catch (error) {
      this.fail('wasmFailed', String(error));
    }
  }

  fail(code: StartFailure, detail: string): void {
    this.start.value = { state: 'failed', code, detail };
  }

  /** A person is there: they wait no longer than they must for a connection. */
  nudge(): void {
    if (this.connection.value === 'offline') this.#engine.hint('nudged');
  }

  tryNow(): void {
    this.#engine.hint('tryNow');
  }

  state(state: WorkerState): void {
    if (state.state === 'failed') this.fail(state.error.code, state.error.detail);
    else this.start.value = state;
    if (state.state === 'ready') void this.#ask();
  }

  /** Before the first snapshot only alerts are news: the snapshot holds all the rest. */
  events(events: readonly Event[]): void {
    batch(() => {
      for (const event of events) {
        if (this.phase.value !== null || event.type === 'alert') this.#show(event);
      }
    });
  }

  #show(event: Event): void {
    switch (event.type) {
      case 'phaseChanged':
        this.account.phaseChanged(this.phase.value, event.phase);
        this.phase.value = event.phase;
        break;
      case 'connectionChanged':
        this.connection.value = event.connection;
        break;
      case 'conversationChanged':
        this.#tell(event.conversation);
        this.conversations.changed(event.conversation);
        this.drafts.changed(event.conversation);
        break;
      case 'messagesChanged':
      case 'statusChanged':
        this.#readOut(event);
        this.timelines.event(event);
        break;
      case 'alert':
        this.alerts.alert(event.alert);
        break;
      case 'commandDone':
        break; // Answers the promise of whoever asked.
    }
  }

  #tell(now: ConversationView): void {
    const isSeen = this.reading.attentive.value && this.current.value?.id === now.id;
    this.news.changed(this.conversations.find(now.id), now, isSeen);
  }

  /** What comes into the conversation that is looked at. What was there when it was opened is no news. */
  #readOut(event: TimelineEvent): void {
    const [timeline, current] = [this.timeline.value, this.current.value];
    const isOpen = current?.id === event.conversation && timeline?.conversation === event.conversation;
    if (!this.reading.attentive.value || !isOpen || timeline.state.value !== 'loaded') return;
    if (event.type === 'statusChanged') {
      if (event.changes.some(([, status]) => status === 'notSent')) this.news.notSent();
      return;
    }
    const newest = timeline.messages.value.at(-1);
    this.news.came(current.username, event.messages.filter((one) => !one.mine && isNews(one, newest)));
  }

  /** Forgets everything; this page is of no use afterwards, whatever came of it. */
  startOver(): Promise<Erased> {
    this.#engine.stop();
    this.#engine = noEngine;
    return eraseStore();
  }

  async #ask(): Promise<void> {
    const again = this.phase.value !== null;
    const reply = await this.#engine.query({ type: 'snapshot' });
    if (reply.type === 'snapshot') this.#draw(reply.snapshot);
    if (again) this.timelines.refresh();
  }

  #draw(snapshot: Snapshot): void {
    batch(() => {
      this.phase.value = snapshot.phase;
      this.connection.value = snapshot.connection;
      this.conversations.replace(snapshot.conversations);
      snapshot.conversations.forEach((one) => { this.drafts.changed(one); });
    });
  }
}

/** Below the newest line that is held, or in its place, for one thing more that happened. */
function isNews(one: MessageView, newest: MessageView | undefined): boolean {
  if (!newest || one.position > newest.position) return true;
  return one.position === newest.position && one.times > newest.times;
}
