/**
 * A conversation as files that others can read, in the format of docs/TERMINAL.md, "Export": JSON for programs,
 * text for people. Made page by page, from the newest back, so that no conversation has to be held as a text.
 */
import type { ConversationView, MessageView, NoticeCause } from '../generated/types';

/** A notice in words. */
export type Describe = (cause: NoticeCause, name: string, times: number) => string;

const VERSION = 1;
/** Milliseconds between sending and arrival from which on the text shows both. */
const LATE = 60_000;
/** The end of the year 9999, after which times are written in another way. */
const LAST_TIME = 253_402_300_799_999;

export class Transcript {
  readonly #account: string;
  readonly #conversation: ConversationView;
  readonly #describe: Describe;
  readonly #at: Date;
  /** The newest page first. */
  readonly #json: Blob[] = [];
  readonly #text: Blob[] = [];

  constructor(account: string, conversation: ConversationView, describe: Describe, at: Date) {
    this.#account = account;
    this.#conversation = conversation;
    this.#describe = describe;
    this.#at = at;
  }

  /** The lines before those that were added last. */
  addOlder(lines: readonly MessageView[]): void {
    if (lines.length === 0) return;
    this.#json.push(new Blob([lines.map((line) => JSON.stringify(this.#shown(line))).join(',\n')]));
    this.#text.push(new Blob(lines.map((line) => `${this.#line(line)}\n`)));
  }

  json(): Blob {
    const { id, username, identity, draft } = this.#conversation;
    const heading = {
      format: 'pawl-export',
      version: VERSION,
      exportedAt: this.#at.toISOString(),
      account: this.#account,
      conversation: username,
      conversationId: id,
      identity,
      ...(draft && { draft }),
    };
    const pages = this.#json.toReversed().flatMap((page, i) => [i === 0 ? '\n' : ',\n', page]);
    return new Blob([JSON.stringify(heading).slice(0, -1), ',"lines":[', ...pages, '\n]}\n']);
  }

  text(): Blob {
    const { username, draft } = this.#conversation;
    const head = `Conversation of ${this.#account} with ${username}\nExported by Pawl, ${this.#at.toISOString()}; times are UTC\n\n`;
    return new Blob([head, ...this.#text.toReversed(), draft && `\nDraft: ${indented(draft)}\n`]);
  }

  #author({ mine }: MessageView): string {
    return mine ? this.#account : this.#conversation.username;
  }

  #shown(line: MessageView): object {
    const { position, mine, at, sentAt, status, text, notice, times } = line;
    if (notice) return { type: 'event', position, at: at > 0 ? exact(at) : null, event: notice, ...(times > 0 && { times }) };
    return {
      type: 'message',
      position,
      author: this.#author(line),
      direction: mine ? 'sent' : 'received',
      at: exact(at),
      sentAt: exact(sentAt),
      ...(status && { status }),
      text,
    };
  }

  #line(line: MessageView): string {
    const when = line.at > 0 ? written(line.at) : '(no time)';
    if (line.notice) return `${when} (${this.#describe(line.notice, this.#conversation.username, line.times)})`;
    return `${when} ${this.#author(line)}${beside(line)}: ${indented(line.text)}`;
  }
}

function beside({ status, at, sentAt }: MessageView): string {
  if (status === 'notSent') return ' (not sent)';
  if (status === 'sending' || status === 'waiting') return ' (not sent yet)';
  return at - sentAt >= LATE ? ` (sent ${written(sentAt)})` : '';
}

function exact(at: number): string {
  return new Date(Math.min(at, LAST_TIME)).toISOString();
}

function written(at: number): string {
  return `${exact(at).slice(0, 19).replace('T', ' ')}Z`;
}

/** Without what a terminal obeys; further lines cannot pass for somebody else's. */
function indented(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (character) => {
    if (character === '\n') return '\n    ';
    return character === '\t' ? character : `\\u{${character.charCodeAt(0).toString(16)}}`;
  });
}

/** What a conversation's files are called, without their ends: nothing that a system would take for something else, and no two alike. */
export function fileName(conversation: string): string {
  const bytes = Array.from(new TextEncoder().encode(conversation));
  const name = bytes.map((byte, i) => {
    const character = String.fromCharCode(byte);
    const isPlain = /[a-z0-9_-]/.test(character) || (character === '.' && i > 0);
    return isPlain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
  return /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/.test(name) ? `_${name}` : name;
}
