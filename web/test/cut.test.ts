import { expect, test } from 'vitest';
import { cutAt, cuts } from '../src/view/cut';

/** The parts that are drawn, press by press. */
function parts(text: string): string[] {
  let at = 0;
  return [...cuts(text)].map((end) => {
    const part = text.slice(at, end);
    expect(part).not.toBe('');
    at = end;
    return part;
  });
}

test('after so many presses the text is cut where that press cuts it', () => {
  const text = 'some words '.repeat(6000);
  const ends = [...cuts(text)];
  expect(ends.length).toBeGreaterThan(5);
  expect(ends.map((_, presses) => cutAt(text, presses))).toEqual(ends);
  expect([cutAt(text, 1_000), cutAt('', 0), cutAt('', 5)]).toEqual([text.length, 0, 0]);
});

test('an ordinary text is drawn whole', () => {
  for (const text of ['hello', 'a\nb\nc', 'word '.repeat(160), 'line\n'.repeat(11)]) expect(parts(text)).toEqual([text]);
});

test('a rest of a few words is drawn, too', () => {
  expect(parts('word '.repeat(178))).toHaveLength(1);
  expect(parts(Array(14).fill('line').join('\n'))).toHaveLength(1);
  expect(parts('word '.repeat(190))).toHaveLength(2);
});

test('a text is cut between words, never inside a character, and nothing of it is lost', () => {
  for (const text of ['some words '.repeat(6000), 'x'.repeat(65_536), '👍'.repeat(5_000), 'a\n'.repeat(32_000), ` ${'y'.repeat(1_000)}`]) {
    const found = parts(text);
    expect(found.join('')).toBe(text);
    for (const part of found) expect(() => encodeURIComponent(part)).not.toThrow();
  }
  expect(parts('some words '.repeat(200))[0]).toMatch(/words$|some$/);
});

test('sixty thousand lines are drawn a dozen at first, and some hundred at a press', () => {
  const lines = parts(`a${'\n'.repeat(65_500)}z`).map((part) => part.split('\n').length);
  expect(lines[0]).toBeLessThanOrEqual(12);
  expect(Math.max(...lines)).toBeLessThanOrEqual(205);
});
