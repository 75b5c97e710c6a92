/** A text as nodes: web addresses become links, everything else stays as it was written. */
import { tokens } from './tokens';

export function RichText({ text }: { text: string }) {
  return (
    <>
      {tokens(text).map((token, index) =>
        token.link ? <a key={index} href={token.text} target="_blank" rel="noopener noreferrer">{token.text}</a> : token.text,
      )}
    </>
  );
}
