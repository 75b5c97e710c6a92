/** How much of a long text is drawn: one message must not take the page, however many lines it has. */

/** What is drawn at first. */
const FIRST = { characters: 800, lines: 12 };
/** What is drawn more at each press. */
const MORE = { characters: 10_000, lines: 200 };
/** A rest this short is not worth a press. */
const SHORT = { characters: 100, lines: 3 };
/** Characters before a cut in which a space is looked for: so words and addresses are rarely cut. */
const WORD = 100;

/** Where the text is cut after so many presses; its length where all of it is drawn. */
export function cutAt(text: string, presses: number): number {
  let press = 0;
  for (const at of cuts(text)) {
    if (press === presses) return at;
    press += 1;
  }
  return text.length;
}

/** Where the text is cut at first, after one press, and so on; its length last. */
export function* cuts(text: string): Generator<number> {
  for (let at = 0; at < text.length; yield at) at = end(text, at, at === 0 ? FIRST : MORE);
}

type Size = { characters: number; lines: number };

function end(text: string, from: number, size: Size): number {
  const lines = endOfLines(text, from, size.lines);
  const at = Math.min(lines, from + size.characters);
  const isShort = text.length - at <= SHORT.characters && endOfLines(text, at, SHORT.lines) === text.length;
  if (isShort) return text.length;
  return at === lines ? at : endOfWord(text, at);
}

/** The end of so many lines from there, without the last one's line end. */
function endOfLines(text: string, from: number, count: number): number {
  let at = from;
  for (let line = 0; line < count; line += 1) {
    const next = text.indexOf('\n', at);
    if (next === -1) return text.length;
    at = next + 1;
  }
  return at - 1;
}

function endOfWord(text: string, at: number): number {
  const space = text.slice(at - WORD, at).search(/\s\S*$/);
  const cut = space === -1 ? at : at - WORD + space;
  // Never between the halves of a character.
  return /[\ud800-\udbff]/.test(text[cut - 1] ?? '') ? cut - 1 : cut;
}
