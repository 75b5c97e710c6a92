//! What each frame of an authenticated client asks of the store, and what it is answered.

use std::sync::Arc;

use pawl_wire::limits::{KEM_RECORD, ONE_TIME_PREKEY_RECORD, SIGNED_PREKEY_RECORD};
use pawl_wire::{
    BundleRefusal, ClaimId, ClientFrame, ConnectionError, DeviceAddress, KeyRecord, PublishedKeys,
    RelayFrame, Submit, SubmitRefusal, Username, envelope,
};

use super::outgoing::End;
use super::session::Connection;
use crate::store::{Claimed, Published, Submitted};

/// A full mailbox empties when its owner comes back: minutes, not seconds.
pub(super) const FULL_RETRY_MS: u64 = 60_000;

impl Connection<'_> {
    /// Takes one request; its answer is queued behind those of the requests before it. What is rare is boxed, so
    /// that the frequent ones need little room.
    pub(super) async fn request(&mut self, frame: ClientFrame) -> Result<(), End> {
        match frame {
            ClientFrame::Auth(_) | ClientFrame::Register(_) => {
                Err(ConnectionError::Malformed.into())
            }
            ClientFrame::Submit(submit) => self.submit(submit).await,
            ClientFrame::Ack { through } => self.acknowledge(through).await,
            ClientFrame::LookUp { username } => Box::pin(self.look_up(username)).await,
            ClientFrame::FetchBundle { claim, device } => Box::pin(self.claim(claim, device)).await,
            ClientFrame::Publish { request, keys } => Box::pin(self.publish(request, keys)).await,
            ClientFrame::Ping { token } => {
                self.answer(std::future::ready(Ok(Some(RelayFrame::Pong { token }))));
                Ok(())
            }
        }
    }

    async fn submit(&mut self, submit: Submit) -> Result<(), End> {
        if !envelope::may_come_from(&submit.envelope, self.address) {
            return Err(ConnectionError::Malformed.into());
        }
        let message_id = submit.message_id;
        self.relay
            .top()
            .submitted(self.device, submit.envelope.len());
        let refused = move |cause, retry_after_ms| RelayFrame::Refused {
            message_id,
            cause,
            retry_after_ms,
        };
        if submit.envelope.len() > self.relay.limits().message_bytes {
            let frame = refused(SubmitRefusal::TooLarge, 0);
            self.answer(std::future::ready(Ok(Some(frame))));
            return Ok(());
        }
        if let Err(wait) = self.submits.check() {
            let frame = refused(SubmitRefusal::RateLimited, wait.0);
            self.answer(std::future::ready(Ok(Some(frame))));
            return Ok(());
        }
        let stored = self
            .relay
            .store()
            .submit(self.whose(), &self.lane, self.device, submit)
            .await?;
        self.answer(async move {
            let frame = match stored.await? {
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
            };
            Ok(Some(frame))
        });
        Ok(())
    }

    async fn acknowledge(&mut self, through: u64) -> Result<(), End> {
        let is_new = self
            .delivery
            .acknowledge(through)
            .map_err(|_| ConnectionError::Malformed)?;
        if is_new {
            let store = self.relay.store();
            store
                .acknowledge(self.whose(), self.device, through)
                .await?;
        }
        Ok(())
    }

    /// A look-up has no refusal of its own: one that comes too fast ends the connection.
    async fn look_up(&mut self, username: Username) -> Result<(), End> {
        if let Err(wait) = self.relay.rates().look_up(self.ip) {
            return Err(End::Error(ConnectionError::RateLimited, wait.0));
        }
        let record = self
            .relay
            .store()
            .look_up(self.whose(), username.clone())
            .await?;
        self.answer(async move {
            let record = record.await?;
            Ok(Some(RelayFrame::Account { username, record }))
        });
        Ok(())
    }

    async fn claim(&mut self, claim: ClaimId, device: DeviceAddress) -> Result<(), End> {
        if let Err(wait) = self.relay.rates().claim(self.ip, self.device, device) {
            let frame = RelayFrame::NoBundle {
                claim,
                cause: BundleRefusal::RateLimited,
                retry_after_ms: wait.0,
            };
            self.answer(std::future::ready(Ok(Some(frame))));
            return Ok(());
        }
        let hub = Arc::clone(self.relay.hub());
        let low = move |device| hub.keys_low(device);
        let claimed = self
            .relay
            .store()
            .claim(self.whose(), claim, device, low)
            .await?;
        self.answer(async move {
            let frame = match claimed.await? {
                Claimed::Bundle { bundle, .. } => RelayFrame::Bundle { claim, bundle },
                Claimed::UnknownDevice => RelayFrame::NoBundle {
                    claim,
                    cause: BundleRefusal::UnknownDevice,
                    retry_after_ms: 0,
                },
            };
            Ok(Some(frame))
        });
        Ok(())
    }

    /// Nor has an upload: a client paces its own far below the limit.
    async fn publish(&mut self, request: u32, keys: PublishedKeys) -> Result<(), End> {
        if !are_keys(&keys) {
            return Err(ConnectionError::Malformed.into());
        }
        if let Err(wait) = self.relay.rates().upload(self.device) {
            return Err(End::Error(ConnectionError::RateLimited, wait.0));
        }
        let published = self
            .relay
            .store()
            .publish(self.whose(), self.device, keys)
            .await?;
        self.answer(async move {
            match published.await? {
                Published::Done => Ok(Some(RelayFrame::Published { request })),
                Published::KeyReused => Err(ConnectionError::KeyReused.into()),
            }
        });
        Ok(())
    }
}

/// Ids begin at 1; 0 stands for "none" in a stock. Each kind of record has one length: what is longer would only fill
/// the disk.
pub(super) fn are_keys(keys: &PublishedKeys) -> bool {
    let are = |keys: &[KeyRecord], length| {
        let is = |key: &KeyRecord| key.id != 0 && key.record.len() == length;
        keys.iter().all(is)
    };
    are(keys.signed_prekey.as_slice(), SIGNED_PREKEY_RECORD)
        && are(keys.last_resort_kem.as_slice(), KEM_RECORD)
        && are(&keys.one_time_prekeys, ONE_TIME_PREKEY_RECORD)
        && are(&keys.one_time_kems, KEM_RECORD)
}
