/**
 * What is being written in one conversation. The engine keeps it on disk: each change is saved at
 * once, or as soon as the save before it is done, and the last one before it is sent. What cannot be
 * sent comes back into the box.
 */
import { computed, signal } from '@preact/signals';
import type { CommandError } from '../generated/types';
import type { Engine } from './engine';

/** Nothing is drawn for these: white space, control characters, and what Unicode calls ignorable. */
const UNSEEN = /^[\s\p{Default_Ignorable_Code_Point}\p{Cc}\u2800\ufff9-\ufffb]*$/u;

/** Bytes of UTF-8 that a text may have: `MAX_TEXT` in crates/client. */
export const MAX_TEXT = 64 * 1024;
/** Bytes from which on it is said how many are left. */
const NEAR_FULL = MAX_TEXT - 4096;

const utf8 = new TextEncoder();

/** Bytes that are left, below zero where there are too many; nothing where there is room enough. */
function roomIn(text: string): number | null {
  if (text.length * 3 < NEAR_FULL) return null;
  const { length } = utf8.encode(text.trim());
  return length < NEAR_FULL ? null : MAX_TEXT - length;
}

/** Whether somebody who gets this text would see nothing. The engine refuses it too. */
export function nothingSeen(text: string): boolean {
  return UNSEEN.test(text);
}

export class Draft {
  readonly #engine: () => Engine;
  readonly conversation: string;
  readonly text = signal('');
  readonly error = signal<CommandError | null>(null);
  readonly room = computed(() => roomIn(this.text.value));
  /** Texts on their way to the engine. */
  #sending = 0;
  #saving = 0;
  /** Holds something that the engine does not have. */
  #dirty = false;
  /** What another tab wrote while the cursor was here. */
  #offered: string | null = null;
  /** What the text here begins with as another tab wrote it: that tab may send it yet. */
  #taken = '';
  /** Whether the cursor is in the box; the view says so. */
  inUse: () => boolean = () => false;

  constructor(engine: () => Engine, conversation: string, text: string) {
    this.#engine = engine;
    this.conversation = conversation;
    this.text.value = text;
  }

  edit(text: string): void {
    if (text === this.text.value) return;
    this.text.value = text;
    this.#dirty = true;
    this.#offered = null;
    if (this.error.value?.code === 'messageTooLong' && (this.room.value ?? 0) >= 0) this.error.value = null;
    if (this.#saving === 0) this.flush();
  }

  /**
   * Another tab wrote; what is being written here goes first, and nothing changes under the cursor, but for
   * what came from there.
   */
  adopt(text: string): void {
    if (text === '' && this.#hasMore()) return this.#goOnAlone();
    if (this.#dirty || this.#saving > 0 || this.#sending > 0) return;
    this.#offered = text;
    if (!this.inUse() || (this.#taken !== '' && this.text.value === this.#taken)) this.catchUp();
  }

  /** Something was typed here behind what came from another tab. */
  #hasMore(): boolean {
    const [text, taken] = [this.text.value, this.#taken];
    return taken !== '' && text !== taken && text.startsWith(taken);
  }

  /** The other tab sent what it had written: what was typed behind it stays. */
  #goOnAlone(): void {
    const { length } = this.#taken;
    this.#taken = '';
    this.edit(this.text.value.slice(length));
  }

  /** Takes over what another tab wrote last, when somebody comes back to this one. */
  catchUp(): void {
    if (this.#offered === null || this.#dirty || this.#saving > 0 || this.#sending > 0) return;
    this.text.value = this.#offered;
    this.#taken = this.#offered;
    this.#offered = null;
  }

  /** Saves now. While a text is being sent an empty draft is not news: the send clears it. */
  flush(): void {
    if (!this.#dirty || (this.#sending > 0 && this.text.value === '')) return;
    void this.#save(this.text.value);
  }

  async #save(text: string): Promise<void> {
    this.#dirty = false;
    this.#saving += 1;
    const error = await this.#engine().command({ type: 'saveDraft', conversation: this.conversation, text });
    this.#saving -= 1;
    if (!error) this.flush();
    else if (this.text.value === text) this.#dirty = true;
  }

  async send(): Promise<void> {
    const written = this.text.value;
    if (nothingSeen(written)) return;
    this.error.value = null;
    // On disk before it leaves the box; the engine clears it with the same commit that makes it a message.
    this.flush();
    this.text.value = '';
    this.#dirty = false;
    this.#offered = null;
    this.#taken = '';
    this.#sending += 1;
    const text = written.trim();
    const error = await this.#engine().command({ type: 'sendText', conversation: this.conversation, text });
    this.#sending -= 1;
    if (error) this.#giveBack(written, error);
  }

  #giveBack(text: string, error: CommandError): void {
    const since = this.text.value;
    this.edit(since === '' ? text : `${text}\n${since}`);
    this.error.value = error;
  }
}
