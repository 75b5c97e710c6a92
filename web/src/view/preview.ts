/** What the list says of a conversation under its name. */
import type { ConversationView, MessageStatus } from '../generated/types';
import { identityWord, words } from '../words';

export type Preview = {
  /** Whose message it is; nobody's where it is none. */
  author: 'own' | 'other' | null;
  text: string;
  /** Something that waits for the person, and no message. */
  isTodo: boolean;
  /** How far it has come, where the newest message is an own one. */
  status: MessageStatus | null;
};

/** `current`: the conversation is open, so that its draft is on the screen already. */
export function previewOf({ identity, draft, preview, previewStatus }: ConversationView, current: boolean): Preview {
  if (identity === 'changed') return { author: null, text: identityWord.changed, isTodo: true, status: null };
  if (!current && draft) return { author: null, text: words.draft(draft), isTodo: true, status: null };
  const author = previewStatus ? 'own' : preview ? 'other' : null;
  return { author, text: preview, isTodo: false, status: previewStatus };
}
