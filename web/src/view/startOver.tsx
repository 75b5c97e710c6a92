/** The way out where nothing else helps: this browser forgets the account, and may make another. */
import { useSignal } from '@preact/signals';
import { startOverFailed, words } from '../words';
import { useModel } from './context';
import { Dialog } from './dialog';

export function StartOver({ onClose }: { onClose: () => void }) {
  const model = useModel();
  const busy = useSignal(false);
  const error = useSignal<'blocked' | 'failed' | null>(null);
  const name = model.phase.value?.type === 'ready' ? model.phase.value.username : null;
  const erase = async () => {
    if (busy.value) return;
    busy.value = true;
    const erased = await model.startOver();
    busy.value = false;
    if (erased !== 'erased') error.value = erased;
    else {
      history.replaceState(null, '', '#/');
      location.reload();
    }
  };
  return (
    <Dialog title={words.startOver} onClose={onClose}>
      <p>{words.startOverText(name)}</p>
      <p>{words.startOverNoWayBack}</p>
      {error.value && <p class="error" role="alert">{startOverFailed[error.value]}</p>}
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>{words.cancel}</button>
        <button type="button" class="primary" aria-disabled={busy.value} aria-busy={busy.value} onClick={() => { void erase(); }}>
          {words.startOver}
        </button>
      </div>
    </Dialog>
  );
}
