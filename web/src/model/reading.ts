/**
 * Tells the engine what the person has seen: messages of the open conversation, while the page is
 * visible and has the focus and the end of the log is in view.
 */
import { signal } from '@preact/signals';
import type { ConversationView } from '../generated/types';
import type { Engine } from './engine';
import type { Timeline } from './timeline';

export class Reading {
  readonly #engine: () => Engine;
  readonly attentive = signal(false);
  /** How far each conversation was marked by this page. */
  readonly #marked = new Map<string, number>();

  constructor(engine: () => Engine) {
    this.#engine = engine;
  }

  /** Called inside an effect: reads every signal that it depends on. */
  look(conversation: ConversationView, timeline: Timeline): void {
    const through = timeline.messages.value.findLast((one) => !one.mine)?.position;
    const seen = this.attentive.value && timeline.atEnd.value;
    if (!seen || conversation.unread === 0 || through === undefined) return;
    if (through > (this.#marked.get(timeline.conversation) ?? -1)) void this.#mark(timeline.conversation, through);
  }

  async #mark(conversation: string, through: number): Promise<void> {
    this.#marked.set(conversation, through);
    const error = await this.#engine().command({ type: 'markRead', conversation, through });
    if (error) this.#marked.delete(conversation);
  }
}
