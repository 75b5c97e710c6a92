//! One step of one engine, carried out by `pawl-driver`. Here processes die, commits fail and tabs are fenced off; what
//! a driver could do wrong is done here instead, where a deliberate fault asks for it.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use pawl_client::{Change, Effects, Event, Input, Key, SocketRequest, Step, Table};
use pawl_driver::{Host, at_once, finish};
use pawl_protocol::Envelope;
use pawl_wire::{ClientFrame, RelayFrame};

use crate::conversation::other_in;
use crate::disk;
use crate::fault::{Fault, as_line, envelopes};
use crate::host::{Died, Machine, Mortal, Point};
use crate::law::{Failure, Law};
use crate::people::{Device, NAMES, Page, Tab, Wish, number_of};
use crate::plan::Kind;
use crate::trace;
use crate::world::World;

/// After a full disk an engine tries again.
const FULL_RETRY_MS: u64 = 15_000;
/// After a failed commit.
const RETRY_MS: u64 = 1_000;
/// First byte of a one-time X25519 prekey's key.
const ONE_TIME: u8 = 2;

/// Why a step ended before its end.
enum End {
    Died,
    Fenced,
    Full,
    Failed,
    Broken(Failure),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Broken(failure)
    }
}

type Carried = Result<(), Failure>;

impl From<Died> for End {
    fn from(_: Died) -> Self {
        Self::Died
    }
}

/// What a tab's step is carried out on.
struct Hosted<'a> {
    world: &'a mut World,
    who: usize,
    tab: usize,
}

impl Machine for Hosted<'_> {
    fn tear(&mut self, mut changes: Vec<Change>) -> Result<(), End> {
        if self.world.fault == Some(Fault::TornCommit) {
            changes.truncate(changes.len() / 2);
            self.world.write(self.who, changes)?;
        }
        Ok(())
    }

    fn sends_of(&mut self, frames: usize) -> usize {
        self.world.roll(frames + 1)
    }
}

impl Host for Hosted<'_> {
    type Error = End;

    async fn commit(&mut self, changes: Vec<Change>) -> Result<(), End> {
        self.world.commit(self.who, self.tab, changes)
    }

    fn send(&mut self, frames: Vec<Vec<u8>>) -> Result<(), End> {
        self.world.send(self.who, self.tab, frames);
        Ok(())
    }

    fn serve(&mut self, request: SocketRequest) -> Result<(), End> {
        self.world.serve(self.who, self.tab, request);
        Ok(())
    }

    fn wake_at(&mut self, at: Option<u64>) -> Result<(), End> {
        self.world.set_alarm(self.who, self.tab, at);
        Ok(())
    }

    fn show(&mut self, events: Vec<Event>) -> Result<(), End> {
        Ok(self.world.show(self.who, self.tab, events)?)
    }
}

/// Carries out a step as a driver does that is wrong by the world's fault.
fn carry_out_wrongly(mortal: &mut Mortal<Hosted<'_>>, step: Step) -> Result<Vec<Key>, End> {
    let (changes, uncommitted) = step.into_changes();
    let mut effects = uncommitted.committed();
    let Hosted { world, who, tab } = &mut mortal.machine;
    world.take_early(*who, *tab, &mut effects)?;
    if !changes.is_empty() {
        at_once(mortal.commit(changes))?;
    }
    finish(mortal, effects)
}

impl World {
    /// One step of a tab.
    pub(crate) fn step(&mut self, who: usize, tab: usize, input: Input) -> Carried {
        self.steps += 1;
        if self.trace.is_some() {
            let line = trace::input(&input, &self.devices[who].tabs[tab].engine);
            self.note(who, tab, &line);
        }
        let device = &mut self.devices[who];
        if self.fault == Some(Fault::KeyErasedEarly) {
            erase_named_key(device, &input);
        }
        let local = device.local(self.now);
        let running = &mut device.tabs[tab];
        let step = running.engine.handle(input, local, &mut running.rng);
        let point = self.point_of_death(who);
        self.carry_out(who, tab, step, point)
    }

    fn point_of_death(&mut self, who: usize) -> Option<Point> {
        let crash = &mut self.devices[who].crash;
        match crash {
            Some((0, point)) => {
                let point = *point;
                *crash = None;
                Some(point)
            }
            Some((after, _)) => {
                *after -= 1;
                None
            }
            None => None,
        }
    }

    fn carry_out(&mut self, who: usize, tab: usize, step: Step, point: Option<Point>) -> Carried {
        let mut mortal = Mortal {
            machine: Hosted {
                world: self,
                who,
                tab,
            },
            point,
        };
        if mortal.dies_without_a_commit(&step) {
            return self.die_without_a_commit(who, tab, step);
        }
        let ended = match mortal.machine.world.fault {
            Some(
                Fault::SendBeforeCommit | Fault::AcknowledgeBeforeCommit | Fault::ShowBeforeCommit,
            ) => carry_out_wrongly(&mut mortal, step),
            _ => mortal.carry_out(step),
        };
        let reads = match ended {
            Ok(reads) => reads,
            Err(End::Died) => return self.crash(who),
            Err(End::Fenced) => return self.depose(who, tab),
            Err(End::Full) => return self.go_without(who, tab, true),
            Err(End::Failed) => return self.go_without(who, tab, false),
            Err(End::Broken(failure)) => return Err(failure),
        };
        if !reads.is_empty() {
            let device = &mut self.devices[who];
            let lines = Input::Lines(disk::read(&device.disk, reads));
            device.tabs[tab].inputs.push_front(lines);
        }
        Ok(())
    }

    /// A process dies where it would commit, and there is nothing to commit. A driver that is wrong has sent and shown
    /// something by then.
    fn die_without_a_commit(&mut self, who: usize, tab: usize, step: Step) -> Carried {
        let (_, uncommitted) = step.into_changes();
        self.take_early(who, tab, &mut uncommitted.committed())?;
        self.crash(who)
    }

    /// What a driver that is wrong sends and shows before it commits.
    fn take_early(&mut self, who: usize, tab: usize, effects: &mut Effects) -> Carried {
        let is_early = |frame: &Vec<u8>| match self.fault {
            Some(Fault::SendBeforeCommit) => true,
            Some(Fault::AcknowledgeBeforeCommit) => {
                matches!(ClientFrame::decode(frame), Ok(ClientFrame::Ack { .. }))
            }
            _ => false,
        };
        let frames = std::mem::take(&mut effects.frames);
        let (early, frames) = frames.into_iter().partition(is_early);
        effects.frames = frames;
        self.send(who, tab, early);
        if self.fault == Some(Fault::ShowBeforeCommit) {
            let events = std::mem::take(&mut effects.events);
            self.show(who, tab, events)?;
        }
        Ok(())
    }

    fn commit(&mut self, who: usize, tab: usize, changes: Vec<Change>) -> Result<(), End> {
        let device = &mut self.devices[who];
        let is_fenced = device.tabs[tab].fence != device.fence;
        if is_fenced && self.fault != Some(Fault::FenceForgotten) {
            return Err(End::Fenced);
        }
        if device.full {
            return Err(End::Full);
        }
        if device.failing > 0 {
            device.failing -= 1;
            return Err(End::Failed);
        }
        Ok(self.write(who, changes)?)
    }

    /// One transaction.
    fn write(&mut self, who: usize, changes: Vec<Change>) -> Carried {
        let fault = self.fault;
        let kept = |change: &Change| fault.is_none_or(|fault| fault.keeps(change));
        for change in changes.into_iter().filter(kept) {
            match change {
                Change::Put { table, key, value } => {
                    if fault == Some(Fault::OthersShown)
                        && table == Table::Conversations
                        && let Some((place, line)) = as_line(&key, &value)
                    {
                        self.put(who, Table::Messages, place, &line)?;
                    }
                    self.put(who, table, key, &value)?;
                }
                Change::Delete { table, key } => {
                    let device = &mut self.devices[who];
                    device.disk.remove(&(table, key.clone()));
                    if table == Table::Sessions {
                        device.buried.insert(key);
                    }
                }
            }
        }
        Ok(())
    }

    /// One record, and the laws about what is in it.
    fn put(&mut self, who: usize, table: Table, key: Key, value: &[u8]) -> Carried {
        let device = &mut self.devices[who];
        if table == Table::Sessions && device.buried.contains(&key) {
            let what = format!("{}: a session that was erased is back", device.name);
            return Err(Failure::new(Law::Replay, what));
        }
        let place = (table, key);
        let is_new = !device.disk.contains_key(&place);
        let is_ratchet = table == Table::Sessions && !is_new;
        if is_ratchet && self.fault == Some(Fault::RatchetInMemory) {
            return Ok(());
        }
        let old = device.disk.insert(place, value.into());
        if self.plan.kind == Kind::Weather
            && table == Table::Outbox
            && let Some(was) = old.as_deref().map(envelopes)
            && let now = envelopes(value)
            && now.iter().any(|(device, envelope)| {
                let mut before = was.iter().filter(|(of, _)| of == device);
                before.any(|(_, it)| it != envelope)
            })
        {
            let what = format!("{}: sealed twice", device.name);
            return Err(Failure::new(Law::SealedOnce, what));
        }
        Ok(())
    }

    fn send(&mut self, who: usize, tab: usize, frames: Vec<Vec<u8>>) {
        let Some(id) = self.devices[who].tabs[tab].wire else {
            return;
        };
        for frame in frames {
            if self.trace.is_some() {
                let line = trace::sent(&frame);
                self.note(who, tab, &line);
            }
            if let Some(wire) = self.relay.wires.get_mut(&id)
                && wire.ended.is_none()
            {
                wire.up.push_back(frame);
            }
        }
    }

    fn serve(&mut self, who: usize, tab: usize, request: SocketRequest) {
        self.leave(who, tab);
        let is_up = self.devices[who].network;
        let input = match request {
            SocketRequest::Open if is_up => {
                let id = self.relay.accept(who);
                self.devices[who].tabs[tab].wire = Some(id);
                Input::SocketOpened
            }
            _ => Input::SocketClosed { code: None },
        };
        self.devices[who].tabs[tab].inputs.push_back(input);
    }

    /// The tab is done with its socket; what it sent is still heard.
    pub(crate) fn leave(&mut self, who: usize, tab: usize) {
        if let Some(id) = self.devices[who].tabs[tab].wire.take()
            && let Some(wire) = self.relay.wires.get_mut(&id)
        {
            wire.left = true;
        }
    }

    fn set_alarm(&mut self, who: usize, tab: usize, wake_at: Option<u64>) {
        let now = self.now;
        let device = &mut self.devices[who];
        let local = device.local(now);
        // Browsers' alarms count time and do not look at the clock.
        let due = wake_at.map(|at| now + at.saturating_sub(local));
        device.tabs[tab].due = due;
    }

    /// What a page hears of its leader; of one that leads no more it hears nothing.
    fn show(&mut self, who: usize, tab: usize, events: Vec<Event>) -> Carried {
        let leads = self.devices[who].tabs.len() - 1 == tab;
        if !leads && self.fault != Some(Fault::FenceForgotten) {
            return Ok(());
        }
        for event in events {
            if self.trace.is_some() {
                let line = trace::event(&event);
                line.iter().for_each(|line| self.note(who, tab, line));
            }
            match event {
                Event::CommandDone { id, error } => {
                    let fresh_id = self.next_id();
                    let page = &mut self.devices[who].page;
                    let done = page.answered(&id, error.as_ref(), self.now, &self.texts, fresh_id);
                    if let (Some(Wish::Say(text)), None) = (done, error) {
                        self.texts[text].accepted = true;
                    }
                }
                Event::MessagesChanged {
                    conversation,
                    messages,
                } => {
                    let theirs = messages
                        .into_iter()
                        .filter(|it| !it.mine && it.notice.is_none());
                    let engine = &self.devices[who].tabs[tab].engine;
                    let other = other_in(engine, conversation);
                    for line in theirs {
                        self.show_line(who, &other, &line.text, line.position)?;
                    }
                }
                Event::Alert { alert } => self.hear_alert(who, &alert)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn show_line(&mut self, who: usize, of: &str, words: &str, position: u64) -> Carried {
        let owner = self.devices[who].owner;
        let number = number_of(words).filter(|number| {
            let text = self.texts.get(*number);
            text.is_some_and(|it| {
                it.to == owner && NAMES[it.by] == of && it.words(*number) == words
            })
        });
        let Some(number) = number else {
            let what = format!("{} is shown {words:?} of {of}", self.devices[who].name);
            return Err(Failure::new(Law::NotSent, what));
        };
        let shown = &mut self.devices[who].page.shown;
        if *shown.entry(number).or_insert(position) != position {
            let what = format!("{} is shown {words:?} again", self.devices[who].name);
            return Err(Failure::new(Law::Once, what));
        }
        Ok(())
    }

    /// Every tab of a device dies; some of what they sent arrives. It begins again from its disk.
    pub(crate) fn crash(&mut self, who: usize) -> Carried {
        self.say_what(who, "dies");
        while !self.devices[who].tabs.is_empty() {
            self.die(who, 0);
        }
        self.begin(who)
    }

    /// A device is off for good, and all that it has sent but not brought to the relay is lost.
    pub(crate) fn end(&mut self, who: usize) {
        while !self.devices[who].tabs.is_empty() {
            self.die(who, 0);
        }
        self.relay.wires.retain(|_, wire| wire.who != who);
        self.devices[who].page = Page::default();
        self.devices[who].is_gone = true;
    }

    fn die(&mut self, who: usize, tab: usize) {
        if let Some(id) = self.devices[who].tabs[tab].wire {
            let all = self.relay.wires.get(&id).map_or(0, |wire| wire.up.len());
            let arrives = self.roll(all + 1);
            if let Some(wire) = self.relay.wires.get_mut(&id) {
                wire.up.truncate(arrives);
            }
        }
        self.leave(who, tab);
        self.devices[who].tabs.remove(tab);
    }

    /// A tab raises the fence, loads an engine and leads.
    pub(crate) fn begin(&mut self, who: usize) -> Carried {
        let seed = self.rng.next_u64();
        let other = (self.fault == Some(Fault::CommandRenamed)).then(|| self.next_id());
        let now = self.now;
        let fault = self.fault;
        let device = &mut self.devices[who];
        device.fence += 1;
        let engine = device.load(fault)?;
        device.tabs.push(Tab {
            engine,
            rng: ChaCha8Rng::seed_from_u64(seed),
            fence: device.fence,
            wire: None,
            inputs: [Input::Tick].into(),
            due: Some(now),
        });
        device.page.ask_again(other);
        Ok(())
    }

    /// The store refuses what it wrote: somebody else leads.
    fn depose(&mut self, who: usize, tab: usize) -> Carried {
        self.say_what(who, "a tab is fenced off");
        self.die(who, tab);
        Ok(())
    }

    /// A commit failed: the engine is loaded again, as if the step had not been.
    fn go_without(&mut self, who: usize, tab: usize, is_full: bool) -> Carried {
        self.say_what(who, "cannot commit");
        self.leave(who, tab);
        let now = self.now;
        let device = &mut self.devices[who];
        let engine = device.load(self.fault)?;
        let wait = if is_full { FULL_RETRY_MS } else { RETRY_MS };
        let leads = device.tabs.len() - 1 == tab;
        let loaded = &mut device.tabs[tab];
        loaded.engine = engine;
        loaded.inputs.clear();
        loaded.due = Some(now + wait);
        if leads {
            device.page.refused(now + wait);
        }
        Ok(())
    }
}

/// The one-time key that a first message names, before anybody has looked whether it opens.
fn erase_named_key(device: &mut Device, input: &Input) {
    let Input::Frames(frames) = input else {
        return;
    };
    for frame in frames {
        if let Ok(RelayFrame::Deliver { envelope, .. }) = RelayFrame::decode(frame)
            && let Ok(Envelope::Initial(initial)) = Envelope::decode(&envelope)
            && let Some(id) = initial.one_time_prekey_id()
        {
            let key = [&[ONE_TIME], id.to_be_bytes().as_slice()].concat();
            device.disk.remove(&(Table::Prekeys, Key(key)));
        }
    }
}
