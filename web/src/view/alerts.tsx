/** What the person must know, above everything else until dismissed. */
import type { Notification } from '../model/alerts';
import { alertText, commandErrorText, words } from '../words';
import { useModel } from './context';
import { Icon } from './icons';
import { StoppedBanner } from './starting';

/** Answered by loading the newer page. */
function reloads(notification: Notification): boolean {
  if (notification.source === 'page') return false;
  const code = notification.source === 'engine' ? notification.alert.code : notification.error.code;
  return code === 'versionMismatch' || code === 'storeFailed';
}

export function Alerts() {
  const { alerts, start } = useModel();
  const stopped = start.value.state === 'failed' ? start.value : null;
  if (!stopped && alerts.list.value.length === 0) return null;
  return (
    <div class="alerts">
      {stopped && <StoppedBanner start={stopped} />}
      {alerts.list.value.map((one) => <Banner key={JSON.stringify(one)} notification={one} />)}
    </div>
  );
}

/** Nothing that is written here will be sent any more. */
function isLost(notification: Notification): boolean {
  return notification.source === 'engine' && notification.alert.code === 'deviceUnknown';
}

function textOf(notification: Notification): string {
  switch (notification.source) {
    case 'engine':
      return alertText(notification.alert);
    case 'command':
      return commandErrorText(notification.error);
    case 'page':
      return words[notification.note];
  }
}

function Banner({ notification }: { notification: Notification }) {
  const { alerts, dialog } = useModel();
  const text = textOf(notification);
  return (
    <div class="banner warning">
      <Icon name="warning" />
      <p role="alert">{text}</p>
      {isLost(notification) && (
        <button type="button" class="button" onClick={() => { dialog.value = 'startOver'; }}>{words.startOver}</button>
      )}
      {reloads(notification) && (
        <button type="button" class="primary" onClick={() => { location.reload(); }}>{words.reload}</button>
      )}
      <button type="button" class="icon-button" aria-label={words.dismiss} onClick={() => { alerts.dismiss(notification); }}>
        <Icon name="close" />
      </button>
    </div>
  );
}
