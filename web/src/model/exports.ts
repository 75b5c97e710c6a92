/** Everything that was written, as one file to keep: read page by page, since it may be a hundred thousand messages. */
import { signal } from '@preact/signals';
import type { ConversationView } from '../generated/types';
import type { Engine } from './engine';
import { fileName, Transcript, type Describe } from './transcript';
import { TooLarge, Zip } from './zip';

/** Messages asked for at once: the most that the engine gives. */
const PAGE = 200;

/** `noRoom`: the browser has no place for the file. */
export type ExportFailure = 'nothing' | 'unreadable' | 'tooLarge' | 'noRoom';

export type ExportState =
  | { state: 'idle' }
  | { state: 'working'; messages: number }
  | { state: 'done'; conversations: number; name: string }
  | { state: 'failed'; why: ExportFailure };

class Unreadable extends Error {}

export class Exports {
  readonly #engine: () => Engine;
  readonly state = signal<ExportState>({ state: 'idle' });

  constructor(engine: () => Engine) {
    this.#engine = engine;
  }

  /** How the last one ended is no news any more. */
  forget(): void {
    if (this.state.value.state !== 'working') this.state.value = { state: 'idle' };
  }

  /** The file and its name; nothing where there is none, and `state` says why. */
  async make(account: string, conversations: readonly ConversationView[], describe: Describe, now = new Date()): Promise<{ file: Blob; name: string } | null> {
    if (this.state.value.state === 'working') return null;
    if (conversations.length === 0) return this.#fail('nothing');
    this.state.value = { state: 'working', messages: 0 };
    try {
      const zip = new Zip(now);
      for (const conversation of conversations) {
        const transcript = new Transcript(account, conversation, describe, now);
        await this.#read(conversation.id, transcript);
        const name = fileName(conversation.username);
        await zip.add(`${name}.json`, transcript.json());
        await zip.add(`${name}.txt`, transcript.text());
      }
      const file = zip.end();
      const name = `pawl-${fileName(account)}-${localDate(now)}.zip`;
      this.state.value = { state: 'done', conversations: conversations.length, name };
      return { file, name };
    } catch (error) {
      return this.#fail(error instanceof Unreadable ? 'unreadable' : error instanceof TooLarge ? 'tooLarge' : 'noRoom');
    }
  }

  /** Every line, from the newest back. */
  async #read(conversation: string, transcript: Transcript): Promise<void> {
    let before: number | null = null;
    for (;;) {
      const page = await this.#engine().query({ type: 'history', conversation, before, limit: PAGE });
      if (page.type !== 'history') throw new Unreadable();
      transcript.addOlder(page.messages);
      const oldest = page.messages[0]?.position;
      if (!page.more || oldest === undefined) return;
      before = oldest;
      const state = this.state.value;
      if (state.state === 'working') this.state.value = { ...state, messages: state.messages + page.messages.length };
    }
  }

  #fail(why: ExportFailure): null {
    this.state.value = { state: 'failed', why };
    return null;
  }
}

function localDate(at: Date): string {
  const two = (number: number) => String(number).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}
