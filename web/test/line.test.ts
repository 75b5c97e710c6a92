import { expect, test } from 'vitest';
import { h, isValidElement } from 'preact';
import type { ComponentChild, VNode } from 'preact';
import type { MessageView, NoticeCause } from '../src/generated/types';
import { Row } from '../src/view/message';
import { noticeText } from '../src/words';
import { idOf, message } from './support';

/** What stands on the page, without a browser: element names and texts, in order. */
function drawn(child: unknown): string[] {
  if (Array.isArray(child)) return child.flatMap(drawn);
  if (typeof child === 'string' || typeof child === 'number') return [String(child)];
  if (!isValidElement(child)) return [];
  const { type, props } = child as VNode<{ children?: unknown }>;
  if (typeof type === 'string') return [`<${type}>`, ...drawn(props.children)];
  const whole = type as unknown as { new (props: object): { render(props: object): ComponentChild }; (props: object): ComponentChild; prototype?: { render?: unknown } };
  return drawn(whole.prototype?.render ? new whole(props).render(props) : whole(props));
}

function row(one: MessageView): string[] {
  return drawn(h(Row, { message: one, at: one.at, conversation: idOf('bob'), name: 'bob', newDay: false, unread: false, first: true, timed: true, onRetry: () => undefined }));
}

test('what could not be opened is one plain line with its cause, and no message', () => {
  for (const cause of ['keysGone', 'unreadable', 'newerVersion', 'damaged', 'identityChanged', 'identityReturned'] satisfies NoticeCause[]) {
    const parts = row(message(3, { notice: cause, text: '' }));
    expect(parts.filter((part) => !part.startsWith('<')), cause).toEqual([noticeText(cause, 'bob')]);
    expect(parts, cause).not.toContain('<article>');
    expect(parts, cause).not.toContain('<button>');
  }
});

test('a notice that stands for several says for how many', () => {
  const parts = row(message(3, { notice: 'returned', text: '', times: 7 }));
  expect(parts.filter((part) => !part.startsWith('<'))).toEqual([noticeText('returned', 'bob', 7)]);
});

test('a text that was given up has a button to try it again', () => {
  const parts = row(message(3, { mine: true, text: 'hello', status: 'notSent' }));
  expect(parts).toContain('<button>');
  expect(parts).toContain('Not sent');
  expect(row(message(3, { mine: true, text: 'hello', status: 'sent' }))).not.toContain('<button>');
});
