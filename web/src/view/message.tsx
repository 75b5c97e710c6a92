/**
 * One line of the log. An article holds the text and, for own messages, the status and nothing else:
 * times and days are drawn by CSS from attributes, so that they are in no live text.
 */
import type { MessageStatus, MessageView } from '../generated/types';
import { noticeText, statusWord, words } from '../words';
import { Icon, StatusIcon } from './icons';
import { memo } from './memo';
import { RichText } from './richText';
import { clockTime, dayName, fullTime } from './time';

export type RowProps = {
  message: MessageView;
  /** The time that it shows. */
  at: number;
  conversation: string;
  newDay: boolean;
  /** Of a group by one writer. */
  first: boolean;
  /** The newest own message: its status is shown as a word. */
  last: boolean;
  onRetry: (position: number) => void;
};

export const Row = memo((props: RowProps) => {
  const { message, at, newDay, first } = props;
  return (
    <div class={first ? 'row first' : 'row'} data-position={message.position}>
      {newDay && <div class="day" data-label={dayName(at)} aria-hidden="true" />}
      {message.notice ? <Notice {...props} /> : <Line {...props} />}
    </div>
  );
});

function Notice({ message, conversation }: RowProps) {
  return message.notice && <p class="notice"><Icon name="warning" /><span>{noticeText(message.notice, conversation)}</span></p>;
}

function Line({ message, at, conversation, last, onRetry }: RowProps) {
  const text = `message-${message.position}`;
  const status = message.mine ? message.status : null;
  const inWords = last || status === 'notSent';
  return (
    <>
      <div class={`line ${message.mine ? 'mine' : 'theirs'}${status && inWords ? ' in-words' : ''}`}>
        <article
          aria-labelledby={text}
          aria-description={`${message.mine ? words.fromYou : words.from(conversation)}, ${fullTime(at)}`}
        >
          <p id={text} class={status === 'notSent' ? 'bubble failed' : 'bubble'} dir="auto"><RichText text={message.text} /></p>
          {status && <Status status={status} inWords={inWords} />}
        </article>
        <span class="time" data-label={clockTime(at)} title={fullTime(at)} aria-hidden="true" />
      </div>
      {status === 'notSent' && (
        <p class="retry">
          <button type="button" aria-describedby={text} onClick={() => { onRetry(message.position); }}>{words.tryAgain}</button>
        </p>
      )}
    </>
  );
}

function Status({ status, inWords }: { status: MessageStatus; inWords: boolean }) {
  return (
    <p class={`status ${status}${inWords ? '' : ' quiet'}`} title={inWords ? undefined : statusWord[status]}>
      <StatusIcon status={status} />
      <span class="status-text">{statusWord[status]}</span>
    </p>
  );
}
