/** What the made-up worker has in its store, by the name in the address. */
import type { AlertCode, Connection, ConversationView, IdentityState, MessageView, Phase, QueryReply } from '../generated/types';
import type { StartErrorCode, WorkerState } from '../worker/messages';

type StartName = 'starting' | 'ready' | StartErrorCode;
type Scene = { phase: Phase; connection: Connection; start: StartName; alerts?: AlertCode[]; slow?: boolean; people?: number; unreadable?: boolean };

const ready: Phase = { type: 'ready', username: 'alice' };
const base: Scene = { phase: ready, connection: 'online', start: 'ready' };

const SCENES: Record<string, Scene> = {
  chat: base,
  empty: { ...base, people: 0 },
  crowd: { ...base, people: 60 },
  loading: { ...base, slow: true },
  unreadable: { ...base, unreadable: true },
  connecting: { ...base, connection: 'connecting' },
  offline: { ...base, connection: 'offline' },
  starting: { ...base, start: 'starting' },
  'starting-again': { ...base, start: 'starting' },
  onboarding: { ...base, phase: { type: 'noAccount', registration: 'open' } },
  invite: { ...base, phase: { type: 'noAccount', registration: 'invite' }, connection: 'connecting' },
  closed: { ...base, phase: { type: 'noAccount', registration: 'closed' } },
  unreached: { ...base, phase: { type: 'noAccount', registration: null }, connection: 'connecting' },
  registering: { ...base, phase: { type: 'registering', username: 'alice' }, connection: 'offline' },
  alerts: { ...base, alerts: [{ code: 'mailboxFull', username: 'bob' }, { code: 'versionMismatch' }, { code: 'keysRefused', username: 'eve' }] },
};

const wanted = new URLSearchParams(location.search);
const name = wanted.get('scene') ?? 'chat';
export const scene: Scene = SCENES[name] ?? { ...base, start: name as StartErrorCode };

export const START = new Proxy({} as Record<StartName, WorkerState>, {
  get: (_, code: StartErrorCode | 'ready') =>
    code === 'ready' ? { state: 'ready' } : { state: 'failed', error: { code, detail: 'made up for looking at it' } },
});

const HOUR = 3_600_000;
const now = Date.now();

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** One that looks like an id, and another one for each name here. */
export function idOf(username: string): string {
  const letters = Array.from(username, (letter) => BASE32.charAt((letter.codePointAt(0) ?? 0) % 32));
  return letters.join('').slice(0, 25).padEnd(26, 'A');
}

export function conversations(): ConversationView[] {
  const one = (username: string, hours: number, more: Partial<ConversationView> = {}): ConversationView => ({
    id: idOf(username), username, unread: 0, unreadFrom: null, preview: 'See you there.', previewStatus: null, activeAt: now - hours * HOUR, draft: '', identity: 'unverified', wasVerified: false, setAside: 0, ...more,
  });
  return [
    one('bob', 0.02, { unread: 2, preview: 'It only ever turns one way, that is the whole point of it', identity: 'verified' }),
    one('carol-with-a-name-of-32-letters-', 0.6, { preview: 'Did you get the parcel?', previewStatus: 'delivered' }),
    one('dave', 3, { identity: 'changed', wasVerified: true, setAside: 2, preview: 'New phone, finally' }),
    one('erin', 27, { draft: 'About tomorrow: I', unread: 117, unreadFrom: 1 + 3 * 523 }),
    one('frank', 80, { previewStatus: 'read' }),
    one('grace', 400, { preview: '' }),
    one('heidi', 500, { preview: 'שלום', previewStatus: 'notSent' }),
    ...Array.from({ length: 53 }, (_, index) => one(`friend-${String(index + 1).padStart(2, '0')}`, 600 + index * 24)),
  ].slice(0, scene.people ?? 7);
}

const LINES: [mine: boolean, text: string][] = [
  [false, 'Hi! I put the old station clock back together.'],
  [true, 'Does it run?'],
  [false, 'It does. The ratchet wheel had lost a tooth, so every tenth minute it fell back.'],
  [false, 'A new pawl from the drawer, and it holds.'],
  [true, 'A photograph please 🙂'],
  [true, 'And where did you find the drawings? I looked for hours and came across only one page, https://example.org/clocks/ratchet?page=3, and half of that was about bicycles.'],
  [false, 'My grandfather’s notebook:\n  1. wheel, 30 teeth\n  2. pawl, brass\n  3. spring, as soft as it goes'],
  [true, 'Lovely. I will come by on Thursday.'],
  [false, 'It only ever turns one way, that is the whole point of it'],
];

/** Texts that are hard to lay out. */
const ODD: [mine: boolean, text: string][] = [
  [false, 'שלום, מה שלומך היום?'],
  [true, 'مرحبا! 12:30 في المحطة'],
  [false, '🙂'],
  [true, '🙂🎉👨‍👩‍👧‍👦'],
  [false, 'w'.repeat(400)],
  [true, 'https://example.org/' + 'a/very/long/address/'.repeat(12)],
  [false, 'ok'],
  [true, 'ok'],
  [true, 'Z̸̢̛͎̦a̷̧l̵g̶o̴ and 漢字かな交じり文 in one line'],
  [false, 'The minutes of the meeting.\n\n' + 'A paragraph of them, in which somebody says something at length. '.repeat(60)],
  [true, 'fn main() {\n    println!("tabs\tand spaces");\n}'],
];

/** bob and erin have a long one; dave has lines that are no messages, heidi odd texts. */
export function history(username: string): MessageView[] {
  if (username === 'grace') return [];
  const texts = username === 'heidi' ? ODD : LINES;
  const count = username === 'bob' || username === 'erin' ? 640 : texts.length;
  const messages = Array.from({ length: count }, (_, index) => line(texts, index, count));
  const notice = (at: number, cause: MessageView['notice']) => { Object.assign(messages[at] ?? {}, { notice: cause, text: '', mine: false, status: null }); };
  if (username === 'dave') {
    notice(2, 'identityChanged');
    notice(3, 'keysGone');
    notice(6, 'damaged');
    Object.assign(messages[7] ?? {}, { status: 'notSent' });
  }
  return messages;
}

function line(texts: typeof LINES, index: number, count: number): MessageView {
  const [mine, text] = texts[(index + texts.length * 100 - count) % texts.length] ?? [true, ''];
  const left = count - index;
  const status = !mine ? null : left < 3 ? 'sending' : left < 5 ? 'delivered' : left < 6 ? 'sent' : 'read';
  // Four at a time, twenty seconds apart.
  const at = now - Math.ceil(left / 4) * 28 * 60_000 + ((count - left) % 4) * 20_000 - (left > 6 ? 20 * HOUR : 0);
  return { position: index * 3 + 1, mine, text, at, sentAt: at, status, notice: null, times: 0 };
}

export function reply(identity: IdentityState): QueryReply {
  const groups = Array.from({ length: 12 }, (_, index) => String((index * 74_699 + 31_337) % 100_000).padStart(5, '0'));
  return { type: 'safetyNumber', safetyNumber: { groups, qr: Array.from({ length: 66 }, (_, index) => (index * 37) % 256), identity, messages: identity === 'changed' ? LINES.slice(0, 2).map(([, text], at) => ({ position: at + 1, mine: false, text, at: now, sentAt: now, status: null, notice: null, times: 0 })) : [] } };
}
