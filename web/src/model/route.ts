/**
 * The address: `#/c/USERNAME` is that conversation, `#/i/CODE` brings an invite code for a new account,
 * anything else is the list.
 */
import { signal } from '@preact/signals';

const PREFIX = '#/c/';
const INVITE = '#/i/';

export class Route {
  readonly conversation = signal<string | null>(null);

  /** What a link brought; it stays when the address goes on. */
  readonly invite = signal('');

  /** Reads the part of the address after and with `#`. */
  read(hash: string): void {
    this.conversation.value = canonical(part(hash, PREFIX)) || null;
    this.invite.value = part(hash, INVITE).trim() || this.invite.value;
  }
}

export function hrefOf(username: string): string {
  return PREFIX + encodeURIComponent(username);
}

export const HOME = '#/';

/** What stands behind that beginning of the address, as a person may type it. */
function part(hash: string, prefix: string): string {
  if (!hash.startsWith(prefix)) return '';
  try {
    return decodeURIComponent(hash.slice(prefix.length));
  } catch {
    return '';
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
