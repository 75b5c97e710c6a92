import { expect, test } from 'vitest';
import { hrefOf, Route } from '../src/model/route';
import { dayName, sameDay, shortTime } from '../src/view/time';
import { tokens } from '../src/view/tokens';

const links = (text: string) => tokens(text).filter((one) => one.href !== null).map((one) => one.text);

test('web addresses are found without the sentence around them', () => {
  expect(links('see https://example.org/a?b=c#d, or (http://localhost:8080/x).')).toEqual(['https://example.org/a?b=c#d', 'http://localhost:8080/x']);
});

test('nothing else becomes a link: other schemes, hidden users, look-alike letters', () => {
  const texts = ['javascript:alert(1)', 'data:text/html,x', 'https://bank.example@evil.example/', 'https://pаypal.example/', 'https://', '<img src=x>'];
  for (const text of texts) expect(links(text), text).toEqual([]);
});

test('an address ends where a reader sees its end', () => {
  const wiki = 'https://example.org/wiki/Paw_(animal)';
  const table: [string, string[]][] = [
    [wiki, [wiki]],
    [`(see ${wiki})`, [wiki]],
    [`(see ${wiki}).`, [wiki]],
    ['[read](https://example.org/a)', ['https://example.org/a']],
    ['https://example.org/?a[]=1&b[]', ['https://example.org/?a[]=1&b[]']],
    ['https://example.org/?a[]=1&b[].', ['https://example.org/?a[]=1&b[]']],
    ['https://example.org/{id}, then', ['https://example.org/{id}']],
    ['見る https://example.org/a。次', ['https://example.org/a']],
    ['看https://example.org/，然后（https://example.org/b）', ['https://example.org/', 'https://example.org/b']],
    ['HTTPS://Example.org/A', ['HTTPS://Example.org/A']],
    ['https://de.example.org/wiki/Zürich', ['https://de.example.org/wiki/Zürich']],
    ['https://example.org/Paul_Erdős?q=é#ü.', ['https://example.org/Paul_Erdős?q=é#ü']],
    ["https://example.org/Murphy's_law", ["https://example.org/Murphy's_law"]],
    ["'https://example.org/a','b'", ['https://example.org/a']],
    ['“https://example.org/a”', ['https://example.org/a']],
    ['https://social.example.org/@bob', ['https://social.example.org/@bob']],
    ['http://[::1]:8080/x', ['http://[::1]:8080/x']],
    ['www.example.org, not www. or www.example', ['www.example.org']],
    ['write to mailto:bob@example.org.', ['mailto:bob@example.org']],
  ];
  for (const [text, expected] of table) expect(links(text), text).toEqual(expected);
});

test('a link leads where it says', () => {
  const hrefs = (text: string) => tokens(text).flatMap((one) => one.href ?? []);
  expect(hrefs('www.example.org/a')).toEqual(['https://www.example.org/a']);
  expect(hrefs('https://example.org/Zürich')).toEqual(['https://example.org/Zürich']);
  const hiding = [
    'https://bank.example\\@evil.example/', 'https://bank.example%2f@evil.example/', 'https://ex\u00ad.example/',
    'https://example.org/\u202egpj.exe', 'https://example.org/\u200b',
    'https://bank.example／@evil.example', 'https://2130706433/', 'mailto:', 'mailto:a@b.example?bcc=c@d.example',
    'x@www.example.org', 'example.org',
  ];
  for (const text of hiding) expect(links(text), text).toEqual([]);
});

test('a long tail is cut in one pass', () => {
  const tail = ')'.repeat(65_000);
  expect(links(`https://example.org/a${tail}`)).toEqual(['https://example.org/a']);
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
  const id = 'AAAQEAYEAUDAOCAJBIFQYDIOB4';
  expect(read(hrefOf(id))).toBe(id);
  for (const name of [id.toLowerCase(), id.slice(1), `${id}A`, `${id.slice(1)}1`]) expect(read(hrefOf(name))).toBe(name.toLowerCase());
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
