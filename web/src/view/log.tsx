/**
 * The messages. The scrolling box is a reversed column, so the end is its resting place: what is
 * loaded above moves nothing (see room.ts), and the newest message stays in view without any arithmetic.
 * Only what arrives below while the person reads further up has to be made up for.
 */
import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { MessageView } from '../generated/types';
import type { Timeline } from '../model/timeline';
import { words } from '../words';
import { useModel } from './context';
import { place } from './groups';
import { Icon } from './icons';
import { Row } from './message';
import { Room } from './room';

/** Pixels from the end that still count as the end. */
const NEAR_END = 48;
/** Screens above the one that is read for which messages are loaded. */
const AHEAD = 4;

export function Log({ timeline }: { timeline: Timeline }) {
  const box = useRef<HTMLDivElement>(null);
  const end = timeline.atEnd;
  const messages = timeline.messages.value;
  const look = () => {
    const log = box.current;
    if (!log) return;
    end.value = -log.scrollTop < NEAR_END;
    const above = log.getBoundingClientRect().top - (log.querySelector('.rows')?.getBoundingClientRect().top ?? 0);
    if (above < AHEAD * log.clientHeight) void timeline.loadOlder();
  };
  const toEnd = () => { box.current?.scrollTo({ top: 0 }); };
  useKeepPlace(box, messages, end.value);
  const scrolled = useRoom(box, timeline, messages);
  useLayoutEffect(look, [messages]);
  return (
    <div class="log-frame">
      <div
        ref={box}
        class="log"
        role="log"
        aria-label={words.messages}
        aria-relevant="additions"
        tabIndex={0}
        onScroll={() => {
          look();
          scrolled();
        }}
        onKeyDown={(event) => {
          // The browser's own way there stops half-way, as rows turn out higher than they were thought to be.
          if (event.key === 'End') toEnd();
        }}
      >
        <div class="room">
          <Beginning timeline={timeline} />
          <div class="rows"><Rows timeline={timeline} /></div>
        </div>
      </div>
      {!end.value && (
        <button type="button" class="to-end" aria-label={words.newest} onClick={toEnd}>
          <Icon name="down" />
        </button>
      )}
    </div>
  );
}

/** Keeps room for older messages; what this gives is to be told of scrolling. */
function useRoom(box: { current: HTMLDivElement | null }, timeline: Timeline, messages: readonly MessageView[]): () => void {
  const room = useSignal(new Room(timeline)).value;
  useLayoutEffect(() => {
    if (box.current?.firstElementChild instanceof HTMLElement) room.drawn(box.current.firstElementChild);
  }, [messages]);
  useLayoutEffect(() => () => { room.close(); }, []);
  return () => {
    if (box.current?.firstElementChild instanceof HTMLElement) room.scrolled(box.current.firstElementChild);
  };
}

/** Somebody who reads further up keeps their place when something comes in below. */
function useKeepPlace(box: { current: HTMLDivElement | null }, messages: readonly MessageView[], atEnd: boolean) {
  const before = useRef({ newest: -1, below: 0 });
  useLayoutEffect(() => {
    const log = box.current;
    const newest = messages.at(-1);
    if (!log || !newest) return;
    const { newest: last } = before.current;
    before.current.newest = newest.position;
    if (newest.mine && last !== -1 && newest.position > last) log.scrollTop = 0;
    else if (!atEnd && last !== -1 && newest.position > last) log.scrollTop -= heightAfter(log, last);
  }, [messages]);
}

/** The height of the rows after a position. */
function heightAfter(log: HTMLElement, position: number): number {
  const rows = log.querySelector('.rows');
  let height = 0;
  for (let row = rows?.lastElementChild; row instanceof HTMLElement; row = row.previousElementSibling) {
    if (Number(row.dataset.position) <= position) break;
    height += row.getBoundingClientRect().height;
  }
  return height;
}

function Beginning({ timeline }: { timeline: Timeline }) {
  switch (timeline.state.value) {
    case 'failed':
      return <p role="alert" class="error">{words.loadFailed}</p>;
    case 'loaded':
      return timeline.more.value ? (
        <>
          <p class="beginning">{words.loading}</p>
          <p class="print-only" aria-hidden="true">{words.notPrinted}</p>
        </>
      ) : <p class="beginning">{words.emptyLog(timeline.conversation)}</p>;
    default:
      return <p class="beginning">{words.loading}</p>;
  }
}

function Rows({ timeline }: { timeline: Timeline }) {
  const { timelines, alerts } = useModel();
  const messages = timeline.messages.value;
  const retry = useSignal((position: number) => {
    void timelines.retry(timeline.conversation, position).then((error) => { alerts.failed(error); });
  }).value;
  return (
    <>
      {place(messages, timeline.more.value).map((one) => (
        <Row key={one.message.position} {...one} conversation={timeline.conversation} onRetry={retry} />
      ))}
    </>
  );
}
