/**
 * Room above the messages that are loaded. Older ones fill it, so that the height of what scrolls stays
 * the same: a browser that is scrolling by itself (a fling, a wheel's animation) goes on to where it was
 * heading in the old height, and would leap by a page otherwise. The room is made anew at rest only. Heights
 * that were guessed for a quick start are replaced by the true ones when the first picture is there, or before
 * it when somebody scrolls at once.
 */
import type { MessageView } from '../generated/types';
import type { Timeline } from '../model/timeline';

/** Pixels that a row takes on average; the same as its `contain-intrinsic-size`. */
const ROW = 58;
/** Rows that there is room for: several pages, more than one fling passes. */
const ROWS = 600;
/** Milliseconds without scrolling that count as rest. */
const REST = 200;

/** Older messages there can be at most: positions rise by one or more. */
function older(messages: readonly MessageView[]): number {
  return Math.min(messages[0]?.position ?? 0, ROWS);
}

/** True heights of all rows instead of guessed ones; the line at the upper edge stays where it is. */
function exact(room: HTMLElement): void {
  const [log, rows] = [room.parentElement, room.lastElementChild];
  if (!log || !rows || rows.classList.contains('exact')) return;
  const edge = log.getBoundingClientRect().top;
  const line = [...rows.children].find((row) => row.getBoundingClientRect().top >= edge);
  const before = line?.getBoundingClientRect().top ?? 0;
  rows.classList.add('exact');
  if (line) log.scrollTop += line.getBoundingClientRect().top - before;
}

export class Room {
  readonly #timeline: Timeline;
  #rest: ReturnType<typeof setTimeout> | undefined;
  #made = false;
  #picture = 0;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  /** Messages were drawn. `room` holds the rows at its lower end. */
  drawn(room: HTMLElement): void {
    if (this.#made || this.#timeline.state.value !== 'loaded') {
      if (this.#rest === undefined) this.#restLater(room);
      return;
    }
    this.#made = true;
    this.#make(room);
    // The second one comes when what the first one began is on the screen.
    this.#picture = requestAnimationFrame(() => { this.#picture = requestAnimationFrame(() => { exact(room); }); });
    this.#restLater(room);
  }

  scrolled(room: HTMLElement): void {
    if (this.#made) exact(room);
    this.#restLater(room);
  }

  #restLater(room: HTMLElement): void {
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      this.#rest = undefined;
      this.#make(room);
    }, REST);
  }

  #make(room: HTMLElement): void {
    const rows = room.lastElementChild;
    if (!(rows instanceof HTMLElement)) return;
    const { messages, more } = this.#timeline;
    const wanted = more.value ? older(messages.value) * ROW : 0;
    const left = Math.max(0, Number.parseFloat(room.style.minHeight || '0') - rows.offsetHeight);
    // Enough is left: no need to change what scrolls.
    if (wanted > 0 && left > wanted / 2) return;
    room.style.minHeight = wanted > 0 ? `${rows.offsetHeight + wanted}px` : '';
  }

  close(): void {
    clearTimeout(this.#rest);
    cancelAnimationFrame(this.#picture);
  }
}
