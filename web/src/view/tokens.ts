/** Finds addresses in a text. Joined again, the tokens are the text, to the letter. */

/** `href` is nothing where the text is no address. */
export type Token = { text: string; href: string | null };

/** White space, quotation marks and the stops of Chinese and Japanese stand in no address. */
const INSIDE = '[^\\s<>"“”„«»‹›。，、；：！？（）「」『』【】《》〈〉〔〕｡､｢｣．]+';
const ADDRESS = new RegExp(
  `(?<![a-z0-9_])https?://${INSIDE}|(?<![a-z0-9_.@/:+-])(?:www\\.|mailto:)${INSIDE}`,
  'giu',
);
/** Ends a sentence rather than an address. */
const STOPS = '.,;:!?\'’…';
const CLOSERS = ')]}';
const OPENERS = '([{';

export function tokens(text: string): Token[] {
  const found: Token[] = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const quoted = text[match.index - 1] === "'";
    const address = withoutTail(quoted ? (match[0].split("'", 1)[0] ?? '') : match[0]);
    const href = hrefOf(address);
    if (href === null) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index), href: null });
    found.push({ text: address, href });
    end = match.index + address.length;
  }
  if (end < text.length) found.push({ text: text.slice(end), href: null });
  return found;
}

/** A closing bracket belongs to the address where its partner does. */
function withoutTail(address: string): string {
  const surplus = Array.from(CLOSERS, (closer, kind) => count(address, closer) - count(address, OPENERS[kind] ?? ''));
  let end = address.length;
  for (; end > 0; end -= 1) {
    const last = address[end - 1] ?? '';
    const kind = CLOSERS.indexOf(last);
    if (kind === -1 ? !STOPS.includes(last) : (surplus[kind] ?? 0) <= 0) break;
    if (kind !== -1) surplus[kind] = (surplus[kind] ?? 0) - 1;
  }
  return address.slice(0, end);
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}

/** Nobody is led elsewhere than it says. */
function hrefOf(text: string): string | null {
  // Characters that nobody sees, or that turn the direction of reading, could hide where it leads.
  if (/[\p{C}\p{Z}]/u.test(text)) return null;
  if (/^mailto:/i.test(text)) return /^mailto:[\w.!#$%&'*+/=?^`{|}~-]+@[a-z0-9.-]+$/i.test(text) ? text : null;
  const href = /^www\./i.test(text) ? `https://${text}` : text;
  if (href !== text && !/^www\.[a-z0-9-]+\.[a-z]/i.test(text)) return null;
  return URL.canParse(href) && namesHost(href) ? href : null;
}

/** No user part, and a host as the browser reads it: so no letters that only look like others. */
function namesHost(href: string): boolean {
  const typed = /^https?:\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d*)?(?:[/?#]|$)/i.exec(href)?.[1];
  const { hostname } = new URL(href);
  return typed !== undefined && (typed.startsWith('[') || hostname === typed.toLowerCase());
}
