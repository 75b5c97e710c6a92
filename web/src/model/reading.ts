/**
 * Tells the engine what the person has seen: messages of the open conversation that are in view while the
 * page is visible and has the focus.
 */
import { signal, untracked } from '@preact/signals';
import type { ConversationView } from '../generated/types';
import type { Engine } from './engine';
import type { Timeline } from './timeline';

export class Reading {
  readonly #engine: () => Engine;
  readonly attentive = signal(false);
  /** How far each conversation was marked by this page, and is to be. */
  readonly #marked = new Map<string, number>();
  readonly #wanted = new Map<string, number>();
  readonly #busy = new Set<string>();

  constructor(engine: () => Engine) {
    this.#engine = engine;
  }

  /** Called inside an effect: reads every signal that it depends on. */
  look(conversation: ConversationView, timeline: Timeline): void {
    const { unread, unreadFrom } = conversation;
    const seen = timeline.seen.value;
    const isSeen = this.attentive.value && !timeline.landing.value;
    const looking = isSeen && timeline.atEnd.value;
    untracked(() => { timeline.unreadFrom(unreadFrom, looking); });
    const through = timeline.messages.value.findLast((one) => !one.mine && one.position <= seen)?.position;
    if (isSeen && unread > 0 && through !== undefined) void this.#mark(timeline.conversation, through);
  }

  /** One command at a time, however fast somebody scrolls. */
  async #mark(conversation: string, through: number): Promise<void> {
    this.#wanted.set(conversation, Math.max(through, this.#wanted.get(conversation) ?? -1));
    if (this.#busy.has(conversation)) return;
    this.#busy.add(conversation);
    let error = null;
    while (!error && this.#isBehind(conversation)) {
      const next = this.#wanted.get(conversation) ?? -1;
      error = await this.#engine().command({ type: 'markRead', conversation, through: next });
      if (!error) this.#marked.set(conversation, next);
    }
    if (error) this.#wanted.delete(conversation);
    this.#busy.delete(conversation);
  }

  #isBehind(conversation: string): boolean {
    return (this.#wanted.get(conversation) ?? -1) > (this.#marked.get(conversation) ?? -1);
  }
}
