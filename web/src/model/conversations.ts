/** The conversations on this device, the one last active first. */
import { computed, signal } from '@preact/signals';
import type { CommandError, ConversationView } from '../generated/types';
import { Comparison } from './comparison';
import type { Engine } from './engine';
import { withoutAt } from './route';

export class Conversations {
  readonly #engine: () => Engine;
  readonly list = signal<readonly ConversationView[]>([]);
  readonly unread = computed(() => this.list.value.reduce((sum, one) => sum + one.unread, 0));

  constructor(engine: () => Engine) {
    this.#engine = engine;
  }

  replace(all: readonly ConversationView[]): void {
    this.list.value = all.toSorted(newestFirst);
  }

  changed(conversation: ConversationView): void {
    const others = this.list.value.filter((other) => other.id !== conversation.id);
    this.list.value = [...others, conversation].sort(newestFirst);
  }

  find(id: string): ConversationView | undefined {
    return this.list.value.find((one) => one.id === id);
  }

  /** By what stands in an address: its id, or the other's username. */
  asked(idOrName: string): ConversationView | undefined {
    return this.list.value.find((one) => one.id === idOrName || one.username === idOrName);
  }

  start(username: string): Promise<CommandError | null> {
    return this.#engine().command({ type: 'startConversation', username: withoutAt(username) });
  }

  compare(conversation: string): Comparison {
    return new Comparison(this.#engine, conversation);
  }
}

function newestFirst(a: ConversationView, b: ConversationView): number {
  return b.activeAt - a.activeAt || (a.username < b.username ? -1 : 1);
}
