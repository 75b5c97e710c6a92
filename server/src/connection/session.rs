//! An authenticated connection: requests in, answers out in the order of the requests, mail in the
//! order of the mailbox.
//!
//! Requests go to the store as they come and are answered when they are durable, so that one group
//! commit serves many. Everything is bounded: answers on their way, deliveries, time.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use pawl_wire::{ClientFrame, ConnectionError, RelayFrame};
use tokio::sync::watch;
use tokio::time::Sleep;

use super::authenticate::Admitted;
use super::outgoing::End;
use super::reader::Incoming;
use super::socket::Socket;
use crate::clock;
use crate::random;
use crate::requests::{self, Answer, Asker, Rejected, Sending};
use crate::routing::delivery::Delivery;
use crate::routing::hub::{Hints, Live};
use crate::state::Relay;
use crate::store::{Letter, Listener, MailRead, Pending, StoreError};

/// Requests of one connection that may be on their way to the disk; then its socket is not read.
pub(crate) const MAX_UNANSWERED: usize = 64;

/// How long a closing connection waits for its answers: a few slow commits.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Clients come back spread over this many milliseconds after a restart.
const RECONNECT_SPREAD_MS: u64 = 2_000;

pub(super) struct Connection<'a> {
    relay: Arc<Relay>,
    asker: Asker,
    sending: Sending,
    delivery: Delivery,
    answers: FuturesOrdered<Answer>,
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
    Answer(Result<RelayFrame, Rejected>),
    Mail(Result<MailRead, StoreError>),
    Incoming(Incoming),
    Alarm,
    Drain,
}

impl<'a> Connection<'a> {
    pub(super) fn new(relay: &Arc<Relay>, socket: &'a mut Socket, admitted: Admitted) -> Self {
        Self {
            relay: Arc::clone(relay),
            asker: admitted.asker,
            sending: Sending::new(relay.limits().submits_per_second),
            delivery: admitted.delivery,
            answers: FuturesOrdered::new(),
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
        let (store, asker) = (self.relay.store(), self.asker);
        let _ = store
            .leave(asker.whose(), asker.device, self.live.outlet())
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
            Event::Answer(answer) => self.socket.out.send(&answer?).await,
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
        let asker = self.asker;
        if hints.bans() && self.relay.bans().is_device_banned(asker.ip, asker.device) {
            return Err(Rejected::BANNED.into());
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
            let stock = self.relay.store().stock(asker.whose(), asker.device);
            let stock = Box::pin(stock).await?;
            let answer = async move { Ok(RelayFrame::KeysLow(stock.await?)) };
            self.answers.push_back(Box::pin(answer));
        }
        Ok(())
    }

    async fn incoming(&mut self, incoming: Incoming) -> Result<(), End> {
        match incoming {
            Incoming::Message(bytes) => {
                let frame = ClientFrame::decode(&bytes).map_err(|_| ConnectionError::Malformed)?;
                let (sending, delivery) = (&self.sending, &mut self.delivery);
                let answer =
                    requests::take(frame, &self.relay, self.asker, sending, delivery).await?;
                self.answers.extend(answer);
                Ok(())
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
            let (store, asker) = (self.relay.store(), self.asker);
            let read = store.read_mail(asker.whose(), asker.device, cursor, messages, bytes);
            self.reading = Some(Box::pin(read).await?);
        }
        if self.reading.is_none() && !self.listening && self.delivery.has_everything() {
            self.listening = true;
            let listener = Listener {
                device: self.asker.device,
                address: self.asker.address,
                outlet: self.live.outlet(),
                cursor: self.delivery.cursor(),
                window: self.delivery.window(),
            };
            Box::pin(self.relay.store().listen(self.asker.whose(), listener)).await?;
        }
        Ok(())
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
            let (whose, lane) = (self.asker.whose(), self.sending.lane());
            Box::pin(self.relay.store().hurry(whose, lane)).await?;
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

    /// The relay goes down: what was asked is still answered, nothing more is read.
    async fn say_goodbye(&mut self) -> End {
        let drain = RelayFrame::Drain {
            reconnect_after_ms: RECONNECT_SPREAD_MS / 4 + random::jitter(RECONNECT_SPREAD_MS),
        };
        let finish = async {
            self.socket.out.send(&drain).await?;
            while let Some(answer) = self.answers.next().await {
                self.socket.out.send(&answer?).await?;
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
