//! An authenticated connection: requests in, answers out in the order of the requests, mail in the
//! order of the mailbox.
//!
//! Requests go to the store as they come and are answered when they are durable, so that one group
//! commit serves many. Everything is bounded: answers on their way, deliveries, time.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use pawl_wire::{ClientFrame, ConnectionError, DeviceAddress, RelayFrame};
use tokio::sync::watch;
use tokio::time::Sleep;

use super::authenticate::Admitted;
use super::outgoing::End;
use super::reader::Incoming;
use super::socket::Socket;
use crate::clock;
use crate::limits::bans;
use crate::limits::rates::SubmitRate;
use crate::random;
use crate::routing::delivery::Delivery;
use crate::routing::hub::{Hints, Live};
use crate::state::Relay;
use crate::store::{DeviceId, Lane, Letter, Listener, MailRead, Pending, StoreError, Whose};

/// Requests of one connection that may be on their way to the disk; then its socket is not read.
pub(crate) const MAX_UNANSWERED: usize = 64;

/// How long a closing connection waits for its answers: a few slow commits.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Clients come back spread over this many milliseconds after a restart.
const RECONNECT_SPREAD_MS: u64 = 2_000;

/// An answer on its way; `None` for a request that has none.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Option<RelayFrame>, End>>>>;

pub(super) struct Connection<'a> {
    pub(super) relay: Arc<Relay>,
    pub(super) ip: IpAddr,
    pub(super) device: DeviceId,
    pub(super) address: DeviceAddress,
    pub(super) delivery: Delivery,
    pub(super) answers: FuturesOrdered<Answer>,
    pub(super) submits: SubmitRate,
    pub(super) lane: Lane,
    socket: &'a mut Socket,
    live: Live,
    reading: Option<Pending<MailRead>>,
    /// The store was told that this connection has everything.
    listening: bool,
    /// The store was told that this connection is not read before it is answered.
    hurried: bool,
    closing: watch::Receiver<bool>,
}

/// What happened next.
enum Event {
    Hints(Hints),
    Answer(Result<Option<RelayFrame>, End>),
    Mail(Result<MailRead, StoreError>),
    Incoming(Incoming),
    Alarm,
    Drain,
}

impl<'a> Connection<'a> {
    pub(super) fn new(
        relay: &Arc<Relay>,
        ip: IpAddr,
        socket: &'a mut Socket,
        admitted: Admitted,
    ) -> Self {
        Self {
            relay: Arc::clone(relay),
            ip,
            device: admitted.device,
            address: admitted.address,
            delivery: admitted.delivery,
            answers: FuturesOrdered::new(),
            submits: SubmitRate::new(relay.limits().submits_per_second),
            lane: Lane::default(),
            socket,
            live: admitted.live,
            reading: None,
            listening: false,
            hurried: false,
            closing: relay.admission().closing(),
        }
    }

    /// Serves until the connection ends.
    pub(super) async fn run(&mut self) -> End {
        let end = self.serve().await;
        // Without this word the store would find out when the window is full.
        let _ = self
            .relay
            .store()
            .leave(self.whose(), self.device, self.live.outlet())
            .await;
        end
    }

    async fn serve(&mut self) -> End {
        let idle = self.relay.limits().idle_timeout;
        let mut quiet_until = clock::deadline(idle);
        // Set again only when it fires: a timer costs more than most frames.
        let alarm = tokio::time::sleep_until(quiet_until);
        tokio::pin!(alarm);
        loop {
            if let Err(end) = self.read_mail().await {
                return end;
            }
            if let Err(end) = self.hurry().await {
                return end;
            }
            let event = match self.next_event(alarm.as_mut()).await {
                Ok(event) => event,
                Err(end) => return end,
            };
            match event {
                Event::Incoming(_) => quiet_until = clock::deadline(idle),
                // It is not read while it has much to take; whether it takes that, the kernel looks.
                Event::Alarm if self.socket.out.is_behind() => {
                    quiet_until = clock::deadline(idle);
                    alarm.as_mut().reset(quiet_until);
                    continue;
                }
                Event::Alarm if clock::now() < quiet_until => {
                    alarm.as_mut().reset(quiet_until);
                    continue;
                }
                _ => (),
            }
            // On the heap while it lasts: an idle connection, of which there are thousands, needs no room for it.
            if let Err(end) = Box::pin(self.handle(event)).await {
                return end;
            }
        }
    }

    async fn next_event(&mut self, alarm: Pin<&mut Sleep>) -> Result<Event, End> {
        let may_read = self.may_read();
        let Socket { reader, out } = &mut *self.socket;
        let incoming = async {
            out.taken().await?;
            Ok::<_, End>(reader.next().await?)
        };
        tokio::select! {
            biased;
            _ = self.closing.wait_for(|closing| *closing) => Ok(Event::Drain),
            hints = self.live.hints() => Ok(Event::Hints(hints)),
            Some(answer) = self.answers.next(), if !self.answers.is_empty() => {
                Ok(Event::Answer(answer))
            }
            read = when_some(&mut self.reading) => Ok(Event::Mail(read)),
            incoming = incoming, if may_read => Ok(Event::Incoming(incoming?)),
            () = alarm => Ok(Event::Alarm),
        }
    }

    async fn handle(&mut self, event: Event) -> Result<(), End> {
        match event {
            Event::Hints(hints) => self.follow(hints).await,
            Event::Answer(answer) => match answer? {
                Some(frame) => self.socket.out.send(&frame).await,
                None => Ok(()),
            },
            Event::Mail(read) => self.deliver(read?).await,
            Event::Incoming(incoming) => self.incoming(incoming).await,
            Event::Alarm => Err(ConnectionError::TimedOut.into()),
            Event::Drain => Err(Box::pin(self.say_goodbye()).await),
        }
    }

    async fn follow(&mut self, hints: Hints) -> Result<(), End> {
        if hints.replaced() {
            return Err(ConnectionError::Replaced.into());
        }
        if hints.erased() {
            return Err(ConnectionError::UnknownDevice.into());
        }
        if hints.bans() && self.relay.bans().is_device_banned(self.ip, self.device) {
            return Err(End::Error(ConnectionError::Banned, bans::RETRY_MS));
        }
        if hints.letters() {
            while let Some(letter) = self.live.letter() {
                self.send_letter(letter).await?;
            }
        }
        if hints.mail() {
            self.delivery.hint();
            self.listening = false;
        }
        if hints.keys_low() {
            let stock = Box::pin(self.relay.store().stock(self.whose(), self.device)).await?;
            self.answer(async move { Ok(Some(RelayFrame::KeysLow(stock.await?))) });
        }
        Ok(())
    }

    async fn incoming(&mut self, incoming: Incoming) -> Result<(), End> {
        match incoming {
            Incoming::Message(bytes) => {
                let frame = ClientFrame::decode(&bytes).map_err(|_| ConnectionError::Malformed)?;
                self.request(frame).await
            }
            Incoming::Ping(payload) => self.socket.out.pong(&payload).await,
            Incoming::Pong => Ok(()),
            Incoming::Close => Err(End::Closed),
        }
    }

    /// Asks the store for mail when there may be some and the window has room.
    async fn read_mail(&mut self) -> Result<(), End> {
        if self.reading.is_none()
            && let Some((messages, bytes)) = self.delivery.begin_read()
        {
            let cursor = self.delivery.cursor();
            let store = self.relay.store();
            let read =
                Box::pin(store.read_mail(self.whose(), self.device, cursor, messages, bytes))
                    .await?;
            self.reading = Some(read);
        }
        if self.reading.is_none() && !self.listening && self.delivery.has_everything() {
            self.listening = true;
            let listener = Listener {
                device: self.device,
                address: self.address,
                outlet: self.live.outlet(),
                cursor: self.delivery.cursor(),
                window: self.delivery.window(),
            };
            Box::pin(self.relay.store().listen(self.whose(), listener)).await?;
        }
        Ok(())
    }

    /// In whose turn its requests are.
    pub(super) fn whose(&self) -> Whose {
        Whose::device(self.ip, self.device)
    }

    fn may_read(&self) -> bool {
        self.answers.len() < MAX_UNANSWERED
    }

    /// While this connection is not read, its acknowledgements are not heard. Two that write much to each other would
    /// so wait for each other; therefore its answers then wait for the disk only.
    async fn hurry(&mut self) -> Result<(), End> {
        if self.may_read() {
            self.hurried = false;
        } else if !self.hurried && self.delivery.awaits_acknowledgement() {
            self.hurried = true;
            Box::pin(self.relay.store().hurry(self.whose(), &self.lane)).await?;
        }
        Ok(())
    }

    async fn send_letter(&mut self, letter: Letter) -> Result<(), End> {
        if !self.delivery.deliver(&letter) {
            return Ok(());
        }
        let frame = RelayFrame::Deliver {
            seq: letter.seq,
            message_id: letter.message_id,
            envelope: letter.envelope,
        };
        self.socket.out.send(&frame).await
    }

    async fn deliver(&mut self, read: MailRead) -> Result<(), End> {
        for letter in read.letters {
            self.send_letter(letter).await?;
        }
        if let Some(through) = self.delivery.end_read(read.at_end) {
            let frame = RelayFrame::QueueEmpty { through };
            self.socket.out.send(&frame).await?;
        }
        Ok(())
    }

    pub(super) fn answer(
        &mut self,
        answer: impl Future<Output = Result<Option<RelayFrame>, End>> + 'static,
    ) {
        self.answers.push_back(Box::pin(answer));
    }

    /// The relay goes down: what was asked is still answered, nothing more is read.
    async fn say_goodbye(&mut self) -> End {
        let drain = RelayFrame::Drain {
            reconnect_after_ms: RECONNECT_SPREAD_MS / 4 + random::jitter(RECONNECT_SPREAD_MS),
        };
        let finish = async {
            self.socket.out.send(&drain).await?;
            while let Some(answer) = self.answers.next().await {
                if let Some(frame) = answer? {
                    self.socket.out.send(&frame).await?;
                }
            }
            Ok(())
        };
        match tokio::time::timeout(DRAIN_TIMEOUT, finish).await {
            Ok(Err(end)) => end,
            Ok(Ok(())) | Err(_) => End::Restart,
        }
    }
}

/// Waits for what is there, empties the place, and waits for ever where nothing is.
async fn when_some<T>(place: &mut Option<Pending<T>>) -> Result<T, StoreError> {
    match place {
        Some(pending) => {
            let result = pending.await;
            *place = None;
            result
        }
        None => std::future::pending().await,
    }
}
