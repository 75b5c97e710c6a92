/**
 * Back closes a dialog before it leaves the page behind it: an open one has an entry of its own in the
 * browser's history.
 */
import { effect, type Signal } from '@preact/signals';

export type HistoryLike = Pick<History, 'state' | 'pushState' | 'replaceState' | 'back'>;

const isDialog = (state: unknown): boolean => typeof state === 'object' && state !== null && 'dialog' in state;

/** Gives what is to be called when the browser has gone to another entry. */
export function tieToBack(dialog: Signal<unknown>, history: HistoryLike): () => void {
  // What a page left behind that was loaded again: its dialog is not open any more.
  if (isDialog(history.state)) history.replaceState(null, '');
  let entered = false;
  effect(() => {
    const open = dialog.value !== null;
    if (open === entered) return;
    entered = open;
    if (open) history.pushState({ dialog: true }, '');
    // Where the dialog led to another address, that has taken the entry.
    else if (isDialog(history.state)) history.back();
  });
  return () => {
    if (!entered || isDialog(history.state)) return;
    entered = false;
    dialog.value = null;
  };
}
