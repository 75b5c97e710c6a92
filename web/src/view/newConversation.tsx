/** Finds a person by username. What was typed stays when it does not work. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { CommandError } from '../generated/types';
import { canonical } from '../model/route';
import { commandErrorText, words } from '../words';
import { useModel } from './context';
import { Dialog } from './dialog';
import { Field } from './field';

type Props = { suggestion: string; onClose: () => void; onStarted: (username: string) => void };

export function NewConversation({ suggestion, onClose, onStarted }: Props) {
  const { conversations } = useModel();
  const username = useSignal(suggestion);
  const error = useSignal<CommandError | null>(null);
  const busy = useSignal(false);
  const there = useRef(true);
  useEffect(() => () => { there.current = false; }, []);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    busy.value = true;
    error.value = null;
    error.value = await conversations.start(username.value);
    busy.value = false;
    // Who closed the dialog meanwhile is elsewhere, and may be writing there.
    if (!error.value && there.current) onStarted(canonical(username.value));
  };
  return (
    <Dialog title={words.newConversation} onClose={onClose}>
      <form class="form" onSubmit={(event) => { void submit(event); }} noValidate>
        <p class="muted">{words.newConversationText}</p>
        <Field
          label={words.username}
          value={username}
          error={error.value ? commandErrorText(error.value) : undefined}
          autoFocus
        />
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>{words.cancel}</button>
          <button type="submit" class="primary" aria-disabled={busy.value} aria-busy={busy.value}>{words.start}</button>
        </div>
      </form>
    </Dialog>
  );
}
