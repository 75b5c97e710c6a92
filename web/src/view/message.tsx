/**
 * One line of the log. An article holds the text and, for own messages, the status and nothing else:
 * times and days are drawn by CSS from attributes, so that they are in no live text.
 */
import type { MessageStatus } from '../generated/types';
import { noticeText, statusWord, words } from '../words';
import type { Placed } from './groups';
import { Icon, StatusIcon } from './icons';
import { memo } from './memo';
import { RichText } from './richText';
import { clockTime, dayName, fullTime } from './time';

export type RowProps = Placed & { conversation: string; onRetry: (position: number) => void };

export const Row = memo((props: RowProps) => {
  const { message, at, newDay, unread, first } = props;
  return (
    <div class={first ? 'row first' : 'row'} data-position={message.position}>
      {newDay && <div class="day" data-label={dayName(at)} aria-hidden="true" />}
      {unread && <div class="unread-line" role="separator" aria-label={words.newMessages} data-label={words.newMessages} />}
      {message.notice ? <Notice {...props} /> : <Line {...props} />}
    </div>
  );
});

function Notice({ message, conversation }: RowProps) {
  return message.notice && <p class="notice"><Icon name="warning" /><span>{noticeText(message.notice, conversation)}</span></p>;
}

function Line({ message, at, conversation, timed, onRetry }: RowProps) {
  const text = `message-${message.position}`;
  const status = message.mine ? message.status : null;
  const time = fullTime(at);
  return (
    <>
      <div class={message.mine ? 'line mine' : 'line theirs'}>
        <article
          class={status === 'notSent' ? 'bubble failed' : 'bubble'}
          dir="auto"
          aria-labelledby={text}
          aria-description={`${message.mine ? words.fromYou : words.from(conversation)}, ${time}`}
        >
          <p id={text} class="text" dir="auto"><RichText text={message.text} /></p>
          {(timed || status) && (
            <div class="meta">
              {timed && <span class="time" data-label={clockTime(at)} title={time} aria-hidden="true" />}
              {status && <Status status={status} />}
            </div>
          )}
        </article>
      </div>
      {status === 'notSent' && (
        <p class="retry">
          <button type="button" aria-describedby={text} onClick={() => { onRetry(message.position); }}>{words.tryAgain}</button>
        </p>
      )}
    </>
  );
}

/** A mark for the eye, a word for the ear. */
function Status({ status }: { status: MessageStatus }) {
  return (
    <p class={`status ${status}`} title={statusWord[status]}>
      <StatusIcon status={status} />
      <span class="status-text">{statusWord[status]}</span>
    </p>
  );
}
