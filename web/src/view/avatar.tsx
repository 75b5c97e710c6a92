/** A coloured tooth-edged disc with the first letter, put in by CSS so that no text stands beside the name. */

const COLOURS = 6;

export function Avatar({ name }: { name: string }) {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 997;
  return <span class={`avatar colour-${sum % COLOURS}`} data-initial={name.slice(0, 1).toUpperCase()} aria-hidden="true" />;
}
