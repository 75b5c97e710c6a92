//! Trust in people's identity: pinned on first use, compared by safety number, changed. While it is
//! changed nothing is sent to them, and what the new account writes waits aside (`aside.rs`).

use pawl_protocol::{AccountKey, SafetyNumber, ScanError, VerifiedAccountRecord};

use crate::aside::Waiting;
use crate::contacts::PeerId;
use crate::engine::Engine;
use crate::error::CommandError;
use crate::event::{NoticeCause, SafetyNumberView};
use crate::ids::ConversationId;
use crate::limits::{MAX_HANDOVER_LINES, MAX_UNACCEPTED};
use crate::lines::Line;
use crate::turn::Turn;

impl Engine {
    /// The username belongs to another account now: the user must look.
    pub(crate) fn change_identity(
        &mut self,
        peer: PeerId,
        record: &VerifiedAccountRecord,
        turn: &mut Turn<'_>,
    ) {
        let account = record.account();
        let Some(contact) = self.contacts.edit(peer) else {
            return;
        };
        if contact.account == account {
            return self.give_back(peer, record, turn);
        }
        let is_news = contact.newest_account() != account;
        let mut seen = contact.changed.iter();
        if let Some(at) = seen.position(|(seen, _)| *seen == account) {
            contact.changed[at..].rotate_left(1);
            self.take_devices(peer, record);
        } else {
            contact.changed.push((account, record.record().encode()));
            if contact.changed.len() > MAX_UNACCEPTED {
                let (forgotten, _) = contact.changed.remove(0);
                self.end_sessions(&forgotten);
                self.drop_aside(peer, forgotten);
            }
        }
        if is_news {
            self.tell_handover(peer, NoticeCause::IdentityChanged, turn);
            self.show_waiting(peer, turn);
        }
        turn.shown.insert(peer);
    }

    /// The username is the pinned account's again: there is nothing to accept any more, what waited is for
    /// whom it was written, and what others wrote was never theirs. What is verified is the account, so that
    /// it still is.
    fn give_back(&mut self, peer: PeerId, record: &VerifiedAccountRecord, turn: &mut Turn<'_>) {
        self.take_devices(peer, record);
        self.drop_all_aside(peer);
        let Some(contact) = self.contacts.edit(peer) else {
            return;
        };
        let others = std::mem::take(&mut contact.changed);
        for (other, _) in &others {
            self.end_sessions(other);
        }
        if !others.is_empty() {
            let cause = match self.take_dropped(peer) {
                true => NoticeCause::ReturnedAndDropped,
                false => NoticeCause::Returned,
            };
            self.tell_handover(peer, cause, turn);
            self.show_waiting(peer, turn);
            self.sending.release(peer);
            self.trouble(peer);
        }
    }

    /// The name has changed hands. The newest line says who has it; where the lines before it say only that it
    /// went to and fro, that line is the one there is already, and counts.
    fn tell_handover(&mut self, peer: PeerId, cause: NoticeCause, turn: &mut Turn<'_>) {
        let Some(conversation) = self.conversations.edit(peer) else {
            return;
        };
        let last = conversation.last_notice;
        if last == Some(cause) {
            return;
        }
        conversation.handovers = conversation.handovers.saturating_add(1);
        let is_handover = last.is_some_and(NoticeCause::is_handover);
        if conversation.handovers <= MAX_HANDOVER_LINES || !is_handover {
            return self.notice(peer, cause, turn);
        }
        // The line that said so goes.
        conversation.dropped |= last == Some(NoticeCause::ReturnedAndDropped);
        let position = conversation.next_position - 1;
        let line = Line {
            times: conversation.handovers,
            ..Line::notice(cause, turn.now)
        };
        self.write_line(peer, position, line, None, turn);
    }

    /// Whether something that waited aside was dropped and no line has said so.
    fn take_dropped(&mut self, peer: PeerId) -> bool {
        let conversation = self.conversations.edit(peer);
        conversation.is_some_and(|it| std::mem::take(&mut it.dropped))
    }

    /// Own texts that are not sent yet wait for the user from now on, or no longer.
    fn show_waiting(&self, peer: PeerId, turn: &mut Turn<'_>) {
        for id in self.outbox.ids_of(peer) {
            if id.number > 0
                && let Some(entry) = self.outbox.get(id)
            {
                turn.show_status(peer, entry.position, self.status(peer, id.number));
            }
        }
    }

    fn end_sessions(&mut self, account: &AccountKey) {
        for tag in self.sessions.of_account(account) {
            self.sessions.remove(tag);
        }
    }

    /// The user accepts the changed identity: what waited goes out to it, sealed for nobody else.
    pub(crate) fn accept_identity(&mut self, peer: PeerId, turn: &mut Turn<'_>) {
        let Some(contact) = self.contacts.edit(peer) else {
            return;
        };
        let Some((account, record)) = contact.changed.pop() else {
            return;
        };
        let texts = self.aside.take(peer, account);
        self.drop_all_aside(peer);
        let Some(contact) = self.contacts.edit(peer) else {
            return;
        };
        let others = std::mem::take(&mut contact.changed);
        let previous = std::mem::replace(&mut contact.account, account);
        contact.record = record;
        contact.least_version = 0;
        contact.verified = false;
        contact.claim = None;
        contact.tags = self.sessions.of_account(&account);
        contact.active = self.sessions.newest_of(&account);
        contact.replied = contact.active.is_some();
        self.end_sessions(&previous);
        for (other, _) in others {
            self.end_sessions(&other);
        }
        self.begin_conversation_with(peer, account);
        self.note_version(peer);
        self.unseal_foreign(peer, |sealed| {
            sealed.recipient.account.0 == *account.as_bytes()
        });
        self.sending.release(peer);
        self.append_aside(peer, texts, turn);
        self.show_waiting(peer, turn);
        turn.shown.insert(peer);
    }

    /// What the account that is accepted has written stands under a line that says whose it is.
    fn append_aside(&mut self, peer: PeerId, texts: Vec<Waiting>, turn: &mut Turn<'_>) {
        if !texts.is_empty() {
            self.notice(peer, NoticeCause::IdentityChanged, turn);
        }
        for Waiting { number, line, .. } in texts {
            self.append_received(peer, number, line, turn);
        }
        if self.take_dropped(peer) {
            self.notice(peer, NoticeCause::OthersDropped, turn);
        }
        // The next change is told, also where nothing stands between.
        if let Some(conversation) = self.conversations.edit(peer) {
            conversation.last_notice = None;
            conversation.handovers = 0;
        }
    }

    /// Whom a command is about that names the safety number which the user looked at or scanned. Between
    /// their look and their click the relay may have put another key there: that one was never looked at.
    pub(crate) fn looked_at(
        &self,
        conversation: ConversationId,
        number: &[u8],
    ) -> Result<PeerId, CommandError> {
        let peer = self.peer(conversation)?;
        match self.number_with(peer)?.matches(number) {
            Ok(true) => Ok(peer),
            Ok(false) => Err(CommandError::SafetyNumberDiffers),
            Err(ScanError::NotASafetyNumber) => Err(CommandError::NotASafetyNumber),
            Err(ScanError::UnknownVersion(_)) => Err(CommandError::SafetyNumberVersion),
        }
    }

    fn number_with(&self, peer: PeerId) -> Result<SafetyNumber, CommandError> {
        let own = self.account.get().ready().ok_or(CommandError::NoAccount)?;
        let contact = self
            .contacts
            .get(peer)
            .ok_or(CommandError::UnknownConversation)?;
        Ok(SafetyNumber::between(
            &own.keys.public(),
            &contact.newest_account(),
        ))
    }

    /// The user compared the safety number that is shown, which is that of the newest account. To doubt that one
    /// says nothing of the pinned one.
    pub(crate) fn mark_verified(&mut self, peer: PeerId, verified: bool, turn: &mut Turn<'_>) {
        if verified {
            self.accept_identity(peer, turn);
        }
        if let Some(contact) = self.contacts.edit(peer)
            && contact.changed.is_empty()
        {
            contact.verified = verified;
        }
        turn.shown.insert(peer);
    }

    /// The safety number with the other of a conversation; after a change, with their new account.
    ///
    /// # Errors
    /// [`CommandError::NoAccount`], [`CommandError::UnknownConversation`].
    pub fn safety_number(
        &self,
        conversation: ConversationId,
    ) -> Result<SafetyNumberView, CommandError> {
        let peer = self.peer(conversation)?;
        let number = self.number_with(peer)?;
        let contact = self
            .contacts
            .get(peer)
            .ok_or(CommandError::UnknownConversation)?;
        Ok(SafetyNumberView {
            groups: number.to_string().split(' ').map(str::to_owned).collect(),
            qr: number.qr_payload().to_vec(),
            identity: contact.identity(),
            messages: self.aside.views(peer, contact.newest_account()),
        })
    }
}
