/** The drafts of all conversations that were opened on this page. */
import type { ConversationView } from '../generated/types';
import { Draft } from './draft';
import type { Engine } from './engine';

export class Drafts {
  readonly #engine: () => Engine;
  /** One for each conversation of this device, so as many as there are people written to. */
  readonly #all = new Map<string, Draft>();

  constructor(engine: () => Engine) {
    this.#engine = engine;
  }

  of(conversation: ConversationView): Draft {
    const held = this.#all.get(conversation.id);
    if (held) return held;
    const draft = new Draft(this.#engine, conversation.id, conversation.draft);
    this.#all.set(conversation.id, draft);
    return draft;
  }

  changed(conversation: ConversationView): void {
    this.#all.get(conversation.id)?.adopt(conversation.draft);
  }

  /** Everything that was written is on disk when this comes back, as a draft or as a message. */
  settle(): void {
    this.flush();
    this.#engine().settle();
  }

  /** The page may go away, or another conversation is opened. */
  flush(): void {
    for (const draft of this.#all.values()) draft.flush();
  }
}
