/** The address: `#/c/USERNAME` is that conversation, anything else the list. */
import { signal } from '@preact/signals';

const PREFIX = '#/c/';

export class Route {
  readonly conversation = signal<string | null>(null);

  /** Reads the part of the address after and with `#`. */
  read(hash: string): void {
    this.conversation.value = parse(hash);
  }
}

export function hrefOf(username: string): string {
  return PREFIX + encodeURIComponent(username);
}

export const HOME = '#/';

/** As a person may type it into the address bar: usernames are lower case. */
function parse(hash: string): string | null {
  if (!hash.startsWith(PREFIX)) return null;
  try {
    return canonical(decodeURIComponent(hash.slice(PREFIX.length))) || null;
  } catch {
    return null;
  }
}

/** A username as it is often written elsewhere, without the sign in front. */
export function withoutAt(typed: string): string {
  return typed.replace(/^\s*@/u, '');
}

/** The name under which the engine keeps a conversation that was asked for as typed. */
export function canonical(typed: string): string {
  return withoutAt(typed).trim().toLowerCase();
}
