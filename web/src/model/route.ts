/**
 * The address: `#/c/ID` is that conversation, `#/c/USERNAME` leads to the one with that person, `#/i/CODE`
 * brings an invite code for a new account, anything else is the list.
 */
import { signal } from '@preact/signals';

const PREFIX = '#/c/';
const INVITE = '#/i/';

/** `ConversationId` in crates/client. Usernames are lower case, so none is one. */
const ID = /^[A-Z2-7]{26}$/;

export class Route {
  /** The conversation that is asked for: its id, or the other's username. */
  readonly conversation = signal<string | null>(null);

  /** What a link brought; it stays when the address goes on. */
  readonly invite = signal('');

  /** Reads the part of the address after and with `#`. */
  read(hash: string): void {
    const asked = part(hash, PREFIX).trim();
    this.conversation.value = (isId(asked) ? asked : canonical(asked)) || null;
    this.invite.value = part(hash, INVITE).trim() || this.invite.value;
  }
}

/** Where a conversation is: by its id, or for the time being by the other's username. */
export function hrefOf(conversation: string): string {
  return PREFIX + encodeURIComponent(conversation);
}

export function isId(asked: string): boolean {
  return ID.test(asked);
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
