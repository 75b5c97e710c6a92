/** Before there is anything to show: getting ready, or why that is not possible and what to do. */
import { useSignal } from '@preact/signals';
import type { Start } from '../model/engine';
import { startFailureText, words } from '../words';
import { Logo } from './icons';
import { StartOver } from './startOver';

export function Starting() {
  return (
    <main class="cover">
      <Logo turning />
      <h1>{words.product}</h1>
      <p role="status" class="starting">{words.starting}</p>
    </main>
  );
}

type Failed = Extract<Start, { state: 'failed' }>;

export function StartFailed({ start }: { start: Failed }) {
  const { title, text } = startFailureText(start.code);
  const asks = useSignal(false);
  const isLost = start.code === 'storeNewer' || start.code === 'storeDamaged';
  return (
    <main class="cover">
      <Logo />
      <h1>{title}</h1>
      <p role="alert" class="cover-text">{text}</p>
      <p class="empty-actions">
        {isLost && <button type="button" class="button" onClick={() => { asks.value = true; }}>{words.startOver}</button>}
        <button type="button" class="primary" onClick={() => { location.reload(); }}>{words.reload}</button>
      </p>
      {asks.value && <StartOver onClose={() => { asks.value = false; }} />}
      <Details detail={start.detail} />
    </main>
  );
}

/** The same while conversations are on the screen: they stay readable, and what was typed can be copied. */
export function StoppedBanner({ start }: { start: Failed }) {
  const { title, text } = startFailureText(start.code);
  return (
    <div class="banner danger">
      <p role="alert"><strong>{title}.</strong> {text}</p>
      <button type="button" class="primary" onClick={() => { location.reload(); }}>{words.reload}</button>
    </div>
  );
}

function Details({ detail }: { detail: string }) {
  if (!detail) return null;
  return (
    <details class="details">
      <summary>{words.details}</summary>
      <code>{detail}</code>
    </details>
  );
}
