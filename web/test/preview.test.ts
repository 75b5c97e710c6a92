import { expect, test } from 'vitest';
import { previewOf } from '../src/view/preview';
import { identityWord } from '../src/words';
import { conversation } from './support';

const hello = { preview: 'hello' } as const;

test('the newest message stands in the list; an own one says so, and how far it has come', () => {
  expect(previewOf(conversation('bob', hello), false)).toEqual({ author: 'other', text: 'hello', isTodo: false, status: null });
  const own = conversation('bob', { ...hello, previewStatus: 'delivered' });
  expect(previewOf(own, false)).toEqual({ author: 'own', text: 'hello', isTodo: false, status: 'delivered' });
});

test('what another wrote is theirs, whatever it says', () => {
  for (const preview of ['You: I agree', 'Draft: I', identityWord.changed]) {
    expect(previewOf(conversation('bob', { preview }), false)).toEqual({ author: 'other', text: preview, isTodo: false, status: null });
  }
});

test('what waits for the person stands there instead: a draft that is not on the screen, a changed identity', () => {
  const own = { ...hello, previewStatus: 'read' } as const;
  expect(previewOf(conversation('bob', { ...own, draft: 'I' }), false)).toEqual({ author: null, text: 'Draft: I', isTodo: true, status: null });
  expect(previewOf(conversation('bob', { ...own, draft: 'I' }), true)).toMatchObject({ author: 'own', text: 'hello' });
  const changed = conversation('bob', { ...own, draft: 'I', identity: 'changed' });
  expect(previewOf(changed, false)).toEqual({ author: null, text: identityWord.changed, isTodo: true, status: null });
});

test('a conversation without a message says nothing', () => {
  expect(previewOf(conversation('bob'), false)).toEqual({ author: null, text: '', isTodo: false, status: null });
});
