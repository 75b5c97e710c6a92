// Generated from crates/client by `cargo xtask types`. Change the Rust types instead.
// Positions and times are whole numbers below 2^53.

/**
 * Something the user must know about that no command asked for.
 */
export type AlertCode = { "code": "keysRefused",
/**
 * Who.
 */
username: string, } | { "code": "devicesRefused",
/**
 * Who.
 */
username: string, } | { "code": "impostorRefused",
/**
 * The name.
 */
username: string, } | { "code": "strangersRefused" } | { "code": "strangersWait" } | { "code": "handshakeRefused",
/**
 * Who it says it is, where they are known here.
 */
username: string | null, } | { "code": "mailboxFull",
/**
 * Who.
 */
username: string, } | { "code": "prekeysLost" } | { "code": "mailMisnumbered" } | { "code": "deviceUnknown" } | { "code": "versionMismatch" } | { "code": "replaced" } | { "code": "storeFull" } | { "code": "recordCorrupted",
/**
 * Whose conversation, where that can be told.
 */
username: string | null, };

/**
 * A change that is asked for; answered once by `Event::CommandDone`.
 */
export type Command = { "type": "createAccount",
/**
 * As typed; see `pawl_wire::Username::parse`.
 */
username: string,
/**
 * Where the relay asks for one.
 */
invite: string | null, } | { "type": "startConversation",
/**
 * As typed.
 */
username: string, } | { "type": "sendText",
/**
 * Which.
 */
conversation: ConversationId,
/**
 * 1 to [`crate::MAX_TEXT`] bytes of UTF-8, not only white space.
 */
text: string, } | { "type": "retryMessage",
/**
 * Which.
 */
conversation: ConversationId,
/**
 * Its position.
 */
position: number, } | { "type": "saveDraft",
/**
 * Which.
 */
conversation: ConversationId,
/**
 * May be empty.
 */
text: string, } | { "type": "markRead",
/**
 * Which.
 */
conversation: ConversationId,
/**
 * Position of the newest message seen.
 */
through: number, } | { "type": "markVerified",
/**
 * Which.
 */
conversation: ConversationId,
/**
 * Whether it matched.
 */
verified: boolean,
/**
 * What was looked at: the payload of the number that was shown, or of the code that was
 * scanned. Refused where the number is another one by now.
 */
number: Array<number>, } | { "type": "acceptIdentity",
/**
 * Which.
 */
conversation: ConversationId,
/**
 * Payload of the number that was shown, as for `MarkVerified`.
 */
number: Array<number>, };

/**
 * Why a command did not succeed. Nothing else is lost by it.
 */
export type CommandError = { "code": "usernameEmpty" } | { "code": "usernameTooLong",
/**
 * How many are allowed.
 */
limit: number, } | { "code": "usernameControlCharacter" } | { "code": "usernameCharacter",
/**
 * The character.
 */
character: string,
/**
 * Whether it is outside ASCII and may look like a plain letter.
 */
lookAlike: boolean, } | { "code": "usernameStart" } | { "code": "usernameTaken" } | { "code": "inviteNeeded" } | { "code": "registrationClosed" } | { "code": "workTooMuch" } | { "code": "workTooSlow" } | { "code": "accountExists" } | { "code": "noAccount" } | { "code": "unknownRecipient" } | { "code": "ownUsername" } | { "code": "unknownConversation" } | { "code": "unknownMessage" } | { "code": "messageEmpty" } | { "code": "messageTooLong",
/**
 * Bytes allowed.
 */
limit: number,
/**
 * Bytes given.
 */
length: number, } | { "code": "conversationsFull",
/**
 * How many it holds.
 */
limit: number, } | { "code": "outboxFull" } | { "code": "offline" } | { "code": "rateLimited",
/**
 * Milliseconds.
 */
retryAfterMs: number, } | { "code": "relayUnavailable" } | { "code": "keysRefused" } | { "code": "safetyNumberDiffers" } | { "code": "notASafetyNumber" } | { "code": "safetyNumberVersion" } | { "code": "versionMismatch" } | { "code": "storeFailed" };

/**
 * The connection to the relay.
 */
export type Connection = "online" | "connecting" | "offline";

/**
 * Names a conversation: 16 bytes, the same on all of a user's devices. In addresses, commands and
 * events it is 26 upper-case characters of Base32 (RFC 4648, section 6) without padding.
 */
export type ConversationId = string;

/**
 * A conversation as a list shows it.
 */
export type ConversationView = {
/**
 * Names it in commands, queries and addresses.
 */
id: ConversationId,
/**
 * The other's username.
 */
username: string,
/**
 * Received messages that the person has not seen.
 */
unread: number,
/**
 * Position of the first of them.
 */
unreadFrom: number | null,
/**
 * First characters of the newest message.
 */
preview: string,
/**
 * Where that one was written here: how far it has come.
 */
previewStatus: MessageStatus | null,
/**
 * When something last happened, milliseconds since 1970; lists are ordered by it.
 */
activeAt: number,
/**
 * What is being written.
 */
draft: string,
/**
 * What is known of the other's identity.
 */
identity: IdentityState,
/**
 * Where it has changed: whether the one before had been verified.
 */
wasVerified: boolean,
/**
 * Where it has changed: how much waits of what the new one wrote.
 */
setAside: number, };

/**
 * Something to show.
 */
export type Event = { "type": "phaseChanged",
/**
 * The new phase.
 */
phase: Phase, } | { "type": "connectionChanged",
/**
 * Its new state.
 */
connection: Connection, } | { "type": "conversationChanged",
/**
 * The whole summary.
 */
conversation: ConversationView, } | { "type": "messagesChanged",
/**
 * Which.
 */
conversation: ConversationId,
/**
 * Each whole.
 */
messages: Array<MessageView>, } | { "type": "statusChanged",
/**
 * Which.
 */
conversation: ConversationId,
/**
 * Positions of own messages whose status changed, with the new one.
 */
changes: Array<[number, MessageStatus]>, } | { "type": "commandDone",
/**
 * Which.
 */
id: string,
/**
 * Nothing where it succeeded.
 */
error: CommandError | null, } | { "type": "alert",
/**
 * What.
 */
alert: AlertCode, };

/**
 * What is known of a person's identity key.
 */
export type IdentityState = "unverified" | "verified" | "changed";

/**
 * How far an own message has come. Never goes back, but from `NotSent` on a retry, and between `Sending` and
 * `Waiting`.
 */
export type MessageStatus = "sending" | "waiting" | "sent" | "delivered" | "read" | "notSent";

/**
 * One line of a conversation.
 */
export type MessageView = {
/**
 * Rises within the conversation on this device.
 */
position: number,
/**
 * Written here.
 */
mine: boolean,
/**
 * The text; empty where `notice` is set.
 */
text: string,
/**
 * When it was written (own) or received, by this device's clock: milliseconds since 1970.
 */
at: number,
/**
 * When it was sent, by the sender's clock, and never after `at`; 0 for a notice. Nothing vouches for
 * it: a page shows it only where it fits between the line before and `at`.
 */
sentAt: number,
/**
 * Own messages only.
 */
status: MessageStatus | null,
/**
 * Instead of a text: what happened here.
 */
notice: NoticeCause | null,
/**
 * How often in a row the name has changed hands, where this notice stands for others that it replaced;
 * 0 elsewhere.
 */
times: number, };

/**
 * A line that is not a message.
 */
export type NoticeCause = "identityChanged" | "keysGone" | "unreadable" | "newerVersion" | "damaged" | "identityReturned" | "returned" | "returnedAndDropped" | "othersDropped" | "sentAgain";

/**
 * Where this device stands.
 */
export type Phase = { "type": "noAccount",
/**
 * What the relay asks of new accounts, once it has said so.
 */
registration: RegistrationPolicy | null, } | { "type": "registering",
/**
 * The name that is asked for.
 */
username: string, } | { "type": "ready",
/**
 * Whose.
 */
username: string, };

/**
 * A question about what is on this device; changes nothing.
 */
export type Query = { "type": "snapshot" } | { "type": "history",
/**
 * Which.
 */
conversation: ConversationId,
/**
 * Only what is older than this position; nothing for the newest page.
 */
before: number | null,
/**
 * 1 to 200.
 */
limit: number, } | { "type": "safetyNumber",
/**
 * Which.
 */
conversation: ConversationId, };

/**
 * Answer to a query.
 */
export type QueryReply = { "type": "snapshot",
/**
 * The state.
 */
snapshot: Snapshot, } | { "type": "history",
/**
 * In order of position.
 */
messages: Array<MessageView>,
/**
 * Whether there are older ones.
 */
more: boolean, } | { "type": "safetyNumber",
/**
 * The number.
 */
safetyNumber: SafetyNumberView, } | { "type": "failed",
/**
 * Why.
 */
error: CommandError, };

/**
 * Who may register at the relay.
 */
export type RegistrationPolicy = "open" | "invite" | "closed";

/**
 * A safety number to compare.
 */
export type SafetyNumberView = {
/**
 * Twelve groups of five digits.
 */
groups: Array<string>,
/**
 * Payload of the QR code.
 */
qr: Array<number>,
/**
 * Whether it was compared before.
 */
identity: IdentityState,
/**
 * What the account of this number has written, where it is not accepted yet.
 */
messages: Array<MessageView>, };

/**
 * Everything a page needs to draw itself.
 */
export type Snapshot = {
/**
 * Account or none.
 */
phase: Phase,
/**
 * To the relay.
 */
connection: Connection,
/**
 * Newest first.
 */
conversations: Array<ConversationView>, };
