/** The safety number with one person, to be compared on both devices. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ConversationView, SafetyNumberView } from '../generated/types';
import type { Comparison } from '../model/comparison';
import { commandErrorText, identityWord, noticeText, scanFailureText, words } from '../words';
import { useModel } from './context';
import { Dialog } from './dialog';
import { Icon } from './icons';
import { QrCode } from './qrCode';
import { Viewfinder } from './scan';

type Props = { conversation: ConversationView; onClose: () => void };

export function SafetyNumber({ conversation, onClose }: Props) {
  const { conversations } = useModel();
  const { id, username, identity, wasVerified } = conversation;
  const comparison = useSignal(conversations.compare(id)).value;
  // Whatever is new about somebody may be their identity.
  useEffect(() => { void comparison.look(); }, [conversation]);
  return (
    <Dialog title={identity === 'changed' ? words.reviewOf(username) : words.safetyNumber} wide onClose={onClose}>
      {identity === 'changed' && <p class="error">{words.changedDialog(username, wasVerified)}</p>}
      {comparison.changed.value && <p class="error" role="alert">{words.changedMeanwhile(username)}</p>}
      {comparison.scan.on.value
        ? <Viewfinder username={username} comparison={comparison} />
        : <Shown conversation={conversation} comparison={comparison} onClose={onClose} />}
    </Dialog>
  );
}

/** The number, and what one can do about it: never while the camera's picture stands in its place. */
function Shown({ conversation, comparison, onClose }: Props & { comparison: Comparison }) {
  const { username, identity } = conversation;
  const number = comparison.number.value;
  return (
    <>
      {number && <Digits number={number} />}
      <p class="muted">{words.safetyNumberText(username)}</p>
      <button type="button" class="button scan-button" disabled={comparison.unseen.value} onClick={() => { comparison.scanAnew(); }}>
        <Icon name="scan" />
        {words.scan}
      </button>
      <Findings username={username} comparison={comparison} />
      {identity !== 'changed' && <p class="identity">{identityWord[identity]}</p>}
      {number && identity === 'changed' && <FromNewKey number={number} username={username} />}
      {number && identity !== 'verified' && <TheyMatch comparison={comparison} />}
      {number && <Actions number={number} identity={identity} comparison={comparison} onClose={onClose} />}
    </>
  );
}

/** What came of a press or a scan. */
function Findings({ username, comparison }: { username: string; comparison: Comparison }) {
  const error = comparison.error.value;
  const failure = comparison.scan.failure.value;
  const scanned = comparison.scanned.value;
  return (
    <>
      {error && <p class="error" role="alert">{commandErrorText(error)}</p>}
      {failure && <p class="error" role="alert">{scanFailureText[failure]}</p>}
      {scanned === 'other' && <p class="error" role="alert">{words.scannedOther(username)}</p>}
      {scanned === 'same' && <p class="good" role="status">{words.scannedSame(username)}</p>}
    </>
  );
}

function Digits({ number }: { number: SafetyNumberView }) {
  return (
    <div class="safety-number">
      <QrCode key={number.qr.join()} bytes={number.qr} />
      <p class="digits">
        {number.groups.map((group, index) => <span key={index}>{group} </span>)}
      </p>
    </div>
  );
}

/** What the account of this very number has written: shown as what it is. */
function FromNewKey({ number, username }: { number: SafetyNumberView; username: string }) {
  return (
    <section class="from-new-key">
      <h3 id="from-new-key">{words.fromNewKey}</h3>
      <p class="muted">{number.messages.length > 0 ? words.fromNewKeyText(username) : words.noneFromNewKey}</p>
      <ul role="list" aria-labelledby="from-new-key">
        {number.messages.map((one) => (
          <li key={one.position} dir="auto">{one.notice ? noticeText(one.notice, username) : one.text}</li>
        ))}
      </ul>
    </section>
  );
}

function TheyMatch({ comparison }: { comparison: Comparison }) {
  const { matches, unseen } = comparison;
  return (
    <label class="they-match">
      <input
        type="checkbox"
        checked={matches.value}
        disabled={unseen.value}
        onChange={(event) => { matches.value = event.currentTarget.checked; }}
      />
      {words.theyMatch}
    </label>
  );
}

type ActionProps = Pick<ConversationView, 'identity'> & Pick<Props, 'onClose'> & { number: SafetyNumberView; comparison: Comparison };

/** They decide on the number that was drawn with them, whatever has come since. */
function Actions({ number, identity, comparison, onClose }: ActionProps) {
  const verify = (verified: boolean) => { void comparison.verify(number, verified); };
  const disabled = comparison.unseen.value;
  return (
    <div class="dialog-actions">
      {identity === 'changed' && (
        <>
          <button type="button" class="button" onClick={onClose}>{words.notNow}</button>
          <button
            type="button"
            class="button"
            disabled={disabled}
            onClick={() => { void comparison.accept(number).then((done) => { if (done) onClose(); }); }}
          >
            {words.accept}
          </button>
        </>
      )}
      {identity === 'verified' ? (
        <button type="button" class="button" disabled={disabled} onClick={() => { verify(false); }}>{words.removeVerified}</button>
      ) : (
        <button
          type="button"
          class="primary"
          disabled={disabled || !comparison.matches.value}
          onClick={() => { verify(true); }}
        >
          {words.markVerified}
        </button>
      )}
    </div>
  );
}
