/** An engine that records what it is asked and answers when a test says so. */
import type { Command, CommandError, ConversationView, MessageStatus, MessageView, Query, QueryReply } from '../src/generated/types';
import type { Engine } from '../src/model/engine';
import type { Hint } from '../src/worker/messages';

type Asked<Q, A> = { asked: Q; answer: (answer: A) => void };

export class TestEngine implements Engine {
  readonly commands: Asked<Command, CommandError | null>[] = [];
  readonly queries: Asked<Query, QueryReply>[] = [];

  command(asked: Command): Promise<CommandError | null> {
    return new Promise((answer) => this.commands.push({ asked, answer }));
  }

  query(asked: Query): Promise<QueryReply> {
    return new Promise((answer) => this.queries.push({ asked, answer }));
  }

  readonly hints: Hint[] = [];

  hint(hint: Hint): void {
    this.hints.push(hint);
  }

  stopped = false;

  stop(): void {
    this.stopped = true;
  }

  settle(): void {}

  ofType(type: Command['type']): Command[] {
    return this.commands.map((one) => one.asked).filter((one) => one.type === type);
  }

  /** Answers what was asked last, and lets those who waited go on. */
  async done(error: CommandError | null = null): Promise<void> {
    this.commands.at(-1)?.answer(error);
    await settled();
  }

  async reply(reply: QueryReply): Promise<void> {
    this.queries.at(-1)?.answer(reply);
    await settled();
  }
}

/** Every promise that is ready has been acted on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

export function message(position: number, more: Partial<MessageView> = {}): MessageView {
  return { position, mine: false, text: `text ${position}`, at: position * 1000, sentAt: position * 1000, status: null, notice: null, times: 0, ...more };
}

export function own(position: number, status: MessageStatus): MessageView {
  return message(position, { mine: true, status });
}

/** The id that a test gives to the conversation with somebody: their name's letters, then A. */
export function idOf(username: string): string {
  return username.toUpperCase().padEnd(26, 'A');
}

export function conversation(username: string, more: Partial<ConversationView> = {}): ConversationView {
  return { id: idOf(username), username, unread: 0, unreadFrom: null, preview: '', previewStatus: null, activeAt: 0, draft: '', identity: 'unverified', wasVerified: false, setAside: 0, ...more };
}

export function history(messages: MessageView[], more = false): QueryReply {
  return { type: 'history', messages, more };
}
