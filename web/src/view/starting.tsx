/** Before there is anything to show: getting ready, or why that is not possible and what to do. */
import { useSignal } from '@preact/signals';
import type { Start } from '../model/engine';
import { startFailureText, words } from '../words';
import { Brand } from './brand';
import { useModel } from './context';
import { Logo } from './icons';
import { StartOver } from './startOver';

/** Each thing stands where it will stand in a moment: nothing jumps. */
export function Starting() {
  const { settings, route } = useModel();
  return settings.known ? <ListToCome open={route.conversation.value !== null} /> : <FormToCome />;
}

function Status() {
  return <p role="status" class="starting">{words.starting}</p>;
}

function ListToCome({ open }: { open: boolean }) {
  return (
    <div class={open ? 'app at-conversation' : 'app at-list'}>
      <header class="top online">
        <Logo turning />
        <span class="wordmark">{words.product}</span>
      </header>
      <div class="conversations" aria-hidden="true">
        {[0, 1, 2, 3, 4, 5].map((one) => <div key={one} class="item to-come"><span class="avatar" /><span class="bar" /><span class="bar" /></div>)}
      </div>
      <main class="empty"><Status /></main>
    </div>
  );
}

function FormToCome() {
  return (
    <main class="cover onboarding">
      <Brand />
      <section class="card">
        <h1>{words.welcome}</h1>
        <p class="muted">{words.welcomeText}</p>
        <div class="form-to-come"><Status /></div>
      </section>
    </main>
  );
}

type Failed = Extract<Start, { state: 'failed' }>;

export function StartFailed({ start }: { start: Failed }) {
  const { title, text } = startFailureText(start.code);
  const asks = useSignal(false);
  const isLost = start.code === 'storeOlder' || start.code === 'storeNewer' || start.code === 'storeDamaged';
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
