/**
 * One line of the log. An article holds the text and, for own messages, the status and nothing else:
 * times and days are drawn by CSS from attributes, so that they are in no live text.
 */
import { useSignal } from '@preact/signals';
import type { MessageStatus } from '../generated/types';
import { hrefOf } from '../model/route';
import { noticeText, statusWord, words } from '../words';
import { useModel } from './context';
import { cutAt } from './cut';
import type { Placed } from './groups';
import { Icon, StatusIcon } from './icons';
import { memo } from './memo';
import { RichText } from './richText';
import { clockTime, dayName, fullTime } from './time';

/** `conversation` is its id, `name` the other's. */
export type RowProps = Placed & { conversation: string; name: string; onRetry: (position: number) => void };

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

function Notice({ message, name }: RowProps) {
  return message.notice && <p class="notice"><Icon name="warning" /><span>{noticeText(message.notice, name, message.times)}</span></p>;
}

function Line(props: RowProps) {
  return cutAt(props.message.text, 0) < props.message.text.length ? <LongLine {...props} /> : <Whole {...props} />;
}

/** Drawn part by part. What is not drawn yet is there all the same, for whoever copies or searches. */
function LongLine(props: RowProps) {
  const presses = useSignal(0);
  const { text, position } = props.message;
  const end = cutAt(text, presses.value);
  return (
    <>
      <Whole {...props} end={end} />
      <p class={`more ${props.message.mine ? 'mine' : 'theirs'}`}>
        {end < text.length && (
          <button type="button" aria-expanded={presses.value > 0} aria-controls={`message-${position}`} onClick={() => { presses.value += 1; }}>
            {words.readMore}
          </button>
        )}
        {presses.value > 0 && (
          <button type="button" aria-expanded={true} aria-controls={`message-${position}`} onClick={() => { presses.value = 0; }}>
            {words.readLess}
          </button>
        )}
      </p>
    </>
  );
}

/** `end`: of what is drawn of the text, where that is not all of it. */
function Whole({ message, at, conversation, name, timed, onRetry, end = message.text.length }: RowProps & { end?: number }) {
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
          aria-posinset={message.position}
          aria-setsize={-1}
          aria-description={`${message.mine ? words.fromYou : words.from(name)}, ${time}`}
        >
          <p id={text} class="text" dir="auto">
            <RichText text={message.text.slice(0, end)} />
            {end < message.text.length && <span class="rest">{message.text.slice(end)}</span>}
          </p>
          {(timed || status) && (
            <div class="meta">
              {timed && <span class="time" data-label={clockTime(at)} title={time} aria-hidden="true" />}
              {status && <Status status={status} />}
            </div>
          )}
        </article>
      </div>
      {status === 'waiting' && <ReviewLink conversation={conversation} text={text} />}
      {status === 'notSent' && (
        <p class="retry">
          <button type="button" aria-describedby={text} onClick={() => { onRetry(message.position); }}>{words.tryAgain}</button>
        </p>
      )}
    </>
  );
}

/** What the message waits for. */
function ReviewLink({ conversation, text }: { conversation: string; text: string }) {
  const { dialog } = useModel();
  return (
    <p class="retry">
      <span aria-hidden="true">{statusWord.waiting}</span>
      <a
        href={hrefOf(conversation)}
        aria-describedby={text}
        onClick={(event) => {
          event.preventDefault();
          dialog.value = 'safetyNumber';
        }}
      >
        {words.review}
      </a>
    </p>
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
