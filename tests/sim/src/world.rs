//! Engines, a relay and the time between them. Whatever can happen now is drawn from the seed; time passes only when
//! nothing can, or where a plan says so.

use std::collections::BTreeSet;

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use pawl_client::{FrameBatch, Input};
use pawl_wire::DeviceAddress;

use crate::fault::Fault;
use crate::law::{self, Failure, Law};
use crate::people::{Device, Disk, NAMES, Text, Wish};
use crate::plan::{Bend, HOUR, Kind, MINUTE, Plan};
use crate::relay::{Relay, Store};
use crate::{hostile, nursery};

/// A Monday in 2026, milliseconds since 1970.
pub(crate) const START: u64 = 1_790_000_000_000;
/// What a registration has to show: little, so that a world is not slowed down by it.
const WORK_BITS: u32 = 4;
/// What happens without time passing; more is a storm.
const MOST_AT_ONCE: u32 = 200_000;

/// Something that can happen now.
#[derive(Clone, Copy)]
enum Chance {
    /// An input that waits for a tab.
    Input(usize, usize),
    /// The alarm of a tab.
    Alarm(usize, usize),
    /// A page asks its leading tab.
    Page(usize),
    /// The relay hears a frame.
    Up(u64),
    /// A tab gets a frame, or learns that its socket is closed.
    Down(usize, usize, u64),
}

/// One run.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) fault: Option<Fault>,
    pub(crate) now: u64,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) relay: Relay,
    pub(crate) people: usize,
    /// Everybody's first, in the order of people, then the others.
    pub(crate) devices: Vec<Device>,
    /// Everything that anybody was asked to send.
    pub(crate) texts: Vec<Text>,
    pub(crate) bend: Bend,
    pub(crate) copies: Vec<(usize, Disk)>,
    pub(crate) relay_copies: Vec<Store>,
    /// Steps of engines so far.
    pub(crate) steps: u64,
    /// The relay or a narrow mailbox has refused something for now.
    pub(crate) had_refusals: bool,
    /// Who was told that a name is somebody else's.
    pub(crate) flipped: BTreeSet<usize>,
    /// Hours in which everything stood still.
    pub(crate) slept: u64,
    pub(crate) trace: Option<Vec<String>>,
    ids: u128,
}

pub(crate) type Ran = Result<(), Failure>;

impl World {
    pub(crate) fn new(plan: Plan, fault: Option<Fault>, traced: bool) -> Result<Self, Failure> {
        let people = plan.people.clamp(2, NAMES.len());
        let seats = plan.seats(people);
        let (store, disks) = match plan.fresh {
            true => (Store::default(), vec![Disk::new(); people]),
            false => nursery::registered(&seats),
        };
        let is_only = |owner| !seats.contains(&(owner, 2));
        let devices = seats.iter().zip(disks);
        let devices = devices.map(|(seat, disk)| Device::new(*seat, is_only(seat.0), disk));
        let mut world = Self {
            rng: ChaCha8Rng::seed_from_u64(plan.seed ^ 0x5EED),
            fault,
            now: START,
            relay: Relay::new(store),
            people,
            devices: devices.collect(),
            texts: Vec::new(),
            bend: Bend::default(),
            copies: Vec::new(),
            relay_copies: Vec::new(),
            steps: 0,
            had_refusals: false,
            flipped: BTreeSet::new(),
            slept: 0,
            trace: traced.then(Vec::new),
            ids: 0,
            plan,
        };
        world.relay.work_bits = WORK_BITS;
        world.relay.mood.keeps_keys = fault == Some(Fault::KeyGivenTwice);
        for who in 0..world.devices.len() {
            world.begin(who)?;
            if world.plan.fresh {
                let id = world.next_id();
                world.devices[who].page.wish(id, Wish::Create);
            }
        }
        Ok(world)
    }

    /// An id that nobody has used.
    pub(crate) fn next_id(&mut self) -> u128 {
        self.ids += 1;
        u128::from(self.plan.seed) << 64 | self.ids
    }

    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.rng.next_u32() as usize % sides.max(1)
    }

    /// Somebody is asked to write.
    pub(crate) fn say(&mut self, from: usize, to: usize) {
        let text = Text {
            from,
            by: self.devices[from].owner,
            to,
            accepted: false,
            undone: false,
        };
        self.texts.push(text);
        let id = self.next_id();
        let wish = Wish::Say(self.texts.len() - 1);
        self.devices[from].page.wish(id, wish);
    }

    /// A device that is not gone, whatever the number.
    pub(crate) fn who(&self, who: u8) -> usize {
        let who = usize::from(who) % self.devices.len();
        match self.devices[who].is_gone {
            true => self
                .devices_of(self.devices[who].owner)
                .next()
                .unwrap_or(who),
            false => who,
        }
    }

    /// A device, and a person whose it is not, whatever the numbers.
    pub(crate) fn pair(&self, from: u8, to: u8) -> (usize, usize) {
        let (from, all) = (self.who(from), self.people);
        let owner = self.devices[from].owner;
        (from, (owner + 1 + usize::from(to) % (all - 1)) % all)
    }

    /// All devices that are not gone.
    pub(crate) fn present(&self) -> impl Iterator<Item = usize> {
        let all = self.devices.iter().enumerate();
        all.filter(|(_, it)| !it.is_gone).map(|(who, _)| who)
    }

    /// Those of somebody.
    pub(crate) fn devices_of(&self, owner: usize) -> impl Iterator<Item = usize> {
        let is_theirs = move |who: &usize| self.devices[*who].owner == owner;
        self.present().filter(is_theirs)
    }

    /// Where a device's mail goes, once its person has an account.
    pub(crate) fn address(&self, who: usize) -> Option<DeviceAddress> {
        let device = &self.devices[who];
        let first = self.relay.store.address(NAMES[device.owner])?;
        Some(DeviceAddress {
            device: device.number,
            ..first
        })
    }

    /// Whose address that is, unless that device is gone.
    pub(crate) fn device_at(&self, address: DeviceAddress) -> Option<usize> {
        self.present()
            .find(|who| self.address(*who) == Some(address))
    }

    /// All that can happen now.
    fn chances(&self) -> Vec<Chance> {
        let mut chances = Vec::new();
        for (who, device) in self.devices.iter().enumerate() {
            for (at, tab) in device.tabs.iter().enumerate() {
                if !tab.inputs.is_empty() {
                    chances.push(Chance::Input(who, at));
                } else if tab.due.is_some_and(|due| due <= self.now) {
                    chances.push(Chance::Alarm(who, at));
                }
                let Some((id, wire)) = tab
                    .wire
                    .and_then(|id| Some((id, self.relay.wires.get(&id)?)))
                else {
                    continue;
                };
                let has_something = !wire.down.is_empty() || wire.ended.is_some();
                if has_something && wire.stalled[1] <= self.now && tab.inputs.is_empty() {
                    chances.push(Chance::Down(who, at, id));
                }
            }
            let is_due = device.page.due().is_some_and(|due| due <= self.now);
            if is_due && device.tabs.last().is_some_and(|tab| tab.inputs.is_empty()) {
                chances.push(Chance::Page(who));
            }
        }
        for (id, wire) in &self.relay.wires {
            if !wire.up.is_empty() && wire.stalled[0] <= self.now && wire.ended.is_none() {
                chances.push(Chance::Up(*id));
            }
        }
        chances
    }

    /// One thing that can happen does; false where nothing can.
    pub(crate) fn happen(&mut self) -> Result<bool, Failure> {
        let chances = self.chances();
        if chances.is_empty() {
            return Ok(false);
        }
        match chances[self.roll(chances.len())] {
            Chance::Input(who, tab) => {
                if let Some(input) = self.devices[who].tabs[tab].inputs.pop_front() {
                    self.step(who, tab, input)?;
                }
            }
            Chance::Alarm(who, tab) => {
                self.devices[who].tabs[tab].due = None;
                self.step(who, tab, Input::Tick)?;
            }
            Chance::Page(who) => {
                let device = &mut self.devices[who];
                let Some(leader) = device.tabs.last() else {
                    return Ok(true);
                };
                let asked = device.page.ask(device.owner, &self.texts, &leader.engine);
                if let Some(input) = asked {
                    self.step(who, self.devices[who].tabs.len() - 1, input)?;
                }
            }
            Chance::Up(id) => self.hear(id)?,
            Chance::Down(who, tab, id) => self.receive(who, tab, id)?,
        }
        Ok(true)
    }

    fn hear(&mut self, id: u64) -> Ran {
        let before = self.relay.mood;
        if self.plan.kind == Kind::Weather
            && let Some(wire) = self.relay.wires.get(&id)
            && let Some(frame) = wire.up.front()
        {
            law::private_halves(&self.devices[wire.who], frame)?;
        }
        if self.fault == Some(Fault::StoredTooEarly) {
            self.relay.written = Some(self.relay.store.clone());
        }
        self.relay.hear(id)?;
        self.had_refusals |= before.sulks > 0 || before.narrow.is_some();
        self.forget_wires();
        Ok(())
    }

    fn receive(&mut self, who: usize, tab: usize, id: u64) -> Ran {
        let bend = self.bend;
        // A driver takes what has arrived by the time it looks as one step.
        let most = match self.roll(2) {
            0 => 1,
            _ => 1 + self.roll(FrameBatch::MAX_FRAMES),
        };
        let Some(wire) = self.relay.wires.get_mut(&id) else {
            return Ok(());
        };
        if !wire.down.is_empty() {
            let most = most.min(wire.down.len());
            let inputs = &mut self.devices[who].tabs[tab].inputs;
            let mut batch = FrameBatch::default();
            for frame in wire.down.drain(..most) {
                for frame in hostile::bend(frame, bend, &mut self.rng) {
                    batch.push(frame);
                    if batch.is_full() {
                        inputs.push_back(std::mem::take(&mut batch).into_input());
                    }
                }
            }
            if !batch.is_empty() {
                inputs.push_back(batch.into_input());
            }
            return Ok(());
        }
        let code = wire.ended.flatten();
        self.leave(who, tab);
        self.forget_wires();
        self.step(who, tab, Input::SocketClosed { code })
    }

    /// Connections that nobody is at any more.
    pub(crate) fn forget_wires(&mut self) {
        let is_over = |left: bool, ended: bool, up: bool| left && (ended || !up);
        self.relay
            .wires
            .retain(|_, wire| !is_over(wire.left, wire.ended.is_some(), !wire.up.is_empty()));
    }

    /// Lets things happen until nothing can without time passing.
    pub(crate) fn run_now(&mut self) -> Ran {
        for _ in 0..MOST_AT_ONCE {
            if !self.happen()? {
                return Ok(());
            }
        }
        let what = "things go on happening without time passing";
        Err(Failure::new(Law::Calm, what))
    }

    /// When something is due that has to wait for time to pass.
    fn due(&self) -> Option<u64> {
        let tabs = self.devices.iter().flat_map(|device| &device.tabs);
        let alarms = tabs.filter_map(|tab| tab.due);
        let pages = self.devices.iter().filter_map(|device| device.page.due());
        let wires = self.relay.wires.values();
        let stalls = wires.flat_map(|wire| {
            let is_waiting = [!wire.up.is_empty(), !wire.down.is_empty()];
            let both = wire.stalled.into_iter().zip(is_waiting);
            both.filter(|(_, waits)| *waits).map(|(until, _)| until)
        });
        let all = alarms.chain(pages).chain(stalls);
        all.filter(|due| *due > self.now).min()
    }

    /// Lets time pass, from one thing that is due to the next.
    pub(crate) fn run_for(&mut self, milliseconds: u64) -> Ran {
        let end = self.now + milliseconds;
        loop {
            self.run_now()?;
            match self.due().filter(|due| *due <= end) {
                Some(due) => self.now = due,
                None => break,
            }
        }
        self.now = end;
        self.run_now()
    }

    /// Hours pass without anything but what is due at their end.
    pub(crate) fn sleep(&mut self, hours: u64) -> Ran {
        self.slept += hours;
        self.now += hours * HOUR;
        self.run_for(2 * MINUTE)
    }

    /// A line of the trace, about a tab.
    pub(crate) fn note(&mut self, who: usize, tab: usize, line: &str) {
        let leads = tab + 1 == self.devices[who].tabs.len();
        let of = if leads { "" } else { " (old tab)" };
        let name = &self.devices[who].name;
        self.say_line(&format!("{name}{of} {line}"));
    }

    pub(crate) fn say_what(&mut self, who: usize, what: &str) {
        if self.trace.is_some() {
            let name = &self.devices[who].name;
            self.say_line(&format!("{name} {what}"));
        }
    }

    pub(crate) fn say_line(&mut self, line: &str) {
        let passed = self.now - START;
        if let Some(trace) = &mut self.trace {
            let (seconds, rest) = (passed / 1_000, passed % 1_000);
            trace.push(format!("{seconds:>7}.{rest:03}  {line}"));
        }
    }

    /// A connection breaks. Some of what the relay had said arrives; some of what it was told does, too, where it
    /// still lives, and then its answers are lost.
    pub(crate) fn cut(&mut self, id: u64, relay_lives: bool) {
        let Some(wire) = self.relay.wires.get(&id).filter(|it| it.ended.is_none()) else {
            return;
        };
        let (ups, downs) = (wire.up.len(), wire.down.len());
        let up = if relay_lives { self.roll(ups + 1) } else { 0 };
        let down = self.roll(downs + 1);
        self.relay.split(id, up, down);
        self.forget_wires();
    }

    /// All connections of a device break.
    pub(crate) fn cut_off(&mut self, who: usize) {
        let wires = self.relay.wires.iter();
        let theirs = wires.filter(|(_, wire)| wire.who == who && !wire.left);
        let theirs: Vec<u64> = theirs.map(|(id, _)| *id).collect();
        theirs.into_iter().for_each(|id| self.cut(id, true));
    }
}
