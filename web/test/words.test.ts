import { expect, test } from 'vitest';
import type { AlertCode, CommandError, NoticeCause } from '../src/generated/types';
import type { StartFailure } from '../src/model/engine';
import {
  alertText, commandErrorText, connectionWord, identityWord, noticeText, scanFailureText, startFailureText, statusWord, storageWord, themeWord,
  unread, words,
} from '../src/words';

/** One of each: the type makes a missing code an error. */
const commandErrors: { [Code in CommandError['code']]: Extract<CommandError, { code: Code }> } = {
  usernameEmpty: { code: 'usernameEmpty' },
  usernameTooLong: { code: 'usernameTooLong', limit: 32 },
  usernameControlCharacter: { code: 'usernameControlCharacter' },
  usernameCharacter: { code: 'usernameCharacter', character: 'а', lookAlike: true },
  usernameStart: { code: 'usernameStart' },
  usernameTaken: { code: 'usernameTaken' },
  inviteNeeded: { code: 'inviteNeeded' },
  registrationClosed: { code: 'registrationClosed' },
  workTooMuch: { code: 'workTooMuch' },
  workTooSlow: { code: 'workTooSlow' },
  accountExists: { code: 'accountExists' },
  noAccount: { code: 'noAccount' },
  unknownRecipient: { code: 'unknownRecipient' },
  ownUsername: { code: 'ownUsername' },
  unknownConversation: { code: 'unknownConversation' },
  unknownMessage: { code: 'unknownMessage' },
  messageEmpty: { code: 'messageEmpty' },
  messageTooLong: { code: 'messageTooLong', limit: 65_536, length: 66_770 },
  conversationsFull: { code: 'conversationsFull', limit: 6000 },
  outboxFull: { code: 'outboxFull' },
  offline: { code: 'offline' },
  rateLimited: { code: 'rateLimited', retryAfterMs: 1500 },
  relayUnavailable: { code: 'relayUnavailable' },
  keysRefused: { code: 'keysRefused' },
  safetyNumberDiffers: { code: 'safetyNumberDiffers' },
  notASafetyNumber: { code: 'notASafetyNumber' },
  safetyNumberVersion: { code: 'safetyNumberVersion' },
  versionMismatch: { code: 'versionMismatch' },
  storeFailed: { code: 'storeFailed' },
};

const alerts: { [Code in AlertCode['code']]: Extract<AlertCode, { code: Code }> } = {
  keysRefused: { code: 'keysRefused', username: 'eve' },
  devicesRefused: { code: 'devicesRefused', username: 'eve' },
  impostorRefused: { code: 'impostorRefused', username: 'eve' },
  strangersRefused: { code: 'strangersRefused' },
  strangersWait: { code: 'strangersWait' },
  handshakeRefused: { code: 'handshakeRefused', username: 'eve' },
  mailboxFull: { code: 'mailboxFull', username: 'eve' },
  prekeysLost: { code: 'prekeysLost' },
  mailMisnumbered: { code: 'mailMisnumbered' },
  deviceUnknown: { code: 'deviceUnknown' },
  versionMismatch: { code: 'versionMismatch' },
  replaced: { code: 'replaced' },
  storeFull: { code: 'storeFull' },
  recordCorrupted: { code: 'recordCorrupted', username: 'eve' },
};

const notices: Record<NoticeCause, true> = { identityChanged: true, keysGone: true, unreadable: true, newerVersion: true, damaged: true, identityReturned: true, returned: true, returnedAndDropped: true, othersDropped: true, sentAgain: true };

const failures: Record<StartFailure, true> = {
  insecureContext: true, noWorker: true, noIndexedDb: true, noLocks: true, noWebCrypto: true, storeDamaged: true,
  storeOlder: true, storeNewer: true, storeFailed: true, storeFull: true, wasmFailed: true, updatedElsewhere: true,
};

/** A sentence, with no code of ours and no hole in it. */
function expectPlain(text: string, code: string): void {
  expect(text, code).toMatch(/^[“A-Za-z][^]{15,}[.]$/u);
  expect(text, code).not.toMatch(/undefined|null|NaN|\[object/);
  if (/[A-Z]/.test(code)) expect(text).not.toContain(code);
}

test('every error of a command has a plain sentence', () => {
  for (const error of Object.values(commandErrors)) expectPlain(commandErrorText(error), error.code);
});

test('every alert has a plain sentence, and names the person', () => {
  for (const alert of Object.values(alerts)) {
    expectPlain(alertText(alert), alert.code);
    if ('username' in alert) expect(alertText(alert)).toContain('eve');
  }
  expectPlain(alertText({ code: 'recordCorrupted', username: null }), 'recordCorrupted');
  expectPlain(alertText({ code: 'handshakeRefused', username: null }), 'handshakeRefused');
});

test('every notice and every failed start has words', () => {
  for (const cause of Object.keys(notices) as NoticeCause[]) expectPlain(noticeText(cause, 'bob'), cause);
  for (const cause of ['identityChanged', 'returned', 'returnedAndDropped'] satisfies NoticeCause[]) {
    const text = noticeText(cause, 'bob', 1000);
    expectPlain(text, cause);
    expect(text).toBe(`${noticeText(cause, 'bob')} The name has changed hands 1,000 times in a row.`);
  }
  for (const code of Object.keys(failures) as StartFailure[]) {
    const { title, text } = startFailureText(code);
    expect(title.length).toBeGreaterThan(8);
    expectPlain(text, code);
  }
});

/** Everything that a person can read, with a name where one belongs. */
function everySentence(): string[] {
  return [
    ...Object.values(words).map((word) => (typeof word === 'function' ? word('bob') : word)),
    ...[connectionWord, identityWord, scanFailureText, statusWord, storageWord, themeWord].flatMap((table) => Object.values<string>(table)),
    ...Object.values(commandErrors).map(commandErrorText),
    ...Object.values(alerts).map(alertText),
    words.changed('bob', true, 1),
    words.changed('bob', true, 2),
    words.changedDialog('bob', true),
    alertText({ code: 'handshakeRefused', username: null }),
    ...(Object.keys(notices) as NoticeCause[]).map((cause) => noticeText(cause, 'bob')),
    noticeText('returned', 'bob', 4),
    ...(Object.keys(failures) as StartFailure[]).flatMap((code) => Object.values(startFailureText(code))),
  ];
}

test('the page speaks as people do', () => {
  const all = everySentence();
  expect(all.length).toBeGreaterThan(150);
  const stiff = /\b(relay|operator|anew|somebody|nobody|look whether|any more|stays like this|cannot|(?:does|do|did|is|are|was|were|could) not)\b|\w'\w/i;
  expect(all.filter((text) => stiff.test(text))).toEqual([]);
});

test('a message that is too long is told by how much, in figures that one keeps in mind', () => {
  const tooLong = (excess: number) => commandErrorText({ code: 'messageTooLong', limit: 65_536, length: 65_536 + excess });
  expect(tooLong(16_464)).toContain('by about 16,500 characters,');
  expect(tooLong(1_000)).toContain('by about 1,000 characters,');
  expect(tooLong(77)).toContain('by 77 characters,');
  expect(tooLong(1)).toContain('by 1 character,');
});

test('a wrong character of a username is told as what it is', () => {
  const wrong = (character: string, lookAlike: boolean) => commandErrorText({ code: 'usernameCharacter', character, lookAlike });
  expect(wrong('\u0430', true)).toContain('“\u0430” is a Cyrillic letter');
  expect(wrong('\u03bf', true)).toContain('is a Greek letter');
  expect(wrong('\uff41', true)).toContain('“\uff41” only looks like a plain “a”');
  expect(wrong('Ä', true)).toBe('Usernames can’t contain “Ä”. Use a–z, digits, . _ or -.');
  expect(wrong(' ', false)).toContain('can’t contain a space.');
  expect(wrong('\u200b', true)).toContain('the invisible character U+200B');
});

test('waiting times and counts read as people say them', () => {
  const wait = (retryAfterMs: number) => commandErrorText({ code: 'rateLimited', retryAfterMs });
  expect(wait(0)).toContain('in a second.');
  expect(wait(1500)).toContain('in 2 seconds.');
  expect(wait(600_000)).toContain('in 10 minutes.');
  expect([unread(1), unread(2)]).toEqual(['1 unread message', '2 unread messages']);
});
