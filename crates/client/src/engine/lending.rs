//! Lends each flow the rooms that it needs.

use super::Engine;
use crate::engine::flows::composing::Composing;
use crate::engine::flows::establishing::Establishing;
use crate::engine::flows::looking_up::LookingUp;
use crate::engine::flows::mending::{Evidence, Mending};
use crate::engine::flows::receipts::WritingReceipts;
use crate::engine::flows::receiving::Receiving;
use crate::engine::flows::registration::Registration;
use crate::engine::flows::resending::Resending;
use crate::engine::flows::sending::Sending;
use crate::engine::flows::setting_aside::SettingAside;
use crate::engine::flows::status::Statuses;
use crate::engine::flows::submitted::Submitted;
use crate::engine::flows::trust::Trust;

impl Engine {
    pub(super) fn composing(&mut self) -> Composing<'_> {
        Composing {
            began_at: self.began_at,
            counters: &mut self.counters,
            contacts: &self.contacts,
            conversations: &mut self.conversations,
            channels: &mut self.channels,
            outbox: &mut self.outbox,
        }
    }

    pub(super) fn establishing(&mut self) -> Option<Establishing<'_>> {
        let own = self.account.get().ready()?;
        Some(Establishing {
            own,
            contacts: &mut self.contacts,
            conversations: &mut self.conversations,
            channels: &mut self.channels,
            sessions: &mut self.sessions,
            outbox: &mut self.outbox,
            lookups: &mut self.lookups,
            repairs: &mut self.repairs,
            receipts: &mut self.receipts,
        })
    }

    pub(super) fn mending(&mut self) -> Mending<'_> {
        Mending {
            counters: &mut self.counters,
            contacts: &self.contacts,
            conversations: &mut self.conversations,
            channels: &mut self.channels,
            sessions: &mut self.sessions,
            outbox: &mut self.outbox,
            lookups: &mut self.lookups,
            repairs: &mut self.repairs,
            receipts: &mut self.receipts,
        }
    }

    pub(super) fn evidence(&mut self) -> Evidence<'_> {
        Evidence {
            channels: &mut self.channels,
            sessions: &self.sessions,
            outbox: &mut self.outbox,
            repairs: &mut self.repairs,
        }
    }

    pub(super) fn resending(&mut self) -> Resending<'_> {
        Resending {
            counters: &mut self.counters,
            contacts: &self.contacts,
            conversations: &mut self.conversations,
            channels: &mut self.channels,
            outbox: &mut self.outbox,
            repairs: &mut self.repairs,
            receipts: &mut self.receipts,
        }
    }

    pub(super) fn writing_receipts(&mut self) -> WritingReceipts<'_> {
        WritingReceipts {
            counters: &mut self.counters,
            contacts: &self.contacts,
            conversations: &self.conversations,
            channels: &mut self.channels,
            outbox: &mut self.outbox,
            repairs: &mut self.repairs,
            receipts: &mut self.receipts,
        }
    }

    pub(super) fn submitted(&mut self) -> Submitted<'_> {
        Submitted {
            contacts: &self.contacts,
            conversations: &self.conversations,
            channels: &mut self.channels,
            outbox: &mut self.outbox,
            lookups: &mut self.lookups,
            repairs: &mut self.repairs,
            receipts: &mut self.receipts,
        }
    }

    pub(super) fn sending(&mut self) -> Option<Sending<'_>> {
        let own = self.account.get().ready()?;
        Some(Sending {
            own,
            contacts: &self.contacts,
            channels: &mut self.channels,
            sessions: &mut self.sessions,
            outbox: &mut self.outbox,
            lookups: &mut self.lookups,
        })
    }

    pub(super) fn trust(&mut self) -> Trust<'_> {
        Trust {
            contacts: &mut self.contacts,
            conversations: &mut self.conversations,
            aside: &mut self.aside,
            channels: &mut self.channels,
            sessions: &mut self.sessions,
            outbox: &mut self.outbox,
            repairs: &mut self.repairs,
        }
    }

    pub(super) fn setting_aside(&mut self) -> SettingAside<'_> {
        SettingAside {
            contacts: &self.contacts,
            conversations: &mut self.conversations,
            aside: &mut self.aside,
            channels: &mut self.channels,
        }
    }

    pub(super) fn receiving(&mut self) -> Receiving<'_> {
        Receiving {
            account: &self.account,
            counters: &mut self.counters,
            seen: &mut self.seen,
            contacts: &mut self.contacts,
            conversations: &mut self.conversations,
            aside: &mut self.aside,
            channels: &mut self.channels,
            sessions: &mut self.sessions,
            prekeys: &mut self.prekeys,
            outbox: &mut self.outbox,
            strangers: &mut self.strangers,
            requests: &mut self.requests,
            inbox: &mut self.inbox,
            repairs: &mut self.repairs,
            receipts: &mut self.receipts,
        }
    }

    pub(super) fn looking_up(&mut self) -> LookingUp<'_> {
        LookingUp {
            account: &self.account,
            commands: &mut self.commands,
            counters: &mut self.counters,
            seen: &mut self.seen,
            contacts: &mut self.contacts,
            conversations: &mut self.conversations,
            aside: &mut self.aside,
            channels: &mut self.channels,
            sessions: &mut self.sessions,
            prekeys: &mut self.prekeys,
            outbox: &mut self.outbox,
            strangers: &mut self.strangers,
            requests: &mut self.requests,
            lookups: &mut self.lookups,
            inbox: &mut self.inbox,
            repairs: &mut self.repairs,
            receipts: &mut self.receipts,
        }
    }

    pub(super) fn registration(&mut self) -> Registration<'_> {
        Registration {
            account: &mut self.account,
            commands: &mut self.commands,
            counters: &mut self.counters,
            prekeys: &mut self.prekeys,
        }
    }

    pub(super) fn statuses(&self) -> Statuses<'_> {
        Statuses {
            contacts: &self.contacts,
            conversations: &self.conversations,
            outbox: &self.outbox,
        }
    }
}
