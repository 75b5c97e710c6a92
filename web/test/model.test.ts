import { effect } from '@preact/signals';
import { beforeEach, expect, test, vi } from 'vitest';
import type { ConversationView, Phase } from '../src/generated/types';
import type { EngineListener } from '../src/model/engine';
import { Model } from '../src/model/model';
import { conversation, history, idOf, message, own, settled, TestEngine } from './support';

const BOB = idOf('bob');

let engine: TestEngine;
let model: Model;
let said: EngineListener;

beforeEach(() => {
  engine = new TestEngine();
  model = new Model();
  model.connect((listener) => {
    said = listener;
    return engine;
  });
});

const READY: Phase = { type: 'ready', username: 'alice' };

async function begin(...conversations: ConversationView[]): Promise<void> {
  said.state({ state: 'ready' });
  await engine.reply({ type: 'snapshot', snapshot: { phase: READY, connection: 'online', conversations } });
}

test('what a step shows is drawn once', async () => {
  await begin(conversation('bob'), conversation('carol'));
  let drawn = 0;
  const stop = effect(() => { drawn += model.conversations.unread.value + 1; });
  drawn = 0;
  said.events(['bob', 'carol'].map((username) => ({ type: 'conversationChanged', conversation: conversation(username, { unread: 1 }) })));
  stop();
  expect(drawn).toBe(3);
});

test('nothing is shown before the engine is ready and has said where this device stands', async () => {
  said.state({ state: 'starting' });
  expect([model.start.value.state, model.phase.value]).toEqual(['starting', null]);
  await begin();
  expect([model.start.value.state, model.phase.value, model.connection.value]).toEqual(['ready', READY, 'online']);
});

test('events before the first snapshot are in the snapshot; alerts are not', async () => {
  said.events([{ type: 'conversationChanged', conversation: conversation('old') }]);
  said.events([{ type: 'alert', alert: { code: 'deviceUnknown' } }]);
  await begin();
  expect(model.conversations.list.value).toEqual([]);
  expect(model.alerts.list.value).toHaveLength(1);
});

test('the conversation last active is first, and each is there once', async () => {
  await begin(conversation('bob', { activeAt: 1 }), conversation('carol', { activeAt: 2 }));
  said.events([{ type: 'conversationChanged', conversation: conversation('bob', { activeAt: 3, unread: 4 }) }]);
  expect(model.conversations.list.value.map((one) => one.username)).toEqual(['bob', 'carol']);
  expect(model.conversations.unread.value).toBe(4);
});

test('the address opens a conversation, also before it is there', async () => {
  model.route.read('#/c/Bob');
  await begin();
  expect(model.current.value).toBeUndefined();
  said.events([{ type: 'conversationChanged', conversation: conversation('bob') }]);
  expect(model.timeline.value?.conversation).toBe(BOB);
  expect(engine.queries.at(-1)?.asked).toMatchObject({ type: 'history', conversation: BOB, before: null });
});

test('a conversation is known by its id, and a name leads to it', async () => {
  await begin(conversation('bob'), conversation('carol'));
  for (const asked of [BOB, 'bob', '@Bob', 'bob ']) {
    model.route.read(`#/c/${asked}`);
    expect(model.current.value?.id, asked).toBe(BOB);
  }
  model.route.read(`#/c/${BOB.toLowerCase()}`);
  expect([model.route.conversation.value, model.current.value]).toEqual([BOB.toLowerCase(), undefined]);
  said.events([{ type: 'conversationChanged', conversation: conversation('robert', { id: BOB }) }]);
  expect(model.conversations.list.value.map((one) => one.username)).toEqual(['carol', 'robert']);
});

test('what is seen is marked as read once, and only with the page in view', async () => {
  await begin(conversation('bob', { unread: 1, unreadFrom: 4 }));
  model.route.read(`#/c/${BOB}`);
  await engine.reply(history([message(4), own(5, 'sent')]));
  landed(5);
  expect(engine.ofType('markRead')).toEqual([]);
  model.reading.attentive.value = true;
  model.timeline.value!.atEnd.value = false;
  model.timeline.value!.atEnd.value = true;
  expect(engine.ofType('markRead')).toEqual([{ type: 'markRead', conversation: BOB, through: 4 }]);
});

test('what is unread becomes read as it comes into view, not all at once', async () => {
  await begin(conversation('bob', { unread: 5, unreadFrom: 2 }));
  model.reading.attentive.value = true;
  model.route.read(`#/c/${BOB}`);
  await engine.reply(history([1, 2, 3, 4, 5, 6].map((position) => message(position))));
  model.timeline.value!.atEnd.value = false;
  model.timeline.value!.seen.value = 6; // Before the view has gone to the first unread one, this means nothing.
  expect(engine.ofType('markRead')).toEqual([]);
  landed(3);
  expect(engine.ofType('markRead')).toEqual([{ type: 'markRead', conversation: BOB, through: 3 }]);
  for (const seen of [4, 5, 6, 5]) model.timeline.value!.seen.value = seen;
  expect(engine.ofType('markRead')).toHaveLength(1);
  await engine.done();
  expect(engine.ofType('markRead').slice(1)).toEqual([{ type: 'markRead', conversation: BOB, through: 6 }]);
});

test('a line stands before the first message that came while nobody looked, and before none that was read as it came', async () => {
  await begin(conversation('bob'));
  model.route.read(`#/c/${BOB}`);
  await engine.reply(history([message(1)]));
  const come = (position: number) => {
    said.events([{ type: 'messagesChanged', conversation: BOB, messages: [message(position)] }]);
    said.events([{ type: 'conversationChanged', conversation: conversation('bob', { unread: 1, unreadFrom: position }) }]);
  };
  model.reading.attentive.value = true;
  come(2);
  said.events([{ type: 'conversationChanged', conversation: conversation('bob') }]);
  expect(model.timeline.value!.divider.value).toBeNull();
  model.reading.attentive.value = false;
  come(3);
  said.events([{ type: 'conversationChanged', conversation: conversation('bob', { unread: 1, unreadFrom: 4 }) }]);
  expect(model.timeline.value!.divider.value).toBe(3);
});

/** The view has gone to the first unread message, and shows everything up to here. */
function landed(seen: number): void {
  model.timeline.value!.seen.value = seen;
  model.timeline.value!.landing.value = false;
}

test('a message that comes while one looks on is marked as read, one in another conversation is not', async () => {
  await begin(conversation('bob'), conversation('carol'));
  model.route.read(`#/c/${BOB}`);
  model.reading.attentive.value = true;
  await engine.reply(history([]));
  landed(1);
  for (const username of ['carol', 'bob']) {
    said.events([{ type: 'messagesChanged', conversation: idOf(username), messages: [message(1)] }]);
    said.events([{ type: 'conversationChanged', conversation: conversation(username, { unread: 1 }) }]);
  }
  expect(engine.ofType('markRead')).toEqual([{ type: 'markRead', conversation: BOB, through: 1 }]);
});

test('leaving a conversation saves what was being written in it', async () => {
  await begin(conversation('bob'));
  model.route.read(`#/c/${BOB}`);
  model.drafts.of(model.current.value!).edit('half a');
  model.route.read('#/');
  expect(engine.ofType('saveDraft')).toEqual([{ type: 'saveDraft', conversation: BOB, text: 'half a' }]);
});

test('after another engine took over, everything is asked for again and what was typed stays', async () => {
  await begin(conversation('bob', { draft: 'old' }));
  model.route.read(`#/c/${BOB}`);
  await engine.reply(history([message(1)]));
  model.drafts.of(model.current.value!).edit('newer');
  said.state({ state: 'ready' });
  await engine.reply({ type: 'snapshot', snapshot: { phase: READY, connection: 'offline', conversations: [conversation('bob', { draft: 'old' })] } });
  expect(engine.queries.at(-1)?.asked).toMatchObject({ type: 'history', before: null });
  expect(model.drafts.of(model.current.value!).text.value).toBe('newer');
  expect(model.connection.value).toBe('offline');
});

test('a worker that cannot be made is a failed start, not an exception', () => {
  model.connect(() => { throw new Error('refused'); });
  expect(model.start.value).toMatchObject({ state: 'failed', code: 'wasmFailed' });
});

test('an account is asked for once at a time and its error is kept for the form', async () => {
  void model.account.create('bob', null);
  void model.account.create('bob', null);
  expect(engine.ofType('createAccount')).toHaveLength(1);
  await engine.done({ code: 'usernameTaken' });
  expect([model.account.busy.value, model.account.error.value]).toEqual([false, { code: 'usernameTaken' }]);
});

test('an account that an earlier visit asked for and the relay refused is told as such', async () => {
  said.state({ state: 'ready' });
  const snapshot = { phase: { type: 'registering', username: 'bob' }, connection: 'offline', conversations: [] } as const;
  await engine.reply({ type: 'snapshot', snapshot: { ...snapshot, conversations: [] } });
  said.events([{ type: 'phaseChanged', phase: { type: 'noAccount', registration: 'open' } }]);
  expect(model.account.refused.value).toBe(true);
  void model.account.create('robert', null);
  expect(model.account.refused.value).toBe(false);
});

test('the same alert is shown once, and no more than can be read', async () => {
  for (let round = 0; round < 2; round += 1) {
    for (let number = 0; number < 9; number += 1) model.alerts.alert({ code: 'mailboxFull', username: `user${number}` });
  }
  expect(model.alerts.list.value).toHaveLength(5);
  model.alerts.dismiss(model.alerts.list.value[0]!);
  expect(model.alerts.list.value).toHaveLength(4);
  await settled();
});

test('a person who does something is not left to wait for a connection; one who is online is not asked about it', async () => {
  await begin();
  model.nudge();
  expect(engine.hints).toEqual([]);
  said.events([{ type: 'connectionChanged', connection: 'offline' }]);
  model.nudge();
  model.tryNow();
  expect(engine.hints).toEqual(['nudged', 'tryNow']);
});

test('a name with the sign in front, as it is written elsewhere, is the name', async () => {
  await begin(conversation('bob'));
  void model.conversations.start(' @bob');
  void model.account.create('@carol', null);
  model.route.read('#/c/@Bob');
  expect(engine.commands.map((one) => one.asked)).toMatchObject([
    { type: 'startConversation', username: 'bob' },
    { type: 'createAccount', username: 'carol' },
  ]);
  expect(model.current.value?.username).toBe('bob');
});

test('a link brings an invite code, which stays when the address goes on', () => {
  model.route.read('#/i/ABCDE-12345');
  model.route.read('#/');
  expect([model.route.invite.value, model.route.conversation.value]).toEqual(['ABCDE-12345', null]);
  model.route.read('#/i/%');
  expect(model.route.invite.value).toBe('ABCDE-12345');
});

test('an account that was made on this visit is known as new, one that was there is not', async () => {
  await begin();
  expect(model.account.made.value).toBe(false);
  model = new Model();
  model.connect((listener) => {
    said = listener;
    return engine;
  });
  said.state({ state: 'ready' });
  await engine.reply({ type: 'snapshot', snapshot: { phase: { type: 'noAccount', registration: 'open' }, connection: 'offline', conversations: [] } });
  said.events([{ type: 'phaseChanged', phase: READY }]);
  expect(model.account.made.value).toBe(true);
});

test('starting over ends the worker first: nothing writes to what is deleted', async () => {
  await begin();
  const deleted = vi.fn((name: string) => {
    const request = { onsuccess: () => undefined };
    queueMicrotask(() => { request.onsuccess(); });
    expect([name, engine.stopped]).toEqual(['pawl', true]);
    return request;
  });
  vi.stubGlobal('indexedDB', { deleteDatabase: deleted });
  expect(await model.startOver()).toBe('erased');
  expect(await model.conversations.start('bob')).toEqual({ code: 'storeFailed' });
  vi.unstubAllGlobals();
});
