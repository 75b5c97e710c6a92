/** Which of the page's screens is shown. */
import { useSignal } from '@preact/signals';
import type { CommandError } from '../generated/types';
import { hrefOf, isId } from '../model/route';
import type { News } from '../model/news';
import { commandErrorText, moreMessages, noticeText, says, words } from '../words';
import { Alerts } from './alerts';
import { ConnectionStatus } from './connection';
import { useModel } from './context';
import { Conversation } from './conversation';
import { ConversationList } from './conversationList';
import { cutAt } from './cut';
import { Icon, Logo } from './icons';
import { NewConversation } from './newConversation';
import { Onboarding } from './onboarding';
import { SafetyNumber } from './safetyNumber';
import { Settings } from './settings';
import { StartFailed, Starting } from './starting';
import { StartOver } from './startOver';

export function App() {
  const { phase, start } = useModel();
  if (phase.value === null) return start.value.state === 'failed' ? <StartFailed start={start.value} /> : <Starting />;
  if (phase.value.type === 'ready') return <Messenger username={phase.value.username} />;
  return (
    <>
      <Alerts />
      <Onboarding phase={phase.value} />
    </>
  );
}

function Messenger({ username }: { username: string }) {
  const { route, current, conversations } = useModel();
  // Nobody has a conversation with themselves: their own name leads home.
  const asked = route.conversation.value === username ? null : route.conversation.value;
  const isNew = asked === null && conversations.list.value.length === 0;
  return (
    <div class={`app ${isNew ? 'at-start' : asked === null ? 'at-list' : 'at-conversation'}`}>
      <Alerts />
      <TopBar isNew={isNew} />
      <ConversationList />
      {current.value ? <Conversation key={current.value.id} conversation={current.value} /> : isNew ? <Begin username={username} /> : <Empty username={username} asked={asked} />}
      <Dialogs />
      <Announcement />
    </div>
  );
}

/** For whoever does not see the page: said once. */
function Announcement() {
  const said = useModel().news.said.value;
  return <p role="status" aria-label={words.newMessage} class="unseen">{said && <span key={said.id}>{newsText(said.news)}</span>}</p>;
}

/** As much of a message as is drawn at first. */
function newsText(news: News): string {
  switch (news.what) {
    case 'elsewhere':
      return words.newMessageFrom(news.names.join(', '));
    case 'here': {
      const { text, notice, times } = news.message;
      return notice ? noticeText(notice, news.name, times) : says(news.name, text.slice(0, cutAt(text, 0)));
    }
    case 'more':
      return moreMessages(news.count);
    case 'notSent':
      return words.notSentNews;
  }
}

/** What stands over the list. `isNew`: the page holds the button in full. */
function TopBar({ isNew }: { isNew: boolean }) {
  const { dialog, connection } = useModel();
  return (
    <header class={`top ${connection.value}`}>
      <Logo />
      <span class="wordmark">{words.product}</span>
      <ConnectionStatus />
      {!isNew && (
        <button
          type="button"
          class="icon-button new-conversation"
          aria-label={words.newConversation}
          title={words.newConversation}
          onClick={() => { dialog.value = 'newConversation'; }}
        >
          <Icon name="add" />
        </button>
      )}
      <button type="button" class="icon-button settings-button" aria-label={words.settings} onClick={() => { dialog.value = 'settings'; }}>
        <Icon name="settings" />
      </button>
    </header>
  );
}

/** For whoever has no conversation yet. */
function Begin({ username }: { username: string }) {
  const { dialog } = useModel();
  return (
    <main class="empty">
      <Logo />
      <h1>{words.hello(username)}</h1>
      <p class="muted">{words.begin}</p>
      <p class="empty-actions">
        <button type="button" class="primary new-conversation" onClick={() => { dialog.value = 'newConversation'; }}>
          <Icon name="add" />
          {words.newConversation}
        </button>
      </p>
      <p class="muted reachable">{words.reachable}<b class="own-name">{username}</b></p>
    </main>
  );
}

/** `asked`: the id or the name of a conversation that is not there. */
function Empty({ username, asked }: { username: string; asked: string | null }) {
  if (asked === null) return <Nothing title={words.hello(username)} text={words.helloText(username)} />;
  return isId(asked) ? <Nothing title={words.noSuchConversation} text={words.noSuchConversationText} back /> : <NotHere asked={asked} />;
}

function Nothing({ title, text, back = false }: { title: string; text: string; back?: boolean }) {
  return (
    <main class="empty">
      <Logo />
      <h1>{title}</h1>
      <p class="muted">{text}</p>
      {back && <p class="empty-actions"><a class="button" href="#/">{words.back}</a></p>}
    </main>
  );
}

/** Somebody whom one has not written to. */
function NotHere({ asked }: { asked: string }) {
  const { conversations } = useModel();
  const error = useSignal<CommandError | null>(null);
  const start = async (name: string) => { error.value = await conversations.start(name); };
  return (
    <main class="empty">
      <Logo />
      <h1>{words.notHere(asked)}</h1>
      <p class="muted">{words.notHereText}</p>
      {error.value && <p class="error" role="alert">{commandErrorText(error.value)}</p>}
      <p class="empty-actions">
        <a class="button" href="#/">{words.back}</a>
        <button type="button" class="primary" onClick={() => { void start(asked); }}>{words.start}</button>
      </p>
    </main>
  );
}

function Dialogs() {
  const { dialog, current, conversations, route } = useModel();
  const open = dialog.value;
  const asked = route.conversation.value ?? '';
  const close = () => { if (dialog.value === open) dialog.value = null; };
  switch (open) {
    case null:
      return null;
    case 'settings':
      return <Settings onClose={close} />;
    case 'safetyNumber':
      return current.value ? <SafetyNumber key={current.value.id} conversation={current.value} onClose={close} /> : null;
    case 'startOver':
      return <StartOver onClose={close} />;
    case 'newConversation':
      return (
        <NewConversation
          suggestion={current.value || isId(asked) ? '' : asked}
          onClose={close}
          onStarted={(username) => {
            // In the place of the dialog's entry in the history, and at once: WebKit replaces `location` only later.
            history.replaceState(null, '', hrefOf(conversations.asked(username)?.id ?? username));
            route.read(location.hash);
            close();
          }}
        />
      );
  }
}
