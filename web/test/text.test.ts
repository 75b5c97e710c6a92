import { expect, test } from 'vitest';
import { hrefOf, Route } from '../src/model/route';
import { dayName, sameDay, shortTime } from '../src/view/time';
import { tokens } from '../src/view/tokens';

const links = (text: string) => tokens(text).filter((one) => one.link).map((one) => one.text);

test('web addresses are found without the sentence around them', () => {
  expect(links('see https://example.org/a?b=c#d, or (http://localhost:8080/x).')).toEqual(['https://example.org/a?b=c#d', 'http://localhost:8080/x']);
});

test('nothing else becomes a link: other schemes, hidden users, look-alike letters', () => {
  const texts = ['javascript:alert(1)', 'data:text/html,x', 'https://bank.example@evil.example/', 'https://pаypal.example/', 'https://', '<img src=x>'];
  for (const text of texts) expect(links(text), text).toEqual([]);
});

test('joined again, the tokens are the text to the letter', () => {
  for (const text of ['', 'a\n\n b', 'https://a.example', 'x https://a.example. https://b.example/(c)) y', '<b>&amp;</b>']) {
    expect(tokens(text).map((one) => one.text).join('')).toBe(text);
  }
});

test('an address names a conversation, however it was written', () => {
  const route = new Route();
  const read = (hash: string) => {
    route.read(hash);
    return route.conversation.value;
  };
  expect(read(hrefOf('bob.the-1st_'))).toBe('bob.the-1st_');
  expect(read('#/c/%42ob')).toBe('bob');
  for (const hash of ['', '#', '#/', '#/c/', '#/c/%', '#/x/bob']) expect(read(hash), hash).toBeNull();
});

const at = (text: string) => new Date(text).getTime();

test('days are told from local midnight on', () => {
  const now = at('2026-11-23T00:10:00');
  expect(dayName(at('2026-11-23T00:01:00'), now)).toBe('Today');
  expect(dayName(at('2026-11-22T23:59:00'), now)).toBe('Yesterday');
  expect(dayName(at('2026-11-16T12:00:00'), now)).toBe('Monday 16 November');
  expect(sameDay(at('2026-11-22T23:59:00'), now)).toBe(false);
  expect(shortTime(at('2026-11-20T12:00:00'), now)).toBe('Fri');
  expect(shortTime(at('2026-11-02T12:00:00'), now)).toBe('2 Nov');
});
