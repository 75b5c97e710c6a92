/**
 * The messages. The scrolling box is a reversed column, so the end is its resting place: what is
 * loaded above moves nothing (see room.ts), and the newest message stays in view without any arithmetic.
 * Only what arrives below while the person reads further up has to be made up for.
 */
import { batch, useSignal } from '@preact/signals';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import type { MessageView } from '../generated/types';
import type { Timeline } from '../model/timeline';
import { unread as unreadWord, words } from '../words';
import { useModel } from './context';
import { place } from './groups';
import { Icon } from './icons';
import { Row } from './message';
import { Room } from './room';

/** Pixels from the end that still count as the end. */
const NEAR_END = 48;
/** Screens above the one that is read for which messages are loaded. */
const AHEAD = 4;
/** Pixels of a line that must be in view for it to be seen. */
const LINE = 30;
/** Frames in which the place of the first unread line is corrected. */
const LANDING_FRAMES = 3;
const NONE: readonly MessageView[] = [];

/** What is drawn: nothing before all is there from the first unread one. */
function drawnOf(timeline: Timeline): readonly MessageView[] {
  return timeline.reaching.value ? NONE : timeline.messages.value;
}

/** `name`: the other's. */
export function Log({ timeline, name }: { timeline: Timeline; name: string }) {
  const box = useRef<HTMLDivElement>(null);
  const end = timeline.atEnd;
  const messages = drawnOf(timeline);
  const look = () => {
    const log = box.current;
    if (!log) return;
    batch(() => {
      end.value = -log.scrollTop < NEAR_END && !timeline.newer.value;
      timeline.seen.value = lastInView(log);
    });
    const above = log.getBoundingClientRect().top - (log.querySelector('.rows')?.getBoundingClientRect().top ?? 0);
    if (timeline.reaching.value) return;
    if (above < AHEAD * log.clientHeight) void timeline.loadOlder();
    if (-log.scrollTop < AHEAD * log.clientHeight) void timeline.loadNewer();
  };
  const toEnd = () => {
    if (timeline.newer.value) void timeline.loadLatest();
    else box.current?.scrollTo({ top: 0 });
  };
  useKeepPlace(box, timeline, messages);
  const scrolled = useRoom(box, timeline, messages);
  useLanding(box, timeline, look);
  useLayoutEffect(look, [messages]);
  return (
    <div class="log-frame">
      <div
        ref={box}
        class="log"
        role="log"
        aria-label={words.messages}
        aria-live="off"
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
          <Beginning timeline={timeline} name={name} />
          <div class="rows"><Rows timeline={timeline} name={name} /></div>
        </div>
      </div>
      {!end.value && <ToEnd onClick={toEnd} />}
    </div>
  );
}

/** With the number of messages that wait further down. */
function ToEnd({ onClick }: { onClick: () => void }) {
  const unread = useModel().current.value?.unread ?? 0;
  const description = useId();
  return (
    <button type="button" class="to-end" aria-label={words.newest} aria-describedby={unread > 0 ? description : undefined} onClick={onClick}>
      <Icon name="down" />
      {unread > 0 && <span class="badge" data-label={unread} aria-hidden="true" />}
      {unread > 0 && <span class="unseen" id={description}>{unreadWord(unread)}</span>}
    </button>
  );
}

/** The newest line that is in view, by its beginning. */
function lastInView(log: HTMLElement): number {
  const rows = log.querySelector('.rows')?.children ?? [];
  const bottom = log.getBoundingClientRect().bottom - LINE;
  const isInView = (row: Element | undefined) => row instanceof HTMLElement && row.getBoundingClientRect().top <= bottom;
  let [first, end] = [0, rows.length];
  while (first < end) {
    const middle = (first + end) >> 1;
    if (isInView(rows[middle])) first = middle + 1;
    else end = middle;
  }
  const row = rows[first - 1];
  return row instanceof HTMLElement ? Number(row.dataset.position ?? -1) : -1;
}

/** Goes to the first unread line, a third down, as soon as it is there. */
function useLanding(box: { current: HTMLDivElement | null }, timeline: Timeline, look: () => void) {
  const isReady = timeline.landing.value && !timeline.reaching.value && timeline.state.value !== 'loading';
  useLayoutEffect(() => {
    if (!isReady) return;
    let [frame, left] = [0, NaN];
    const land = (tries: number) => {
      const log = box.current;
      const line = log?.querySelector('.unread-line');
      // True heights, not guessed ones: see room.ts.
      log?.querySelector('.rows')?.classList.add('exact');
      // Somebody who has scrolled meanwhile stays where they went.
      const scrolled = log !== null && Math.abs(log.scrollTop - left) > 1;
      if (log && line && !scrolled) {
        log.scrollTop += line.getBoundingClientRect().top - log.getBoundingClientRect().top - log.clientHeight / 3;
        left = log.scrollTop;
      }
      // Rows turn out higher than they were thought to be, once they are in view.
      if (line && tries > 0 && !scrolled) frame = requestAnimationFrame(() => { land(tries - 1); });
      else {
        look();
        timeline.landing.value = false;
      }
    };
    land(LANDING_FRAMES);
    return () => {
      cancelAnimationFrame(frame);
      timeline.landing.value = false;
    };
  }, [isReady]);
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
function useKeepPlace(box: { current: HTMLDivElement | null }, timeline: Timeline, messages: readonly MessageView[]) {
  const before = useRef({ oldest: -1, newest: -1, newer: false });
  useLayoutEffect(() => {
    const log = box.current;
    const [oldest, newest] = [messages[0], messages.at(-1)];
    if (!log || !oldest || !newest) return;
    const { oldest: first, newest: last, newer } = before.current;
    before.current = { oldest: oldest.position, newest: newest.position, newer: timeline.newer.value };
    if (last === -1 || newest.position <= last) return;
    // The newest page stands in the place of what was held, though both may have lines in common.
    const isAnother = newer && oldest.position > first;
    if (isAnother || (newest.mine && !newer)) log.scrollTop = 0;
    else if (!timeline.atEnd.value) log.scrollTop -= heightAfter(log, last);
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

function Beginning({ timeline, name }: { timeline: Timeline; name: string }) {
  switch (timeline.state.value) {
    case 'failed':
      return <p role="alert" class="error">{words.loadFailed}</p>;
    case 'loaded':
      return timeline.more.value ? (
        <>
          <p class="beginning">{words.loading}</p>
          <p class="print-only" aria-hidden="true">{words.notPrinted}</p>
        </>
      ) : <p class="beginning">{words.emptyLog(name)}</p>;
    default:
      return <p class="beginning">{words.loading}</p>;
  }
}

function Rows({ timeline, name }: { timeline: Timeline; name: string }) {
  const { timelines, alerts } = useModel();
  const messages = drawnOf(timeline);
  const retry = useSignal((position: number) => {
    void timelines.retry(timeline.conversation, position).then((error) => { alerts.failed(error); });
  }).value;
  return (
    <>
      {place(messages, timeline.more.value, timeline.divider.value).map((one) => (
        <Row key={one.message.position} {...one} conversation={timeline.conversation} name={name} onRetry={retry} />
      ))}
    </>
  );
}
