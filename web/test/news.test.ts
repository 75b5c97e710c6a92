import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { MessageView, NoticeCause } from '../src/generated/types';
import type { EngineListener } from '../src/model/engine';
import { Model } from '../src/model/model';
import { MAX_READ, STANDS, type News } from '../src/model/news';
import { conversation, history, idOf, message, own, TestEngine } from './support';

let engine: TestEngine;
let model: Model;
let said: EngineListener;

/** Alice looks at her conversation with Bob, in which two messages stand. */
beforeEach(async () => {
  vi.useFakeTimers();
  engine = new TestEngine();
  model = new Model();
  model.connect((listener) => {
    said = listener;
    return engine;
  });
  said.state({ state: 'ready' });
  const conversations = [conversation('bob'), conversation('carol', { unread: 1 })];
  await engine.reply({ type: 'snapshot', snapshot: { phase: { type: 'ready', username: 'alice' }, connection: 'online', conversations } });
  model.route.read(`#/c/${idOf('bob')}`);
  model.reading.attentive.value = true;
  await engine.reply(history([message(7), own(8, 'sent')], true));
});

afterEach(() => { vi.useRealTimers(); });

const now = (username: string, unread: number) => {
  said.events([{ type: 'conversationChanged', conversation: conversation(username, { unread }) }]);
};

const came = (...messages: MessageView[]) => { said.events([{ type: 'messagesChanged', conversation: idOf('bob'), messages }]); };

const news = (): News | undefined => model.news.said.value?.news;

const here = (one: MessageView): News => ({ what: 'here', name: 'bob', message: one });

test('that a message came elsewhere is said once, by whom, and not where one looks', () => {
  now('bob', 1);
  now('carol', 1);
  expect(news()).toBeUndefined();
  now('carol', 2);
  now('carol', 3);
  now('dave', 1);
  expect(news()).toEqual({ what: 'elsewhere', names: ['carol', 'dave'] });
  vi.advanceTimersByTime(STANDS);
  expect(news()).toBeUndefined();
  model.reading.attentive.value = false;
  now('bob', 2);
  came(message(9));
  expect(news()).toEqual({ what: 'elsewhere', names: ['bob'] });
});

test('opening a conversation and loading what is older say nothing; what comes is read once', async () => {
  expect(news()).toBeUndefined();
  void model.timeline.value?.loadOlder();
  await engine.reply(history([message(3), message(4)]));
  expect(news()).toBeUndefined();
  came(message(9));
  expect(news()).toEqual(here(message(9)));
  vi.advanceTimersByTime(STANDS);
  came(message(9), own(8, 'read'), own(10, 'sending'));
  came(message(4, { text: 'shown again' }));
  expect(news()).toBeUndefined();
});

test('a notice that stands in the newest line now is read, once', () => {
  const notice = (cause: NoticeCause, times: number) => message(9, { notice: cause, text: '', times });
  came(notice('identityChanged', 0));
  expect(news()).toEqual(here(notice('identityChanged', 0)));
  came(notice('returned', 4));
  expect(news()).toEqual(here(notice('returned', 4)));
  vi.advanceTimersByTime(STANDS);
  came(notice('returned', 4));
  expect(news()).toBeUndefined();
});

test('the same words twice are two pieces of news', () => {
  came(message(9, { text: 'ok' }));
  const first = model.news.said.value?.id;
  came(message(10, { text: 'ok' }));
  expect(model.news.said.value?.id).not.toBe(first);
});

test('of many at once the first are read, then the number of the others is said', () => {
  const many = Array.from({ length: MAX_READ + 40 }, (_, index) => message(9 + index));
  came(...many.slice(0, 20));
  came(...many.slice(20));
  expect(news()).toEqual(here(message(8 + MAX_READ)));
  vi.advanceTimersByTime(STANDS);
  expect(news()).toEqual({ what: 'more', count: 40 });
  vi.advanceTimersByTime(STANDS);
  expect(news()).toBeUndefined();
});

test('steady chatter does not put the number off for ever', () => {
  for (let second = 0; second < 20; second += 1) {
    came(message(9 + second));
    vi.advanceTimersByTime(1000);
  }
  const last = news();
  expect(last?.what === 'more' || (last?.what === 'here' && last.message.position > 20)).toBe(true);
});

test('that an own message was not sent is said, and nothing of its other steps', () => {
  const step = (status: 'sent' | 'notSent') => { said.events([{ type: 'statusChanged', conversation: idOf('bob'), changes: [[8, status]] }]); };
  step('sent');
  expect(news()).toBeUndefined();
  step('notSent');
  expect(news()).toEqual({ what: 'notSent' });
});
