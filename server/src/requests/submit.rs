//! `Submit`: an envelope for a mailbox.

use std::num::NonZeroU32;

use pawl_wire::{ConnectionError, RelayFrame, Submit, SubmitRefusal, envelope};

use super::answer::{Answer, at_once};
use super::asker::Asker;
use super::rejected::{FULL_RETRY_MS, Rejected};
use crate::limits::rates::SubmitRate;
use crate::store::{Lane, Store, Submitted};
use crate::top::Top;

/// The envelopes of one connection: how fast they come, and in which order they are stored.
pub(crate) struct Sending {
    rate: SubmitRate,
    lane: Lane,
}

impl Sending {
    pub(crate) fn new(per_second: NonZeroU32) -> Self {
        Self {
            rate: SubmitRate::new(per_second),
            lane: Lane::default(),
        }
    }

    pub(crate) fn lane(&self) -> &Lane {
        &self.lane
    }
}

/// Takes an envelope of `most` bytes at most.
pub(super) async fn submit(
    submit: Submit,
    asker: Asker,
    sending: &Sending,
    most: usize,
    top: &Top,
    store: &Store,
) -> Result<Answer, Rejected> {
    if !envelope::may_come_from(&submit.envelope, asker.address) {
        return Err(ConnectionError::Malformed.into());
    }
    let message_id = submit.message_id;
    top.submitted(asker.device, submit.envelope.len());
    let refused = move |cause, retry_after_ms| RelayFrame::Refused {
        message_id,
        cause,
        retry_after_ms,
    };
    if submit.envelope.len() > most {
        return Ok(at_once(refused(SubmitRefusal::TooLarge, 0)));
    }
    if let Err(wait) = sending.rate.check() {
        return Ok(at_once(refused(SubmitRefusal::RateLimited, wait.0)));
    }
    let stored = store
        .submit(asker.whose(), &sending.lane, asker.device, submit)
        .await?;
    Ok(Box::pin(async move {
        Ok(match stored.await? {
            Submitted::Stored(_) => RelayFrame::Stored {
                message_id,
                duplicate: false,
            },
            Submitted::Duplicate => RelayFrame::Stored {
                message_id,
                duplicate: true,
            },
            Submitted::UnknownRecipient => refused(SubmitRefusal::UnknownRecipient, 0),
            Submitted::MailboxFull => refused(SubmitRefusal::MailboxFull, FULL_RETRY_MS),
        })
    }))
}
