/** The safety number with one person, to be compared on both devices. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { CommandError, ConversationView, SafetyNumberView } from '../generated/types';
import { commandErrorText, identityWord, words } from '../words';
import { useModel } from './context';
import { Dialog } from './dialog';
import { QrCode } from './qrCode';

type Props = { conversation: ConversationView; onClose: () => void };

export function SafetyNumber({ conversation, onClose }: Props) {
  const { conversations } = useModel();
  const { username, identity } = conversation;
  const number = useSignal<SafetyNumberView | null>(null);
  const error = useSignal<CommandError | null>(null);
  const reload = async () => {
    const reply = await conversations.safetyNumber(username);
    if (reply.type === 'safetyNumber') number.value = reply.safetyNumber;
    else if (reply.type === 'failed') error.value = reply.error;
  };
  useEffect(() => { void reload(); }, [username, identity]);
  return (
    <Dialog title={words.safetyNumber} wide onClose={onClose}>
      {identity === 'changed' && <p class="error">{words.changedDialog(username)}</p>}
      {number.value && <Digits number={number.value} />}
      <p class="muted">{words.safetyNumberText(username)}</p>
      {error.value && <p class="error" role="alert">{commandErrorText(error.value)}</p>}
      {identity !== 'changed' && <p class="identity">{identityWord[identity]}</p>}
      <Actions conversation={conversation} onError={(failed) => { error.value = failed; }} />
    </Dialog>
  );
}

function Digits({ number }: { number: SafetyNumberView }) {
  return (
    <div class="safety-number">
      <QrCode bytes={number.qr} />
      <p class="digits">
        {number.groups.map((group, index) => <span key={index}>{group} </span>)}
      </p>
    </div>
  );
}

type ActionProps = { conversation: ConversationView; onError: (error: CommandError | null) => void };

function Actions({ conversation, onError }: ActionProps) {
  const { conversations } = useModel();
  const { username, identity } = conversation;
  const verify = async (verified: boolean) => {
    const refused = identity === 'changed' ? await conversations.acceptIdentity(username) : null;
    onError(refused ?? (await conversations.markVerified(username, verified)));
  };
  const accept = async () => { onError(await conversations.acceptIdentity(username)); };
  return (
    <div class="dialog-actions">
      {identity === 'changed' && (
        <button type="button" class="button" onClick={() => { void accept(); }}>{words.accept}</button>
      )}
      {identity === 'verified' ? (
        <button type="button" class="button" onClick={() => { void verify(false); }}>{words.removeVerified}</button>
      ) : (
        <button type="button" class="primary" onClick={() => { void verify(true); }}>{words.markVerified}</button>
      )}
    </div>
  );
}
