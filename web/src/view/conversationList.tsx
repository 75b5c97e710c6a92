/** The conversations, the one last active first. */
import type { ConversationView } from '../generated/types';
import { hrefOf } from '../model/route';
import { unread, words } from '../words';
import { Avatar } from './avatar';
import { useModel } from './context';
import { Icon } from './icons';
import { memo } from './memo';
import { shortTime } from './time';

export function ConversationList() {
  const { conversations, route, dialog } = useModel();
  const open = route.conversation.value;
  return (
    <nav class="conversations" aria-label={words.conversations}>
      <button type="button" class="primary new-conversation" onClick={() => { dialog.value = 'newConversation'; }}>
        <Icon name="add" />
        {words.newConversation}
      </button>
      <ul role="list">
        {conversations.list.value.map((one) => (
          <Item key={one.username} conversation={one} current={one.username === open} />
        ))}
      </ul>
      {conversations.list.value.length === 0 && <p class="muted nobody">{words.noConversations}</p>}
    </nav>
  );
}

type ItemProps = { conversation: ConversationView; current: boolean };

const Item = memo(({ conversation, current }: ItemProps) => {
  const { username, preview, draft, activeAt, identity } = conversation;
  const news = conversation.unread > 0 ? unread(conversation.unread) : null;
  const text = `preview-${username}`;
  return (
    <li class={news ? 'item unread' : 'item'} data-current={current}>
      <Avatar name={username} />
      <a class="item-name" href={hrefOf(username)} aria-describedby={text} aria-current={current ? 'page' : undefined}>
        {username}
        {news && <span class="unseen">{` (${news})`}</span>}
      </a>
      <span class="item-mark">
        {identity === 'verified' && <Icon name="verified" />}
        {identity === 'changed' && <Icon name="warning" />}
      </span>
      {news && <span class="badge" data-label={conversation.unread} aria-hidden="true" />}
      <span class="item-preview" id={text}>{!current && draft ? <em>{words.draft(draft)}</em> : preview}</span>
      <span class="item-time" data-label={shortTime(activeAt)} aria-hidden="true" />
    </li>
  );
});
