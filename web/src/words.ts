/**
 * Every word that a person reads, and what to do next for everything that can go wrong. Each code
 * has its sentence: a new one does not compile until it has.
 */
import type {
  AlertCode,
  CommandError,
  Connection,
  IdentityState,
  MessageStatus,
  NoticeCause,
} from './generated/types';
import type { StartFailure } from './model/engine';
import type { ExportFailure } from './model/exports';
import type { ScanFailure } from './model/scan';
import type { Erased } from './model/startOver';
import type { Storage, Theme } from './model/settings';

export const words = {
  product: 'Pawl',
  tagline: 'Messages that only the two of you can read.',
  starting: 'Starting…',
  username: 'Username',
  usernameHint: 'Up to 32 letters (a–z), digits, dots, underscores or hyphens.',
  inviteCode: 'Invite code',
  inviteHint: 'This server is invite-only. Ask whoever runs it for a code.',
  inviteMissing: 'This server is invite-only. Enter the invite code that you were given.',
  inviteWrong: 'This invite code is wrong, or it was used already. Check it, or ask whoever runs the server for another one.',
  createAccount: 'Create account',
  welcome: 'Choose a username',
  welcomeText: 'Your keys are created on this device and stay here. No phone number, email or password. If you clear this browser’s data, the account is gone.',
  closed: 'No new accounts',
  registrationClosed: 'This server takes no new accounts right now. Ask whoever runs it, or open the address of another server.',
  refused: 'The server didn’t accept that account. Choose a username and try again.',
  registering: (name: string) => `Creating the account “${name}”. This may take a moment. It will continue as soon as the server can be reached.`,
  conversations: 'Conversations',
  connection: 'Connection',
  tryNow: 'Try now',
  newConversation: 'New conversation',
  newConversationText: 'Who do you want to write to? Enter their username.',
  start: 'Start',
  settings: 'Settings',
  close: 'Close',
  cancel: 'Cancel',
  back: 'Back to the list',
  draft: (text: string) => `Draft: ${text}`,
  you: 'You: ',
  writes: (name: string) => `From ${name}: `,
  noConversations: 'No conversations yet',
  begin: 'Start your first conversation with someone’s username.',
  reachable: 'Or share yours. People on this server can reach you as ',
  hello: (name: string) => `Hello, ${name}`,
  helloText: (name: string) => `Choose a conversation or start one. People can reach you as ${name}.`,
  notHere: (name: string) => `You haven’t talked to ${name} yet`,
  newMessage: 'New message',
  newMessageFrom: (names: string) => `New message from ${names}`,
  notSentNews: 'A message wasn’t sent. You can try again.',
  startOver: 'Start over',
  startOverText: (name: string | null) =>
    `Everything that Pawl keeps in this browser is deleted: your keys, your conversations and ${name === null ? 'the account' : `the account “${name}”`}. You can create a new account afterwards; people who wrote to you will see a new safety number.`,
  startOverNoWayBack: 'This can’t be undone, and no one can bring it back.',
  notHereText: 'Start a conversation, or go back to the list.',
  noSuchConversation: 'This conversation isn’t on this device',
  noSuchConversationText: 'The address is wrong, or it belongs to another account. Go back to the list.',
  messages: 'Messages',
  message: 'Message',
  messagePlaceholder: 'Write a message',
  send: 'Send',
  tryAgain: 'Try again',
  fromYou: 'From you',
  from: (name: string) => `From ${name}`,
  loading: 'Loading messages…',
  notPrinted: 'Older messages are missing here. To print them too, first scroll up in the conversation until they’re loaded.',
  loadFailed: 'The messages of this conversation couldn’t be read. Reload the page; nothing was deleted.',
  emptyLog: (name: string) => `This is the beginning of your conversation with ${name}. Only the two of you can read it.`,
  newest: 'Jump to latest',
  newMessages: 'New messages',
  readMore: 'Read more',
  readLess: 'Show less',
  noFiles: 'Files can’t be sent yet.',
  reload: 'Reload',
  dismiss: 'Dismiss',
  review: 'Review',
  reviewOf: (name: string) => `Review ${name}`,
  fromNewKey: 'Messages from the new key',
  fromNewKeyText: (name: string) => `They aren’t part of your conversation with ${name} unless you accept.`,
  noneFromNewKey: 'The new key has sent nothing so far.',
  theyMatch: 'They match',
  notNow: 'Not now',
  safetyNumber: 'Safety number',
  safetyNumberQr: 'Safety number QR code',
  safetyNumberText: (name: string) =>
    `Compare these digits with ${name}, face to face or on a call, or hold the QR codes side by side. If they match, no one can be listening in.`,
  markVerified: 'Mark as verified',
  removeVerified: 'Remove verification',
  accept: 'Accept',
  changed: (name: string, wasVerified = false, setAside = 0) =>
    `${name}’s safety number has changed${wasVerified ? ', though you had verified it' : ''}. ${name} may have a new device, or someone may be intercepting your messages. Nothing is sent until you review it.${aside(setAside)}`,
  changedDialog: (name: string, wasVerified = false) =>
    `${name}’s safety number has changed. ${wasVerified ? 'You had verified the one before; this one isn’t. ' : ''}Before accepting, call or meet ${name} and ask whether they changed devices.`,
  changedState: 'Changed',
  changedMeanwhile: (name: string) =>
    `${name}’s safety number changed while this was open. The number shown now is a new one: compare it again before you continue.`,
  scan: 'Scan QR code',
  stopScanning: 'Stop scanning',
  camera: 'What the camera sees',
  scanHint: (name: string) => `Point the camera at the QR code that ${name}’s device shows under “Safety number”.`,
  scannedSame: (name: string) => `The codes match: no one can be listening in. ${name} is verified.`,
  scannedOther: (name: string) =>
    `The codes don’t match. Make sure that ${name} shows the safety number of the conversation with you, and scan again. If they still differ, someone may be intercepting your messages. Don’t share anything sensitive here.`,
  verified: 'Verified',
  theme: 'Appearance',
  yourUsername: 'Your username',
  storage: 'Storage',
  onlyHere: 'Your account exists in this browser only. If you clear this site’s data, the account, its messages and its username are gone for good. Some browsers clear it each time they close, and every private window does.',
  askForStorage: 'Keep my data',
  export: 'Export',
  exportText: 'Save all your conversations in one file, as JSON and as readable text. Anyone who has the file can read it.',
  exporting: 'Exporting…',
  account: 'Account',
  version: 'Version',
  details: 'Technical details',
} as const;

function aside(count: number): string {
  if (count === 0) return '';
  return count === 1 ? ' One message from the new key waits there.' : ` ${count} messages from the new key wait there.`;
}

export function says(name: string, text: string): string {
  return `${name}: ${text}`;
}

export function moreMessages(count: number): string {
  return count === 1 ? '1 more message' : `${count} more messages`;
}

export function unread(count: number): string {
  return count === 1 ? '1 unread message' : `${count} unread messages`;
}

export function messagesSoFar(count: number): string {
  return count === 0 ? '' : `${figures(count)} messages so far`;
}

export function exported(conversations: number, name: string): string {
  return `${conversations === 1 ? 'Your conversation was' : `Your ${figures(conversations)} conversations were`} saved as “${name}”. Look in your downloads.`;
}

export const exportFailed: Record<ExportFailure, string> = {
  nothing: 'There’s nothing to export yet: you have no conversations.',
  unreadable: 'Your messages couldn’t be read, so nothing was exported. Reload the page, then try again; nothing was deleted.',
  tooLarge: 'Your conversations are larger than 4 GB, which is too much for one file. Nothing was exported.',
  noRoom: 'The browser has no room for the file, so nothing was exported. Free some disk space or close other tabs, then try again.',
};

export const startOverFailed: Record<Exclude<Erased, 'erased'>, string> = {
  blocked: 'Another tab still uses this data. Close all other tabs of this site, then try again.',
  failed: 'The browser couldn’t delete the data. Restart the browser, then try again.',
};

export const themeWord: Record<Theme, string> = { system: 'System', light: 'Light', dark: 'Dark' };

export const connectionWord: Record<Connection, string> = {
  online: 'Online',
  connecting: 'Connecting',
  offline: 'Offline',
};

export const statusWord: Record<MessageStatus, string> = {
  sending: 'Sending',
  waiting: 'Waiting for you',
  sent: 'Sent',
  delivered: 'Delivered',
  read: 'Read',
  notSent: 'Not sent',
};

export const identityWord: Record<IdentityState, string> = {
  unverified: 'Not verified',
  verified: 'You’ve compared and verified this safety number.',
  changed: 'Changed: review first',
};

export const scanFailureText: Record<ScanFailure, string> = {
  noCamera: 'No camera found. Compare the digits instead.',
  cameraRefused: 'The browser doesn’t let Pawl use the camera. Allow it in the browser’s settings for this site and scan again, or compare the digits instead.',
  cameraFailed: 'The camera isn’t working. Close other programs that use it and scan again, or compare the digits instead.',
  scannerFailed: 'The QR code reader failed to load. Check your connection and scan again, or compare the digits instead.',
};

export const storageWord: Record<Storage, string> = {
  unknown: 'The browser doesn’t say whether it keeps Pawl’s data.',
  kept: 'The browser keeps Pawl’s data until you delete it.',
  evictable: 'The browser may delete Pawl’s data, your keys included, when the disk fills up.',
  asking: 'Answer the browser’s prompt.',
  refused: 'The browser didn’t agree to keep Pawl’s data. It may agree once you install Pawl or use it more.',
};

/** `times`: how often the name has changed hands, where the notice stands for several. */
export function noticeText(cause: NoticeCause, name: string, times = 0): string {
  const text = noticeCause(cause, name);
  return times > 0 ? `${text} The name has changed hands ${figures(times)} times in a row.` : text;
}

function noticeCause(cause: NoticeCause, name: string): string {
  switch (cause) {
    case 'identityChanged':
      return `${name}’s safety number changed. Compare it again.`;
    case 'keysGone':
      return `A message from ${name} used keys that this device no longer has. It will be sent again when ${name} is online.`;
    case 'unreadable':
      return `A message from ${name} couldn’t be opened. If something is missing, it will be sent again when ${name} is online.`;
    case 'newerVersion':
      return `A message from ${name} was written with a newer version of Pawl. Reload to update.`;
    case 'identityReturned':
      return `“${name}” belongs to the account you know again. Messages above may be from someone else.`;
    case 'returned':
      return `“${name}” belongs to the account you know again. There’s nothing left to review.`;
    case 'returnedAndDropped':
      return `“${name}” belongs to the account you know again. Messages that someone else sent under this name were deleted; you never saw them as ${name}’s.`;
    case 'othersDropped':
      return `Messages that other accounts had sent under the name ${name} were deleted.`;
    case 'sentAgain':
      return `${name}’s device lost some messages; they were sent again.`;
    case 'damaged':
      return 'A message here is damaged in this device’s storage and can’t be shown. The others aren’t affected.';
  }
}

let formatter: Intl.NumberFormat | undefined;

/** A number as people read it. */
function figures(value: number): string {
  return (formatter ??= new Intl.NumberFormat('en')).format(value);
}

function seconds(milliseconds: number): string {
  const count = Math.max(1, Math.ceil(milliseconds / 1000));
  return count === 1 ? 'a second' : count < 120 ? `${count} seconds` : `${Math.ceil(count / 60)} minutes`;
}

/** A character as a person can see it. */
function visible(character: string): string {
  if (character === ' ') return 'a space';
  if (/^[\p{L}\p{N}\p{P}\p{S}]/u.test(character)) return `“${character}”`;
  return `the invisible character U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** Alphabets with letters that look like those of a Latin keyboard. */
const LOOK_ALIKES = [
  ['Cyrillic', /\p{Script=Cyrillic}/u],
  ['Greek', /\p{Script=Greek}/u],
  ['Armenian', /\p{Script=Armenian}/u],
  ['Cherokee', /\p{Script=Cherokee}/u],
] as const;

/** Enough to cut off, in figures that a person keeps in mind. */
function about(excess: number): string {
  const step = excess > 1_000 ? 100 : excess > 100 ? 10 : 1;
  const count = Math.ceil(excess / step) * step;
  if (count === 1) return '1 character';
  return `${step === 1 ? '' : 'about '}${figures(count)} characters`;
}

/** Near the most that a message may have. A plain letter is one byte, so these are at most the characters. */
export function roomText(room: number): string {
  if (room < 0) return `Too long by ${about(-room)}.`;
  return room < 1000 ? `Room for ${room === 1 ? '1 more character' : `${room} more characters`}.` : 'This message is almost as long as one can be.';
}

function characterText(character: string): string {
  const again = 'Switch to a Latin keyboard and type it again.';
  const alphabet = LOOK_ALIKES.find(([, letters]) => letters.test(character))?.[0];
  if (alphabet) return `This “${character}” is a ${alphabet} letter. ${again}`;
  const plain = character.normalize('NFKC');
  if (plain !== character && /^[a-z0-9]$/i.test(plain)) return `This “${character}” only looks like a plain “${plain}”. ${again}`;
  return `Usernames can’t contain ${visible(character)}. Use a–z, digits, . _ or -.`;
}

/** Why it did not work, and what to do. */
export function commandErrorText(error: CommandError): string {
  switch (error.code) {
    case 'usernameEmpty':
      return 'Enter a username first.';
    case 'usernameTooLong':
      return `That username is too long. Use at most ${error.limit} characters.`;
    case 'usernameControlCharacter':
      return 'That username contains an invisible character. Type it by hand instead of pasting it.';
    case 'usernameCharacter':
      return characterText(error.character);
    case 'usernameStart':
      return 'Usernames start with a letter or a digit. Change the first character.';
    case 'usernameTaken':
      return 'That username is taken. Try another.';
    case 'inviteNeeded':
      return 'This server is invite-only, and this invite code is missing, wrong or used. Ask whoever runs it for one.';
    case 'registrationClosed':
      return words.registrationClosed;
    case 'workTooMuch':
      return 'This server asks for more computing work than Pawl allows. Ask whoever runs it, or open the address of another server.';
    case 'workTooSlow':
      return 'This device was too slow for the computing work that this server asks for. Try again and keep this page open.';
    case 'accountExists':
      return 'There’s already an account on this device. Reload the page to use it.';
    case 'noAccount':
      return 'There’s no account on this device. Reload the page to create one.';
    case 'unknownRecipient':
      return 'No one on this server has that username. Check the spelling.';
    case 'ownUsername':
      return 'That’s your own username. Enter someone else’s.';
    case 'unknownConversation':
      return 'There’s no such conversation on this device. Start it first.';
    case 'unknownMessage':
      return 'That message has already been sent.';
    case 'messageEmpty':
      return 'There’s nothing to send yet. Write something first.';
    case 'messageTooLong':
      return `This message is too long: shorten it by ${about(error.length - error.limit)}, or send it in parts. Your text is still here.`;
    case 'conversationsFull':
      return `This device already holds ${figures(error.limit)} conversations, and there’s no room for another one. Continue in those that you have.`;
    case 'outboxFull':
      return 'Too many messages are waiting to be sent. Wait until the connection is back; your text is still here.';
    case 'offline':
      return 'The server can’t be reached. Check your connection and try again.';
    case 'rateLimited':
      return `Too many requests. Try again in ${seconds(error.retryAfterMs)}.`;
    case 'relayUnavailable':
      return 'The server has a problem. Try again later.';
    case 'keysRefused':
      return 'The keys on the server for this person aren’t signed by their account. They may have put them there themselves, or someone is interfering. Nothing was sent. Call or meet them.';
    case 'safetyNumberDiffers':
      return 'The safety number changed before you pressed, so nothing was accepted. Compare the number that is shown now.';
    case 'notASafetyNumber':
      return 'That code isn’t a safety number. Scan the one that the other device shows under “Safety number”.';
    case 'safetyNumberVersion':
      return 'That safety number is from another version of Pawl. Reload the page on both devices, or compare the digits instead.';
    case 'versionMismatch':
      return 'This page and the server have different versions. Reload the page.';
    case 'storeFailed':
      return 'This device couldn’t save the change, so it wasn’t made. Try again; if this keeps happening, reload the page.';
  }
}

export function alertText(alert: AlertCode): string {
  switch (alert.code) {
    case 'keysRefused':
      return `The keys on the server for ${alert.username} aren’t signed by ${alert.username}’s account. Whoever has that account may have put them there, or someone is interfering. Nothing was sent. Call or meet ${alert.username}.`;
    case 'devicesRefused':
      return `The list of ${alert.username}’s devices on the server isn’t the newest one known here. ${alert.username}’s device may have sent a newer one that the server doesn’t have, or someone is holding it back. Nothing was sent. Ask ${alert.username} about it.`;
    case 'impostorRefused':
      return `Someone wrote under the name ${alert.username} with keys that aren’t ${alert.username}’s. The message wasn’t shown. Tell ${alert.username}, and whoever runs the server.`;
    case 'strangersRefused':
      return 'Too many people who are new to this device wrote at once. Some of their first messages weren’t accepted; anyone who knows you can write again.';
    case 'strangersWait':
      return 'More people who are new to you wrote than Pawl has room for. What they wrote waits on this device and appears when there is room again. People you write to aren’t affected.';
    case 'handshakeRefused':
      return `Messages from ${alert.username ?? 'someone new'} started a new encrypted session too many times in a month. They weren’t accepted, because old messages could be passed off as new. Other people aren’t affected.`;
    case 'mailboxFull':
      return `${alert.username}’s mailbox on the server is full. Your messages wait here and will be sent when there is room; ask ${alert.username} to come online.`;
    case 'prekeysLost':
      return 'The server keeps losing the keys that this device gives it. People who write to you for the first time may have to wait; tell whoever runs the server.';
    case 'mailMisnumbered':
      return 'The server numbered a message in a way that makes no sense, so Pawl connected to it again. Nothing is lost. If this keeps happening, tell whoever runs the server.';
    case 'deviceUnknown':
      return 'The server no longer recognises this account, or has blocked it. What you have here stays readable; ask whoever runs the server what happened.';
    case 'versionMismatch':
      return 'This page and the server have different versions. Reload the page; your messages wait here.';
    case 'replaced':
      return 'Another browser or device connects with this account’s keys. If that isn’t you, someone has a copy of them: stop using this account and tell your contacts.';
    case 'storeFull':
      return 'This device has no room left for Pawl. Nothing is lost: what you write stays in its box, and what others write waits on the server. Free some disk space; Pawl then continues by itself.';
    case 'recordCorrupted':
      return alert.username === null
        ? 'Something stored on this device is damaged and was set aside. The rest works; check whether anything is missing.'
        : `Something stored on this device about ${alert.username} is damaged and was set aside. The rest works; check whether anything is missing there.`;
  }
}

/** For a page that cannot start: a heading, and what to do. */
export function startFailureText(code: StartFailure): { title: string; text: string } {
  switch (code) {
    case 'insecureContext':
      return {
        title: 'This address isn’t secure',
        text: 'Browsers allow encryption only on secure addresses. Open Pawl with https:// in front, or as http://localhost on the server’s own computer.',
      };
    case 'noWorker':
      return {
        title: 'This browser is too old',
        text: 'It has no Web Workers, in which Pawl encrypts. Update the browser or use another one.',
      };
    case 'noIndexedDb':
      return {
        title: 'Pawl can’t save anything here',
        text: 'Your keys and messages are stored in this browser (in IndexedDB), and the browser refuses. Leave the private window, or allow this site to store data in the browser’s settings, then reload.',
      };
    case 'noLocks':
      return {
        title: 'This browser is too old',
        text: 'It has no Web Locks, which keep two tabs from writing at once. Update the browser or use another one.',
      };
    case 'noWebCrypto':
      return {
        title: 'No encryption in this browser',
        text: 'Its WebCrypto can’t be used here. Open Pawl with https:// in front, or update the browser.',
      };
    case 'storeDamaged':
      return {
        title: 'The storage on this device is damaged',
        text: 'Your keys couldn’t be read. Reload first; if that doesn’t help, close all of this site’s tabs and restart the browser. Deleting this site’s data removes the account from this device for good.',
      };
    case 'storeNewer':
      return {
        title: 'Saved by a newer version of Pawl',
        text: 'What is stored on this device was saved by a newer version than this page. Reload to get the newer page; if this keeps happening, ask whoever runs the server to update it.',
      };
    case 'storeOlder':
      return {
        title: 'Saved by an older version of Pawl',
        text: 'What is stored on this device was saved by an older version of Pawl, which this one can’t read. “Export” in the Settings of that version saves your conversations to a file. Nothing was deleted; you can start over with a new account.',
      };
    case 'storeFailed':
      return {
        title: 'This browser can’t save data',
        text: 'The browser refuses to write, or doesn’t answer. Nothing that was shown as sent is lost. Free some disk space or restart the browser, then reload.',
      };
    case 'storeFull':
      return {
        title: 'No room left on this device',
        text: 'The browser has no more space for this site. Free some disk space or delete other sites’ data, then reload.',
      };
    case 'wasmFailed':
      return {
        title: 'Pawl couldn’t start',
        text: 'Pawl’s encryption failed to load or stopped. Reload the page; if this keeps happening, update the browser, or check whether an extension blocks WebAssembly.',
      };
    case 'updatedElsewhere':
      return {
        title: 'Pawl was updated in another tab',
        text: 'This tab runs the older version. Reload it to continue; what you wrote is kept.',
      };
  }
}
