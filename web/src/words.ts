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
import type { ScanFailure } from './model/scan';
import type { Storage, Theme } from './model/settings';

export const words = {
  product: 'Pawl',
  tagline: 'Messages that only the two of you can read.',
  starting: 'Starting…',
  startingLong: 'Getting the encryption ready on this device.',
  username: 'Username',
  usernameHint: 'Letters a to z, digits, dot, underscore and hyphen; 32 at most.',
  inviteCode: 'Invite code',
  inviteHint: 'This relay takes new accounts by invitation. Its operator gives you a code.',
  createAccount: 'Create account',
  welcome: 'Choose a name',
  welcomeText: 'Your keys are made on this device and never leave it. No telephone number, no email address, no password.',
  registrationClosed: 'This relay takes no new accounts now. Ask its operator, or open the address of another relay.',
  refused: 'The relay did not accept that account. Choose a name and try again.',
  registering: (name: string) => `Creating the account “${name}”. This may take a moment. It goes on by itself as soon as the relay can be reached.`,
  conversations: 'Conversations',
  connection: 'Connection',
  newConversation: 'New conversation',
  newConversationText: 'Type the username of somebody on this relay.',
  start: 'Start',
  settings: 'Settings',
  close: 'Close',
  cancel: 'Cancel',
  back: 'Back to the list',
  draft: (text: string) => `Draft: ${text}`,
  noConversations: 'Nobody here yet. Start a conversation with somebody’s username.',
  hello: (name: string) => `Hello, ${name}`,
  helloText: 'Pick a conversation, or start a new one. Others reach you by your username.',
  notHere: (name: string) => `No conversation with ${name}`,
  notHereText: 'There is none on this device. You can start one.',
  messages: 'Messages',
  message: 'Message',
  messagePlaceholder: 'Write a message',
  send: 'Send',
  tryAgain: 'Try again',
  fromYou: 'From you',
  from: (name: string) => `From ${name}`,
  loading: 'Loading messages…',
  loadFailed: 'The messages of this conversation could not be read. Reload the page; nothing was deleted.',
  emptyLog: (name: string) => `This is the beginning of your conversation with ${name}. Only the two of you can read it.`,
  newest: 'Newest messages',
  reload: 'Reload',
  dismiss: 'Dismiss',
  review: 'Review',
  safetyNumber: 'Safety number',
  safetyNumberQr: 'Safety number QR code',
  safetyNumberText: (name: string) =>
    `Compare these digits with ${name}, face to face or on a call, or hold the QR codes side by side. If they are the same on both devices, nobody is in between.`,
  markVerified: 'Mark as verified',
  removeVerified: 'Remove verification',
  accept: 'Accept the new identity',
  changed: (name: string) =>
    `${name}’s identity has changed. It may be a new device, or somebody in between. Your messages wait until you have looked.`,
  changedDialog: (name: string) =>
    `${name}’s identity has changed since you last wrote. Ask ${name} in another way whether they have a new device before you accept it.`,
  changedMeanwhile: (name: string) =>
    `${name}’s identity has changed while this was open. The number shown now is another one: compare it anew before you go on.`,
  scan: 'Scan QR code',
  stopScanning: 'Stop scanning',
  camera: 'What the camera sees',
  scanHint: (name: string) => `Point the camera at the QR code that ${name}’s device shows under “Safety number”.`,
  scannedSame: (name: string) => `The codes are the same: nobody is in between. ${name} is verified.`,
  scannedOther: (name: string) =>
    `The codes are not the same. Make sure that ${name} shows the safety number of the conversation with you, and scan again. If they still differ, somebody may be in between: write nothing here that matters.`,
  verified: 'Verified',
  theme: 'Appearance',
  yourUsername: 'Your username',
  storage: 'Storage',
  askForStorage: 'Keep my data',
  version: 'Version',
  details: 'Details for a report',
} as const;

export function unread(count: number): string {
  return count === 1 ? '1 unread message' : `${count} unread messages`;
}

export const themeWord: Record<Theme, string> = { system: 'System', light: 'Light', dark: 'Dark' };

export const connectionWord: Record<Connection, string> = {
  online: 'Online',
  connecting: 'Connecting',
  offline: 'Offline',
};

export const statusWord: Record<MessageStatus, string> = {
  sending: 'Sending',
  sent: 'Sent',
  delivered: 'Delivered',
  read: 'Read',
  notSent: 'Not sent',
};

export const identityWord: Record<IdentityState, string> = {
  unverified: 'Not compared yet',
  verified: 'You have compared and verified this safety number.',
  changed: 'Changed: look before you go on',
};

export const scanFailureText: Record<ScanFailure, string> = {
  noCamera: 'There is no camera that the browser can use. Compare the digits instead.',
  cameraRefused: 'The browser does not let Pawl use the camera. Allow it in the browser’s settings for this site and scan again, or compare the digits instead.',
  cameraFailed: 'The camera gives no picture. Close other programs that use it and scan again, or compare the digits instead.',
  scannerFailed: 'The part that reads QR codes did not load. Check your connection and scan again, or compare the digits instead.',
};

export const storageWord: Record<Storage, string> = {
  unknown: 'The browser does not say whether it keeps Pawl’s data.',
  kept: 'The browser keeps Pawl’s data until you delete it.',
  evictable: 'The browser may delete Pawl’s data, your keys included, when the disk fills up.',
  asking: 'Waiting for your answer to the browser’s question.',
  refused: 'The browser did not agree to keep Pawl’s data. Using Pawl more often, or installing it, may change its mind.',
};

export function noticeText(cause: NoticeCause, name: string): string {
  switch (cause) {
    case 'identityChanged':
      return `${name}’s identity changed. Compare the safety number.`;
    case 'keysGone':
      return `A message from ${name} used keys that this device no longer has. It comes again when ${name}’s device is online.`;
    case 'unreadable':
      return `A message from ${name} could not be opened. If something is missing, it comes again when ${name}’s device is online.`;
    case 'newerVersion':
      return `A message from ${name} was written with a newer version of Pawl. Reload to update.`;
    case 'identityReturned':
      return `The name ${name} is again the account’s that you knew. What others wrote under it stands above.`;
    case 'sentAgain':
      return `${name}’s device says that it lost messages. They were sent again.`;
    case 'damaged':
      return 'A message here is damaged in this device’s storage and cannot be shown. The others are not affected.';
  }
}

const number = new Intl.NumberFormat('en');

function seconds(milliseconds: number): string {
  const count = Math.max(1, Math.ceil(milliseconds / 1000));
  return count === 1 ? 'a second' : count < 120 ? `${count} seconds` : `${Math.ceil(count / 60)} minutes`;
}

/** A character as a person can see it. */
function visible(character: string): string {
  if (character === ' ') return 'A space';
  if (/^[\p{L}\p{N}\p{P}\p{S}]/u.test(character)) return `“${character}”`;
  return `The invisible character U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** Why it did not work, and what to do. */
export function commandErrorText(error: CommandError): string {
  switch (error.code) {
    case 'usernameEmpty':
      return 'Type a username first.';
    case 'usernameTooLong':
      return `That username is too long. Use ${error.limit} characters at most.`;
    case 'usernameControlCharacter':
      return 'That username holds an invisible control character. Type it by hand instead of pasting it.';
    case 'usernameCharacter':
      return error.lookAlike
        ? `${visible(error.character)} cannot be in a username: it is not one of the plain letters a to z, even if it looks like one. Type it again on a plain keyboard.`
        : `${visible(error.character)} cannot be in a username. Use letters a to z, digits, dot, underscore and hyphen.`;
    case 'usernameStart':
      return 'A username begins with a letter or a digit. Change the first character.';
    case 'usernameTaken':
      return 'Somebody has that username already. Choose another one.';
    case 'inviteNeeded':
      return 'This relay needs an invite code, and this one is missing, wrong or used. Ask the relay’s operator for one.';
    case 'registrationClosed':
      return words.registrationClosed;
    case 'workTooMuch':
      return 'This relay asks more work of new accounts than any may. Ask its operator, or open the address of another relay.';
    case 'workTooSlow':
      return 'This device was too slow for the work that this relay asks of new accounts. Try again and keep this page open.';
    case 'accountExists':
      return 'There is an account on this device already. Reload the page to use it.';
    case 'noAccount':
      return 'There is no account on this device. Reload the page to create one.';
    case 'unknownRecipient':
      return 'Nobody on this relay has that username. Check the spelling.';
    case 'ownUsername':
      return 'That is your own username. Type somebody else’s.';
    case 'unknownConversation':
      return 'There is no such conversation on this device. Start it first.';
    case 'unknownMessage':
      return 'That message is not waiting to be sent any more. Nothing needs to be done.';
    case 'messageEmpty':
      return 'There is nothing to send yet. Write something first.';
    case 'messageTooLong':
      return `This message is too long by ${number.format(error.length - error.limit)} bytes (a plain letter is one byte; ${number.format(error.limit)} fit). Shorten it or send it in parts; your text is still here.`;
    case 'outboxFull':
      return 'Too many messages are waiting to be sent. Wait until the connection is back; your text is still here.';
    case 'offline':
      return 'The relay cannot be reached. Check your connection and try again.';
    case 'rateLimited':
      return `That was too much at once for the relay. Try again in ${seconds(error.retryAfterMs)}.`;
    case 'relayUnavailable':
      return 'The relay has a problem of its own. Try again in a while.';
    case 'keysRefused':
      return 'The relay gave keys for this person that are not signed by their account. This may be an attack. Nothing was sent; ask the person, or the relay’s operator.';
    case 'safetyNumberDiffers':
      return 'The identity changed before you pressed, so nothing was accepted. Compare the number that is shown now.';
    case 'notASafetyNumber':
      return 'That code is not a safety number. Scan the one that the other device shows under “Safety number”.';
    case 'safetyNumberVersion':
      return 'That safety number is of another version of Pawl. Reload the page on both devices, or compare the digits instead.';
    case 'versionMismatch':
      return 'This page and the relay are of different versions. Reload the page.';
    case 'storeFailed':
      return 'This device could not store the change, so it was not made. Try again; if it stays like this, reload the page.';
  }
}

export function alertText(alert: AlertCode): string {
  switch (alert.code) {
    case 'keysRefused':
      return `The relay gave keys for ${alert.username} that are not signed by ${alert.username}’s account. This may be an attack. Nothing was sent; ask ${alert.username} in another way, or the relay’s operator.`;
    case 'devicesRefused':
      return `The relay gave a list of ${alert.username}’s devices that is older than the one known here, or contradicts it. This may be an attack. Nothing was sent; ask ${alert.username} in another way, or the relay’s operator.`;
    case 'impostorRefused':
      return `Somebody wrote under the name ${alert.username} with keys that are not ${alert.username}’s. The message was not shown. Tell ${alert.username}, and the relay’s operator.`;
    case 'strangersRefused':
      return 'Too many people who are new to this device wrote at once. Some of their first messages were not taken; who really knows you will write again.';
    case 'handshakeRefused':
      return `Messages of ${alert.username ?? 'somebody new'} began a new encrypted session too many times in a month and were not taken, since old ones could be passed off as new. Others are not affected.`;
    case 'mailboxFull':
      return `${alert.username}’s mailbox on the relay is full. Your messages wait here and go out when there is room; ask ${alert.username} to come online.`;
    case 'prekeysLost':
      return 'The relay keeps losing the keys that this device gives it. Who writes to you for the first time may have to wait; tell the relay’s operator.';
    case 'deviceUnknown':
      return 'The relay does not know this device, or shuts it out. What you have here stays readable; ask the relay’s operator what happened.';
    case 'versionMismatch':
      return 'This page and the relay are of different versions. Reload the page; your messages wait here.';
    case 'replaced':
      return 'Another browser or device connects with this account’s keys. If that is not you, somebody has a copy of them: stop using this account and tell your contacts.';
    case 'storeFull':
      return 'This device has no room left for Pawl. Nothing is lost: what you write stays in its box, and what others write waits at the relay. Free some disk space; it then goes on by itself.';
    case 'recordCorrupted':
      return alert.username === null
        ? 'Something stored on this device is damaged and was set aside. The rest works; look whether anything is missing.'
        : `Something stored on this device about ${alert.username} is damaged and was set aside. The rest works; look whether anything is missing there.`;
  }
}

/** For a page that cannot start: a heading, and what to do. */
export function startFailureText(code: StartFailure): { title: string; text: string } {
  switch (code) {
    case 'insecureContext':
      return {
        title: 'This address is not secure',
        text: 'Browsers allow encryption only on secure addresses. Open Pawl with https:// in front, or as http://localhost on the relay’s own computer.',
      };
    case 'noWorker':
      return {
        title: 'This browser is too old',
        text: 'It has no Web Workers, in which Pawl encrypts. Update the browser or use another one.',
      };
    case 'noIndexedDb':
      return {
        title: 'Pawl cannot store anything here',
        text: 'Your keys and messages are stored in this browser (in IndexedDB), and it refuses. Leave the private window, or allow this site to store data in the browser’s settings, then reload.',
      };
    case 'noLocks':
      return {
        title: 'This browser is too old',
        text: 'It has no Web Locks, which keep two tabs from writing at once. Update the browser or use another one.',
      };
    case 'noWebCrypto':
      return {
        title: 'No encryption in this browser',
        text: 'Its WebCrypto cannot be used here. Open Pawl with https:// in front, or update the browser.',
      };
    case 'storeDamaged':
      return {
        title: 'The storage on this device is damaged',
        text: 'Your keys could not be read. Reload first; if that does not help, close all of this site’s tabs and start the browser anew. Deleting this site’s data removes the account from this device for good.',
      };
    case 'storeNewer':
      return {
        title: 'A newer Pawl has been here',
        text: 'What is stored on this device was written by a newer version than this page. Reload to get the newer page; if this stays, ask the relay’s operator to update it.',
      };
    case 'storeFailed':
      return {
        title: 'This device does not store anything',
        text: 'The browser refuses to write, or does not answer. Nothing that was shown as sent is lost. Free some disk space or start the browser anew, then reload.',
      };
    case 'storeFull':
      return {
        title: 'No room left on this device',
        text: 'The browser has no more space for this site. Free some disk space or delete other sites’ data, then reload.',
      };
    case 'wasmFailed':
      return {
        title: 'Pawl could not start',
        text: 'The part that encrypts did not load or stopped. Reload the page; if it stays like this, update the browser, or look whether an extension blocks WebAssembly.',
      };
    case 'updatedElsewhere':
      return {
        title: 'Pawl was updated in another tab',
        text: 'This tab runs the older version. Reload it to go on; what you wrote is kept.',
      };
  }
}
