/** Pictures, drawn in place: no request and no style attribute. All are decoration; names stand beside them. */
import type { MessageStatus } from '../generated/types';

const WHEEL =
  'M30.7 21.1L32.7 15.3L40.3 25.3L45.3 21.8L45.6 34.4L51.7 34.5L44.6 44.8L49.5 48.5L37.6 52.7L39.4 58.5L27.3 54.9L25.3 60.7L17.7 50.7L12.7 54.2L12.4 41.6L6.3 41.5L13.4 31.2L8.5 27.5L20.4 23.3L18.6 17.5ZM29 30a8 8 0 1 0 .01 0Z';
const PAWL = 'M50 5.5a7 7 0 0 1 4.6 12.3L46 20.6L34.6 21.4Q34 18.5 36.8 16.8L44.2 9.2A7 7 0 0 1 50 5.5Z';

/** The ratchet wheel and the pawl that lets it turn one way only. */
export function Logo({ turning = false }: { turning?: boolean }) {
  return (
    <svg class={turning ? 'logo turning' : 'logo'} viewBox="4 4 56 58" aria-hidden="true" focusable="false">
      <path class="wheel" fill-rule="evenodd" d={WHEEL} />
      <path class="pawl" d={PAWL} />
      <circle class="pivot" cx="50" cy="12.5" r="2.6" />
    </svg>
  );
}

const PATHS = {
  add: 'M12 5v14M5 12h14',
  back: 'M15 5l-7 7 7 7',
  close: 'M6 6l12 12M18 6L6 18',
  down: 'M12 5v14M6 13l6 6 6-6',
  scan: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5M8 12h8',
  send: 'M4 12l16-7-6 15-3-6.5z',
  settings: 'M4 7h9m5 0h2M4 17h2m5 0h9M15.5 4.5v5M8.5 14.5v5',
  shield: 'M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6z',
  verified: 'M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM8.5 12l2.5 2.5 4.5-5',
  warning: 'M12 4l9 16H3zM12 10v4.5M12 17.2v.1',
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** How far a message has come: a clock, one check mark, two, two in colour. All take the same room. */
const MARKS: Record<MessageStatus, string> = {
  sending: 'M14 1.5a5.5 5.5 0 1 0 .01 0zM14 4v3.2l2.2 1.4',
  waiting: 'M11 2.5v9M17 2.5v9',
  sent: 'M7 7.8l3.6 3.7 7.4-9',
  delivered: 'M2 7.8l3.6 3.7 7.4-9M10.4 11.2l.4.3 7.4-9',
  read: 'M2 7.8l3.6 3.7 7.4-9M10.4 11.2l.4.3 7.4-9',
  notSent: 'M14 1.5v6.5M14 11.4v.1',
};

export function StatusIcon({ status }: { status: MessageStatus }) {
  return (
    <svg class="mark" viewBox="0 0 20 14" aria-hidden="true" focusable="false">
      <path d={MARKS[status]} />
    </svg>
  );
}
