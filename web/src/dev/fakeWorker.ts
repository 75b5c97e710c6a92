/**
 * A worker that is made up, for looking at every state of the page without a relay:
 * `npm run dev`, then /dev.html?scene=NAME. No part of what is built.
 */
import type { CommandError, ConversationView, Event, MessageStatus, MessageView, Phase, Query, QueryReply } from '../generated/types';
import type { Command } from '../generated/types';
import type { PageToWorker, WorkerToPage } from '../worker/messages';
import type { WorkerLike } from '../worker/rpc';
import { conversations, history, idOf, reply, scene, START } from './scenes';

/** Milliseconds between two steps of a made-up message on its way. */
const STEP = 400;
const LIMIT = 64 * 1024;

export class FakeWorker implements WorkerLike {
  #listener: ((event: { data: WorkerToPage }) => void) | undefined;
  #phase: Phase;
  readonly #all = new Map<string, ConversationView>();
  readonly #messages = new Map<string, MessageView[]>();

  constructor() {
    this.#phase = scene.phase;
    for (const one of conversations()) {
      this.#all.set(one.id, one);
      this.#messages.set(one.id, history(one.username));
    }
    if (scene.start !== 'starting') setTimeout(() => { this.#post({ type: 'state', ...START[scene.start] }); });
    if (scene.alerts) setTimeout(() => { scene.alerts?.forEach((alert) => { this.#event({ type: 'alert', alert }); }); }, STEP);
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    if (type === 'message') this.#listener = listener as (event: { data: WorkerToPage }) => void;
  }

  terminate(): void {}

  postMessage(message: PageToWorker): void {
    setTimeout(() => {
      if (message.type === 'query') this.#post({ type: 'reply', id: message.id, reply: this.#answer(message.query) });
      else if (message.type === 'command') this.#event({ type: 'commandDone', id: message.id, error: this.#do(message.command) });
    }, scene.slow && message.type === 'query' && message.query.type === 'history' ? 60_000 : 5);
  }

  #post(message: WorkerToPage): void {
    this.#listener?.({ data: message });
  }

  #event(event: Event): void {
    this.#post({ type: 'events', events: [event] });
  }

  #answer(query: Query): QueryReply {
    switch (query.type) {
      case 'snapshot':
        return { type: 'snapshot', snapshot: { phase: this.#phase, connection: scene.connection, conversations: [...this.#all.values()] } };
      case 'history': {
        if (scene.unreadable) return { type: 'failed', error: { code: 'storeFailed' } };
        const older = (this.#messages.get(query.conversation) ?? []).filter((one) => one.position < (query.before ?? Infinity));
        return { type: 'history', messages: older.slice(-query.limit), more: older.length > query.limit };
      }
      case 'safetyNumber':
        return reply(this.#all.get(query.conversation)?.identity ?? 'unverified');
    }
  }

  #do(command: Command): CommandError | null {
    switch (command.type) {
      case 'createAccount':
        return this.#create(command.username);
      case 'startConversation':
        return this.#begin(command.username.trim().toLowerCase());
      case 'sendText':
        return this.#send(command.conversation, command.text);
      case 'retryMessage':
        this.#travel(command.conversation, command.position);
        return null;
      default:
        return this.#change(command);
    }
  }

  #create(username: string): CommandError | null {
    if (username.trim() === '') return { code: 'usernameEmpty' };
    if (username === 'bob') return { code: 'usernameTaken' };
    this.#phase = { type: 'ready', username };
    this.#event({ type: 'phaseChanged', phase: this.#phase });
    return null;
  }

  #begin(username: string): CommandError | null {
    if (username === 'nobody') return { code: 'unknownRecipient' };
    this.#update({ id: idOf(username), username, unread: 0, unreadFrom: null, preview: '', previewStatus: null, activeAt: Date.now(), draft: '', identity: 'unverified', wasVerified: false, setAside: 0 });
    return null;
  }

  #send(conversation: string, text: string): CommandError | null {
    const length = new TextEncoder().encode(text).length;
    if (length > LIMIT) return { code: 'messageTooLong', limit: LIMIT, length };
    const position = this.#add(conversation, { mine: true, text, status: 'sending' });
    this.#travel(conversation, position);
    return null;
  }

  #travel(conversation: string, position: number): void {
    const steps: MessageStatus[] = ['sending', 'sent', 'delivered', 'read'];
    steps.forEach((status, step) => {
      setTimeout(() => {
        this.#event({ type: 'statusChanged', conversation, changes: [[position, status]] });
        const view = this.#all.get(conversation);
        if (view) this.#update({ ...view, previewStatus: status });
      }, STEP * step);
    });
    setTimeout(() => { this.#add(conversation, { mine: false, text: 'Understood.', status: null }); }, STEP * 6);
  }

  #add(conversation: string, one: Pick<MessageView, 'mine' | 'text' | 'status'>): number {
    const held = this.#messages.get(conversation) ?? [];
    const position = (held.at(-1)?.position ?? 0) + 1;
    const at = Date.now();
    const message = { ...one, position, at, sentAt: at, notice: null, times: 0 };
    this.#messages.set(conversation, [...held, message]);
    this.#event({ type: 'messagesChanged', conversation, messages: [message] });
    const view = this.#all.get(conversation);
    if (view) this.#update({ ...view, preview: one.text, previewStatus: one.status, activeAt: message.at, unread: view.unread + (one.mine ? 0 : 1), unreadFrom: view.unreadFrom ?? (one.mine ? null : position), draft: one.mine ? '' : view.draft });
    return position;
  }

  #change(command: Command): CommandError | null {
    const view = 'conversation' in command && this.#all.get(command.conversation);
    if (!view) return { code: 'unknownConversation' };
    if (command.type === 'saveDraft') this.#update({ ...view, draft: command.text });
    if (command.type === 'markRead') this.#update({ ...view, unread: 0, unreadFrom: null });
    if (command.type === 'markVerified') this.#update({ ...view, identity: command.verified ? 'verified' : 'unverified' });
    if (command.type === 'acceptIdentity') this.#update({ ...view, identity: 'unverified', wasVerified: false, setAside: 0 });
    return null;
  }

  #update(conversation: ConversationView): void {
    this.#all.set(conversation.id, conversation);
    this.#event({ type: 'conversationChanged', conversation });
  }
}
