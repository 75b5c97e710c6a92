/** No account on this device yet: choosing a name. */
import { useSignal } from '@preact/signals';
import type { CommandError, Phase } from '../generated/types';
import { commandErrorText, words } from '../words';
import { Brand } from './brand';
import { ConnectionStatus } from './connection';
import { useModel } from './context';
import { Field } from './field';

type Props = { phase: Exclude<Phase, { type: 'ready' }> };

export function Onboarding({ phase }: Props) {
  // Once the relay has said whom it takes, the engine hangs up until there is an account: "Offline" would be
  // true and mislead.
  const reached = phase.type === 'noAccount' && phase.registration !== null;
  return (
    <main class="cover onboarding">
      <Brand />
      <section class="card">
        {isClosed(phase) ? <Closed /> : (
          <>
            <h1>{words.welcome}</h1>
            <p class="muted">{words.welcomeText}</p>
            <AccountForm phase={phase} />
          </>
        )}
        {!reached && <ConnectionStatus />}
      </section>
    </main>
  );
}

function isClosed(phase: Props['phase']): boolean {
  return phase.type === 'noAccount' && phase.registration === 'closed';
}

/** No form that can only fail. */
function Closed() {
  return (
    <>
      <h1>{words.closed}</h1>
      <p role="alert">{words.registrationClosed}</p>
    </>
  );
}

/** The words for an error, by the field that it is about. */
function byField(error: CommandError | null, invite: string) {
  if (!error) return {};
  if (error.code.startsWith('username')) return { username: commandErrorText(error) };
  if (error.code === 'inviteNeeded') return { invite: invite.trim() === '' ? words.inviteMissing : words.inviteWrong };
  return { form: commandErrorText(error) };
}

function AccountForm({ phase }: Props) {
  const { account, settings, route } = useModel();
  const username = useSignal(phase.type === 'registering' ? phase.username : '');
  const invite = useSignal(route.invite.value);
  const registering = phase.type === 'registering';
  const registration = registering ? null : phase.registration;
  const busy = registering || account.busy.value;
  const error = account.error.value;
  const invited = registration === 'invite' || error?.code === 'inviteNeeded' || invite.value !== '';
  const wrong = byField(error, account.invite ?? '');
  const submit = (event: Event) => {
    event.preventDefault();
    if (busy) return;
    // The keys made now must stay; the gesture lets the page ask. Nobody waits for the answer.
    void settings.askForStorage();
    void account.create(username.value, invited ? invite.value.trim() : null);
  };
  return (
    <form class="form" onSubmit={submit} noValidate>
      <Field label={words.username} value={username} hint={words.usernameHint} error={wrong.username} readOnly={busy} autoFocus />
      {invited && <Field label={words.inviteCode} value={invite} hint={words.inviteHint} error={wrong.invite} readOnly={busy} />}
      {wrong.form && <p class="error" role="alert">{wrong.form}</p>}
      {account.refused.value && <p class="error" role="alert">{words.refused}</p>}
      {registering && <p class="muted">{words.registering(phase.username)}</p>}
      <button type="submit" class="primary" aria-disabled={busy} aria-busy={busy}>{words.createAccount}</button>
    </form>
  );
}
