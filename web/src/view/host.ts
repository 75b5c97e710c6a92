/** Ties the model to the window: address, attention, title, theme, and saving when the page goes away. */
import { effect } from '@preact/signals';
import type { Model } from '../model/model';
import { hrefOf } from '../model/route';
import { words } from '../words';
import { tieToBack } from './backButton';
import { keepToday } from './clock';
import { refuseFiles } from './files';

export function attach(model: Model): void {
  const readAddress = () => { model.route.read(location.hash); };
  const look = () => {
    model.reading.attentive.value = document.visibilityState === 'visible' && document.hasFocus();
    keepToday();
  };
  readAddress();
  look();
  addEventListener('hashchange', readAddress);
  effect(() => { leadToId(model); });
  addEventListener('popstate', tieToBack(model.dialog, history));
  addEventListener('focus', look);
  for (const sign of ['focus', 'keydown', 'pointerdown']) addEventListener(sign, () => { model.nudge(); });
  addEventListener('blur', look);
  document.addEventListener('visibilitychange', () => {
    look();
    if (document.visibilityState === 'hidden') model.drafts.flush();
  });
  refuseFiles(document, () => { model.alerts.note('noFiles'); });
  addEventListener('pagehide', () => { model.drafts.settle(); });
  effect(() => { document.title = title(model); });
  effect(() => { document.documentElement.dataset.theme = model.settings.theme.value; });
}

/** To a conversation's own address where a username led there. Nobody goes back to a name, so it leaves no entry. */
function leadToId({ current, route }: Model): void {
  const id = current.value?.id;
  if (id === undefined || route.conversation.value === id) return;
  history.replaceState(history.state, '', hrefOf(id));
  route.read(location.hash);
}

function title(model: Model): string {
  const count = model.conversations.unread.value;
  const name = model.current.value?.username;
  const page = name ? `${name} – ${words.product}` : words.product;
  return count > 0 ? `(${count}) ${page}` : page;
}
