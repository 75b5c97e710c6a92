/** A text as nodes: addresses become links, everything else stays as it was written. */
import { tokens } from './tokens';

export function RichText({ text }: { text: string }) {
  return (
    <>
      {tokens(text).map(({ text: part, href }, index) =>
        href === null
          ? part
          // Of its own direction: in a text that is read from right to left the host still comes first.
          : <a key={index} href={href} dir="ltr" target="_blank" rel="noopener noreferrer">{part}</a>,
      )}
    </>
  );
}
