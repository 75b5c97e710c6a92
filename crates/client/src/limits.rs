//! Every bound of the engine, with its reason. Times are milliseconds, sizes bytes.

/// Commands that succeeded and are still recognised when they are asked again: more than any page
/// has unanswered when it crashes.
pub(crate) const RECENT_COMMANDS: u64 = 256;
/// Ids of opened envelopes that are kept, in blocks: more than twice what a sender's outbox may send
/// again after its relay was restored.
pub(crate) const SEEN_BLOCKS: u64 = 32;
/// Ids in one block, which is one record: 1 KiB is rewritten per message.
pub(crate) const SEEN_PER_BLOCK: u64 = 64;
/// Texts that wait to be sent, or were not sent, on this device.
pub(crate) const MAX_OUTBOX_TEXTS: usize = 1_000;
/// Texts that the relay has and that stay in the outbox until their recipients have said that they
/// have them: two for each place in the outbox. What goes before is read from its conversation.
pub(crate) const MAX_KEPT_TEXTS: usize = 2_000;
/// Bytes of them, which are held in memory: 2,000 long ones, or 64 of the longest.
pub(crate) const MAX_KEPT_BYTES: usize = 4 * 1024 * 1024;
/// How long they stay: as long as mail may wait.
pub(crate) const KEPT_LIFETIME: u64 = pawl_wire::limits::MAIL_LIFETIME_MS;
/// Bundles that are claimed at once: half of what a relay reads without having answered.
pub(crate) const MAX_CLAIMS: usize = 32;
/// Envelopes sent and not yet answered by the relay: keeps its group commit busy, and is what a lost
/// connection sends twice at most.
pub(crate) const MAX_IN_FLIGHT: usize = 32;
/// Tags of sessions that are remembered per device, those that are dropped included: twice as many as
/// can receive.
pub(crate) const MAX_KNOWN_TAGS: usize = 18;
/// Tags of sessions that cannot be read, in one receipt: the two that a peer writes on, and a spare each.
pub(crate) const MAX_UNREADABLE_TAGS: usize = 4;
/// Sessions dropped in one step: a step is one transaction.
pub(crate) const MAX_DROPPED_PER_STEP: usize = 256;
/// Conversations on this device from which on a stranger waits for a place; every one is held in memory.
pub(crate) const MAX_CONVERSATIONS: usize = 5_000;
/// Conversations in all: strangers never take the last thousand places, which are for those that the person begins.
pub(crate) const MAX_OWN_CONVERSATIONS: usize = 6_000;
/// Lines in a row that say who has a name, while nobody writes: however often it goes to and fro, the last of
/// them changes instead. So the first change and the first return stay.
pub(crate) const MAX_HANDOVER_LINES: u32 = 3;
/// Accounts that have taken over somebody's name and that the user has not accepted. Of more, those that had it
/// longest ago go first: an honest person who begins anew is one account.
pub(crate) const MAX_UNACCEPTED: usize = 8;
/// Texts of one such account that wait for the user to accept it: a screen or two. What comes beyond it is not
/// remembered, so that its sender sends it again once they are accepted.
pub(crate) const MAX_ASIDE_TEXTS: usize = 64;
/// Bytes of them: four of the longest texts, or all 64 of ordinary ones.
pub(crate) const MAX_ASIDE_ACCOUNT_BYTES: usize = 256 * 1024;
/// Bytes of all that waits in this way on this device, which is held in memory. Beyond it goes what waits under
/// the name under which most waits.
pub(crate) const MAX_ASIDE_BYTES: usize = 4 * 1024 * 1024;
/// What a text counts as besides its own bytes: key, record and what memory adds.
pub(crate) const ASIDE_OVERHEAD: usize = 256;
/// Ranges in a set of message numbers. Mail comes in order, so that gaps are rare.
pub(crate) const MAX_RANGES: usize = 64;
/// Runs in a map from message numbers to positions; the oldest go first.
pub(crate) const MAX_RUNS: usize = 256;
/// Characters of a conversation's preview: one line of a list.
pub(crate) const PREVIEW_CHARS: usize = 80;
/// Sessions per device that can only receive.
pub(crate) const MAX_OLD_SESSIONS: usize = 8;
/// How long an old session can still receive: as long as mail may wait.
pub(crate) const OLD_SESSION_LIFETIME: u64 = pawl_wire::limits::MAIL_LIFETIME_MS;
/// After this time without any answer a session is begun anew, while the peer still has the prekeys
/// of both.
pub(crate) const UNANSWERED_SESSION_LIFETIME: u64 = 20 * DAY;
/// How often signed prekey and last-resort prekey are replaced.
pub(crate) const PREKEY_ROTATION: u64 = 7 * DAY;
/// How long replaced ones are kept: as long as mail may wait.
pub(crate) const OLD_PREKEY_LIFETIME: u64 = pawl_wire::limits::MAIL_LIFETIME_MS;
/// How long a one-time prekey is kept that the relay has no more: whoever claimed it has a signed prekey, too,
/// that is replaced and erased within this time, and can write nothing that opens from then on.
pub(crate) const GONE_PREKEY_LIFETIME: u64 = PREKEY_ROTATION + OLD_PREKEY_LIFETIME;
/// Private one-time prekeys of a kind: what the relay holds, what is on its way there, and three hundred that
/// claimed bundles may still use. More than a relay has while a device is away; and anybody can claim more.
pub(crate) const MAX_PRIVATE_ONE_TIME: usize = 400;
/// Handshakes without any one-time key that are remembered until their prekeys are erased, five weeks at
/// most; when full, further ones are refused. Under a megabyte.
pub(crate) const MAX_FINGERPRINTS: usize = 8_192;
/// Such handshakes of accounts to whom the person of this device has never written. The rest is for the others,
/// so that no number of strangers keeps a known person's session from being mended.
pub(crate) const MAX_STRANGER_FINGERPRINTS: usize = MAX_FINGERPRINTS - 1_024;
/// Such handshakes of one account. Mending begins eleven sessions on the first day of trouble and one on each
/// later one: 47 until the prekeys of the first are erased, and a few reinstalls.
pub(crate) const MAX_FINGERPRINTS_PER_ACCOUNT: usize = 64;
/// Such handshakes of one stranger where strangers have taken half of theirs. So it takes 952 accounts to take
/// all of it.
pub(crate) const CROWDED_FINGERPRINTS: usize = 4;
/// Strangers whose messages wait for a place.
pub(crate) const MAX_REQUESTS: usize = 256;
/// Bytes of one of them that wait: nine short messages.
pub(crate) const MAX_REQUEST_BYTES: usize = 16 * 1024;
/// Uploads of prekeys at once: twenty times what fills an empty relay for the first time and mends it a few
/// times, too. A relay that loses keys, or says so, gets no more than these.
pub(crate) const UPLOAD_BURST: u64 = 100;
/// And one more in this time: 4,800 keys of a kind in a day.
pub(crate) const UPLOAD_INTERVAL: u64 = 15 * 60 * 1_000;
/// What it counts as to begin replacing all keys, because the relay has others than it was given; the rest of them
/// counts as usual, so that it is eleven in all: nine times at once.
pub(crate) const REPAIR_COST: u64 = 10;
/// How far ids of prekeys jump when the relay says that they were used before.
pub(crate) const PREKEY_ID_JUMP: u32 = 10_000;
/// Deliveries that may be unacknowledged at once, and those that wait here for a name to be looked up.
pub(crate) const RECEIVE_WINDOW: u32 = 64;
/// The largest sequence number that the relay is told. No honest relay comes near it; a device that was given a larger one
/// by a relay that lies begins at 0 again, or the honest relay would take it for malformed for ever.
pub(crate) const MAX_TOLD_SEQ: u64 = 1 << 48;
/// How far ahead of the last one a sequence number may be: more messages than a mailbox gets in a life. A number
/// beyond it costs the connection.
pub(crate) const MAX_SEQ_LEAP: u64 = 1 << 32;
/// Names that are being looked up at once.
pub(crate) const MAX_LOOKUPS: usize = 64;
/// People who have written for the first time and whose names are not confirmed yet: more than anybody
/// meets while offline, and at the pace below looked up within two minutes. What others write meanwhile is
/// refused, since anybody can invent names without end.
pub(crate) const MAX_STRANGER_NAMES: usize = 256;
/// Bytes of messages that wait for their senders' names: some thousand ordinary ones. Beyond it the queue
/// waits, since those people are being looked up.
pub(crate) const MAX_STRANGER_BYTES: usize = 4 * 1024 * 1024;
/// Milliseconds between two look-ups of strangers: a fifth of what a relay allows one address.
pub(crate) const STRANGER_LOOKUP_INTERVAL: u64 = 500;
/// Alerts about strangers per connection: anybody can cause them, and the first says it.
pub(crate) const MAX_STRANGER_ALERTS: u32 = 3;
/// How long mail waits at a relay.
pub(crate) const MAIL_LIFETIME: u64 = pawl_wire::limits::MAIL_LIFETIME_MS;
/// Conversations that are being started at once with one name: more commands than that are a fault.
pub(crate) const MAX_WAITING_COMMANDS: usize = 256;
/// Ranges of one kind in one receipt: one of each as a rule, two kilobytes at worst.
pub(crate) const MAX_RECEIPT_RANGES: usize = MAX_RANGES;

/// A day.
pub(crate) const DAY: u64 = 24 * 60 * 60 * 1_000;
/// Until a socket must be open, greeted or authenticated.
pub(crate) const CONNECT_TIMEOUT: u64 = 15_000;
/// How long a registration is worked for: the relay waits ten seconds longer, in which the answer must arrive.
pub(crate) const WORK_PATIENCE: u64 = pawl_wire::limits::WORK_TIMEOUT_MS - 10_000;
/// Numbers that are tried in one step: a hundredth of a second in a browser, a tenth on a slow telephone.
pub(crate) const WORK_SLICE: u64 = 1 << 16;
/// Until a closing socket counts as closed.
pub(crate) const CLOSE_TIMEOUT: u64 = 5_000;
/// How long a page counts as looked at after it said so: it says so every 15 seconds while it is visible.
pub(crate) const WATCH_LEASE: u64 = 30_000;
/// Longest wait for an answer to a ping, where quicker ones did not come: half of the time that the relay waits.
pub(crate) const LONGEST_PATIENCE: u64 = 40_000;
/// Bytes a millisecond of the slowest line that is not taken for dead while it carries what was asked.
pub(crate) const SLOWEST_LINE: u64 = 4;
/// From the end of a connection to an attempt that a person's key press or look asks for.
pub(crate) const NUDGE_PAUSE: u64 = 1_000;
/// First wait before another connection; doubles.
pub(crate) const BACKOFF_FIRST: u64 = 500;
/// Longest wait before another connection.
pub(crate) const BACKOFF_LAST: u64 = 30_000;
/// Wait where another attempt at once cannot help: replaced by another connection of this device.
pub(crate) const REPLACED_WAIT: u64 = 30_000;
/// Wait where only a change at the relay or of this code helps.
pub(crate) const SLOW_RETRY: u64 = 5 * 60 * 1_000;
/// First wait before a refused envelope or claim is tried again; doubles.
pub(crate) const RESUBMIT_FIRST: u64 = 2_000;
/// Longest wait before a refused envelope or claim is tried again.
pub(crate) const RESUBMIT_LAST: u64 = 5 * 60 * 1_000;
/// How long receipts are gathered.
pub(crate) const RECEIPT_DELAY: u64 = 200;
/// Received texts after which receipts go out without waiting.
pub(crate) const RECEIPT_BATCH: usize = 32;
/// Somebody who asks over and over is answered once in this time: nobody learns more often in this way whether
/// a device is on, or makes it work.
pub(crate) const ANSWER_INTERVAL: u64 = 60 * 1_000;
/// Answers before that, as the time that they stand for: a thousand texts that are sent again ask 32 times.
pub(crate) const ANSWERS_AT_ONCE: u64 = 31 * ANSWER_INTERVAL;
/// How often an answer to a receipt may ask in turn: once is enough for both to know what arrived, and
/// nobody asks for ever.
pub(crate) const MEND_ROUNDS: u32 = 1;
/// Wait after the first session that was begun because of a failure before the next one; doubles. Short,
/// because a second failure at once is ordinary; the doubling is what stops a storm.
pub(crate) const MEND_FIRST: u64 = 60 * 1_000;
/// Longest such wait while unreadable messages come in. Without any the wait goes on doubling.
pub(crate) const MEND_LAST: u64 = DAY;
/// After this time without a failure the wait is short again. Longer than the longest wait, so that a
/// steady trickle of garbage never gets the short one.
pub(crate) const MEND_FORGET: u64 = 2 * DAY;
/// People for whom sessions are begun within [`MEND_STEP`]: a device that lost all its sessions mends them
/// without asking the relay for thousands of bundles at once.
pub(crate) const MAX_MENDED_AT_ONCE: usize = 8;
/// See [`MAX_MENDED_AT_ONCE`].
pub(crate) const MEND_STEP: u64 = 1_000;
/// Own texts are with the relay, and nothing at all came from the other for so long: ask. Most of the
/// time they are away, so not at once; a quarter of a day is soon enough for what no receipt tells.
pub(crate) const SILENCE: u64 = 6 * 60 * 60 * 1_000;
/// What a question because of silence, on the session there is, counts as: the next one, over a new session,
/// comes 4 hours later, then each after twice the time. The mailbox of somebody who is away for a month holds 8.
pub(crate) const SILENCE_TRIES: u64 = 9;
/// A later text arrived and an earlier one did not for so long: mail comes in order, but receipts may
/// cross it.
pub(crate) const HOLE_PATIENCE: u64 = 30 * 1_000;
/// What could not be read is a line in the conversation when the other's device did not help for so
/// long. A day, because most people's devices are on within one, and then there is nothing to tell.
pub(crate) const NOTICE_AFTER: u64 = DAY;
/// How long the other's device has to answer at least, on a connection, before that line.
pub(crate) const NOTICE_PATIENCE: u64 = 60 * 1_000;
/// Texts sent again at once, then the other's word is awaited: what one wrong word can cause.
pub(crate) const RESEND_BATCH: usize = 32;
/// How often a text is sent again, over half an hour, before it is shown as not sent.
pub(crate) const RESEND_TRIES: u64 = 5;
/// Texts whose tries are remembered: twice what is sent again at once. Those tried longest ago are
/// forgotten first.
pub(crate) const MAX_RESENT: usize = 64;
/// Texts sent again to one person in a day: a contact who says over and over that nothing arrived
/// costs no more.
pub(crate) const RESENDS_PER_DAY: u64 = 1_000;
/// How long a text that had arrived can be asked for once more: as long as mail may wait. A store that goes
/// further back loses it; who took the other's keys gets nothing older.
pub(crate) const ASKED_BACK_LIFETIME: u64 = pawl_wire::limits::MAIL_LIFETIME_MS;
/// Runs of own texts whose positions are kept after they were read, so that they can be sent again to a
/// device that went back in time.
pub(crate) const KEPT_RUNS: usize = 64;

/// How often old keys and sessions are looked for, and how long the clock must have said a time before
/// anything is erased by it.
pub(crate) const HOUSEKEEPING_INTERVAL: u64 = 6 * 60 * 60 * 1_000;
/// Sessions that are looked at in one step.
pub(crate) const MAX_LOOKED_AT_SESSIONS: usize = 1_024;
/// Devices whose trouble is looked at in one step.
pub(crate) const MAX_TROUBLED_PER_STEP: usize = 256;
/// Sessions that are written because their old keys went, in one step: each has up to 45 kB, and a step is
/// one transaction. The others follow in the next step.
pub(crate) const MAX_SWEPT_SESSIONS: usize = 64;

/// Wait before attempt `failures + 1`, doubling from `first` to `last`.
pub(crate) fn backoff(first: u64, last: u64, failures: u32) -> u64 {
    first.saturating_mul(1 << failures.min(20)).min(last)
}

/// Receipts written in one step: each changes three records, and a step is one transaction of at most
/// some thousands. The others follow in the next step.
pub(crate) const MAX_RECEIPTS_PER_STEP: usize = 256;
