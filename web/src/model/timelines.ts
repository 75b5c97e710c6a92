/** The timelines that the page holds, the ones looked at last. */
import type { Event } from '../generated/types';
import type { Engine } from './engine';
import { Timeline } from './timeline';

/** Timelines held at once; going back to another asks the engine again. */
const MAX_TIMELINES = 8;

export type TimelineEvent = Extract<Event, { type: 'messagesChanged' | 'statusChanged' }>;

export class Timelines {
  readonly #engine: () => Engine;
  readonly #held = new Map<string, Timeline>();

  constructor(engine: () => Engine) {
    this.#engine = engine;
  }

  /** The timeline of a conversation that is being opened, and from where it is unread. */
  open(conversation: string, unreadFrom: number | null): Timeline {
    const timeline = this.#held.get(conversation) ?? new Timeline(this.#engine, conversation);
    this.#held.delete(conversation);
    this.#held.set(conversation, timeline);
    const [longest] = this.#held.keys();
    if (this.#held.size > MAX_TIMELINES && longest !== undefined) this.#held.delete(longest);
    void timeline.open(unreadFrom);
    return timeline;
  }

  event(event: TimelineEvent): void {
    const timeline = this.#held.get(event.conversation);
    if (event.type === 'messagesChanged') timeline?.changed(event.messages);
    else timeline?.statusChanged(event.changes);
  }

  /** After another engine has taken over, something may have been missed. */
  refresh(): void {
    for (const timeline of this.#held.values()) void timeline.loadNewest();
  }

  async retry(conversation: string, position: number) {
    return this.#engine().command({ type: 'retryMessage', conversation, position });
  }
}
