/** One conversation: its head, its messages, and where one writes. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { ConversationView } from '../generated/types';
import { HOME } from '../model/route';
import { words } from '../words';
import { Avatar } from './avatar';
import { Composer } from './composer';
import { useModel } from './context';
import { Icon } from './icons';
import { Log } from './log';

export function Conversation({ conversation }: { conversation: ConversationView }) {
  const { timeline } = useModel();
  return (
    <main class="conversation">
      <Head conversation={conversation} />
      {conversation.identity === 'changed' && <Changed conversation={conversation} />}
      {timeline.value?.conversation === conversation.id && <Log timeline={timeline.value} name={conversation.username} />}
      <Composer conversation={conversation} />
    </main>
  );
}

function Head({ conversation }: { conversation: ConversationView }) {
  const { dialog } = useModel();
  const { username, identity } = conversation;
  const heading = useRef<HTMLHeadingElement>(null);
  // With a keyboard one writes at once; on a phone that would cover half of the messages.
  useLayoutEffect(() => {
    if (matchMedia('(pointer: coarse)').matches) heading.current?.focus();
  }, []);
  return (
    <header class="head">
      <a class="icon-button back" href={HOME} aria-label={words.back}><Icon name="back" /></a>
      <Avatar name={username} />
      <h1 ref={heading} tabIndex={-1}>{username}</h1>
      {identity === 'changed' && <span class="changed-state">{words.changedState}</span>}
      <button
        type="button"
        class={`safety-button ${identity}`}
        aria-label={words.safetyNumber}
        aria-description={identity === 'verified' ? words.verified : undefined}
        onClick={() => { dialog.value = 'safetyNumber'; }}
      >
        <Icon name={identity === 'verified' ? 'verified' : 'shield'} />
        <span>{words.safetyNumber}</span>
      </button>
    </header>
  );
}

function Changed({ conversation }: { conversation: ConversationView }) {
  const { dialog } = useModel();
  const { username, wasVerified, setAside } = conversation;
  // Its button goes with it, and whoever had the focus there goes on writing.
  useLayoutEffect(() => () => {
    setTimeout(() => {
      if (document.activeElement === document.body) document.querySelector<HTMLElement>('.composer textarea')?.focus();
    });
  }, []);
  return (
    <div class="banner warning">
      <Icon name="warning" />
      <div role="alert" class="banner-content">
        <p>{words.changed(username, wasVerified, setAside)}</p>
        <button type="button" class="primary" onClick={() => { dialog.value = 'safetyNumber'; }}>{words.review}</button>
      </div>
    </div>
  );
}
