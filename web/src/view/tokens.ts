/** Finds web addresses in a text. Joined again, the tokens are the text, to the letter. */

export type Token = { text: string; link: boolean };

const ADDRESS = /\bhttps?:\/\/[^\s<>"']+/g;
/** Ends a sentence rather than an address. */
const TAIL = /[.,;:!?)\]}]+$/;

export function tokens(text: string): Token[] {
  const found: Token[] = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = match[0].replace(TAIL, '');
    if (!isWebAddress(address)) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index), link: false });
    found.push({ text: address, link: true });
    end = match.index + address.length;
  }
  if (end < text.length) found.push({ text: text.slice(end), link: false });
  return found;
}

/** Nobody is led elsewhere than it says: no user part, and ASCII only, so no look-alike letters. */
function isWebAddress(text: string): boolean {
  if (!/^[\x21-\x7e]+$/.test(text) || !URL.canParse(text)) return false;
  const url = new URL(text);
  return url.username === '' && url.password === '' && url.hostname !== '';
}
