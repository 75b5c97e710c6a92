/** The conversations, the one last active first. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { ConversationView } from '../generated/types';
import { hrefOf } from '../model/route';
import { statusWord, unread, words } from '../words';
import { Avatar } from './avatar';
import { useModel } from './context';
import { Icon, StatusIcon } from './icons';
import { memo } from './memo';
import { previewOf, type Preview } from './preview';
import { shortTime } from './time';

export function ConversationList() {
  const { conversations, current, route } = useModel();
  const open = current.value?.id ?? route.conversation.value;
  const list = useRef<HTMLElement>(null);
  useFocus(list, open);
  return (
    <nav ref={list} class="conversations" aria-label={words.conversations}>
      <ul role="list">
        {conversations.list.value.map((one) => (
          <Item key={one.id} conversation={one} current={one.id === open} />
        ))}
      </ul>
      {conversations.list.value.length === 0 && <p class="muted nobody">{words.noConversations}</p>}
    </nav>
  );
}

/** Whoever comes back from a conversation is where they were; whoever is new begins with "New conversation". */
function useFocus(list: { current: HTMLElement | null }, open: string | null) {
  const { account } = useModel();
  const before = useRef<string | null>(null);
  useLayoutEffect(() => {
    const last = before.current;
    before.current = open;
    const isLost = document.activeElement === null || document.activeElement === document.body;
    if (open !== null || !isLost || (last === null && !account.made.value)) return;
    const item = last === null ? null : list.current?.querySelector<HTMLElement>(`a[href="${CSS.escape(hrefOf(last))}"]`);
    (item ?? document.querySelector<HTMLElement>('.new-conversation'))?.focus();
    account.made.value = false;
  }, [open]);
}

type ItemProps = { conversation: ConversationView; current: boolean };

const Item = memo(({ conversation, current }: ItemProps) => {
  const { id, username, activeAt, identity } = conversation;
  const news = conversation.unread > 0 ? unread(conversation.unread) : null;
  const text = `preview-${id}`;
  return (
    <li class={news ? 'item unread' : 'item'} data-current={current}>
      <Avatar name={username} />
      <a class="item-name" href={hrefOf(id)} aria-describedby={text} aria-current={current ? 'page' : undefined}>
        {username}
        {news && <span class="unseen">{` (${news})`}</span>}
      </a>
      <span class="item-mark">
        {identity === 'verified' && <Icon name="verified" />}
        {identity === 'changed' && <Icon name="warning" />}
      </span>
      {news && <span class="badge" data-label={conversation.unread} aria-hidden="true" />}
      <PreviewLine id={text} name={username} preview={previewOf(conversation, current)} />
      <span class="item-time" data-label={shortTime(activeAt)} aria-hidden="true" />
    </li>
  );
});

/**
 * A mark for the eye, a word for the ear, as at the message itself. Whose text it is stands in an element of
 * its own, so that no text can say it.
 */
function PreviewLine({ id, name, preview: { author, text, isTodo, status } }: { id: string; name: string; preview: Preview }) {
  return (
    <span class={status ? `item-preview ${status}` : 'item-preview'} id={id} title={status ? statusWord[status] : undefined}>
      {status && <StatusIcon status={status} />}
      {author === 'own' && <b>{words.you}</b>}
      {author === 'other' && <span class="unseen">{words.writes(name)}</span>}
      {isTodo ? <em>{text}</em> : text}
      {status && <span class="unseen">{`, ${statusWord[status]}`}</span>}
    </span>
  );
}
