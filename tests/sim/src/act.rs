//! Carrying out a plan: one action after the other, then calm.

use std::rc::Rc;

use chacha20::rand_core::Rng;
use pawl_client::{Hint, Input, Key, Table};

use crate::fault::Fault;
use crate::hostile;
use crate::law::Failure;
use crate::people::{Disk, Wish};
use crate::plan::{Action, Bend, Kind, Loss, SECOND};
use crate::relay::{Mood, Store};
use crate::world::{Ran, World};

impl World {
    /// Everything that a plan says.
    pub(crate) fn carry_out_plan(&mut self) -> Ran {
        let actions = std::mem::take(&mut self.plan.actions);
        for action in &actions {
            if self.trace.is_some() {
                self.say_line(&format!("--- {action:?}"));
            }
            self.act(*action)?;
        }
        self.plan.actions = actions;
        Ok(())
    }

    fn act(&mut self, action: Action) -> Ran {
        match action {
            Action::Say { from, to } => {
                let (from, to) = self.pair(from, to);
                self.say(from, to);
                self.say_what(from, &format!("is asked to send {}", self.texts.len() - 1));
            }
            Action::Read { who, of } => {
                let (who, of) = self.pair(who, of);
                let id = self.next_id();
                self.devices[who].page.wish(id, Wish::Read(of));
            }
            Action::Steps(steps) => {
                for _ in 0..steps {
                    if !self.happen()? {
                        break;
                    }
                }
            }
            Action::Wait(milliseconds) => self.run_for(u64::from(milliseconds))?,
            Action::Sleep(hours) => self.sleep(u64::from(hours))?,
            Action::Network { who, up } => self.set_network(self.who(who), up),
            Action::Cut { who } => self.cut_off(self.who(who)),
            Action::Stall { who, down, by } => {
                let (who, until) = (self.who(who), self.now + u64::from(by));
                let wires = self.relay.wires.values_mut();
                for wire in wires.filter(|wire| wire.who == who) {
                    wire.stalled[usize::from(down)] = until;
                }
            }
            Action::Crash { who, after, at } => {
                let who = self.who(who);
                self.devices[who].crash = Some((after, at));
            }
            Action::TakeOver { who } => self.take_over(self.who(who))?,
            Action::Disk { who, full } => {
                let who = self.who(who);
                self.devices[who].full = full;
            }
            Action::FailCommits { who, times } => {
                let who = self.who(who);
                self.devices[who].failing = times;
            }
            Action::Clock { who, ahead } => {
                let who = self.who(who);
                self.devices[who].set_clock(ahead);
            }
            Action::RelayDies => self.relay_dies(),
            Action::RelaySulks(times) => self.relay.mood.sulks = u32::from(times),
            Action::RelayNarrow(room) => self.relay.mood.narrow = room.map(usize::from),
            Action::RelayStingy(stingy) => self.relay.mood.stingy = stingy,
            Action::BadBundles(times) => self.relay.mood.bad_bundles = u32::from(times),
            Action::RelayKeepsKeys(keeps) => self.relay.mood.keeps_keys = keeps,
            Action::Bends(bend) => {
                self.relay.leaps |= bend.leap > 0;
                self.bend = bend;
            }
            damage => self.act_damage(damage)?,
        }
        Ok(())
    }

    fn act_damage(&mut self, action: Action) -> Ran {
        match action {
            Action::Copy { who } => {
                let who = self.who(who);
                // A copy from before there was an account takes the account away for good.
                if self.address(who).is_some() {
                    self.copies.push((who, self.devices[who].disk.clone()));
                }
            }
            Action::Back { copy } if !self.copies.is_empty() => {
                let at = usize::from(copy) % self.copies.len();
                let (who, disk) = self.copies.swap_remove(at);
                if !self.devices[who].is_gone {
                    self.go_back(who, disk)?;
                }
            }
            // As with devices' own copies.
            Action::RelayCopy if self.relay.store.boxes.len() == self.present().count() => {
                self.relay_copies.push(self.relay.store.clone());
            }
            Action::RelayBack { copy, says_so } if !self.relay_copies.is_empty() => {
                let at = usize::from(copy) % self.relay_copies.len();
                let copy = self.relay_copies.swap_remove(at);
                self.relay_dies();
                self.relay_goes_back(copy, says_so);
            }
            Action::Lose { who, what, roll } => self.lose(self.who(who), what, roll)?,
            Action::Shuffle { who } => self.shuffle(self.who(who)),
            Action::Garbage { to, roll } => {
                let to = self.who(to);
                let envelope = hostile::garbage(self, roll);
                self.post(to, envelope);
            }
            Action::Replay { pick, to } => {
                if let Some((at, envelope)) = self.old_envelope(pick) {
                    let to = to.map_or(at, |to| self.who(to));
                    self.post(to, envelope);
                }
            }
            Action::Alter { pick, byte } => {
                if let Some((to, mut envelope)) = self.old_envelope(pick) {
                    let at = byte as usize % envelope.len();
                    envelope[at] ^= 1 << (byte >> 29);
                    self.post(to, envelope);
                }
            }
            Action::Remove { who } => self.remove(self.who(who))?,
            Action::Flip { to, of, roll } => {
                let (to, of) = self.pair(to, of);
                self.flip(to, of, roll)?;
            }
            _ => {}
        }
        self.relay.deliver_all();
        Ok(())
    }

    fn set_network(&mut self, who: usize, up: bool) {
        let device = &mut self.devices[who];
        if device.network == up {
            return;
        }
        device.network = up;
        if up {
            for tab in &mut device.tabs {
                tab.inputs.push_back(Input::Hint(Hint::NetworkUp));
            }
        } else {
            self.cut_off(who);
        }
    }

    /// Another tab leads. Two old ones at most still think that they do.
    fn take_over(&mut self, who: usize) -> Ran {
        const OLD: usize = 2;
        self.say_what(who, "has another tab that leads");
        while self.devices[who].tabs.len() > OLD {
            self.close_tab(who, 0);
        }
        self.begin(who)
    }

    fn close_tab(&mut self, who: usize, tab: usize) {
        self.leave(who, tab);
        self.devices[who].tabs.remove(tab);
    }

    fn relay_dies(&mut self) {
        self.say_line("the relay dies");
        let ids: Vec<u64> = self.relay.wires.keys().copied().collect();
        ids.into_iter().for_each(|id| self.cut(id, false));
        self.relay.restart();
    }

    /// Lists of devices do not go back with it: engines cannot bring them again yet.
    fn relay_goes_back(&mut self, copy: Store, says_so: bool) {
        let lists = std::mem::take(&mut self.relay.store.records);
        self.relay.go_back(copy, says_so);
        self.relay.store.records = lists;
        let addresses: Vec<_> = self.present().filter_map(|who| self.address(who)).collect();
        let boxes = &mut self.relay.store.boxes;
        boxes.retain(|address, _| addresses.contains(address));
    }

    fn go_back(&mut self, who: usize, disk: Disk) -> Ran {
        self.say_what(who, "goes back to an old copy");
        self.devices[who].disk = disk;
        self.devices[who].buried.clear();
        self.devices[who].went_back();
        self.begin_elsewhere(who)
    }

    /// The disk is another one: what is not on it has not been.
    fn begin_elsewhere(&mut self, who: usize) -> Ran {
        self.cut_off(who);
        // Whoever puts back a disk takes longer than a millisecond.
        self.now += SECOND;
        self.devices[who].page.shown.clear();
        self.crash(who)?;
        let written = self.history_of(who);
        for (number, text) in self.texts.iter_mut().enumerate() {
            text.undone |= text.from == who && text.accepted && !written.contains(&number);
        }
        Ok(())
    }

    fn lose(&mut self, who: usize, what: Loss, roll: u32) -> Ran {
        self.say_what(who, &format!("loses {what:?}"));
        let had: Vec<_> = self.sessions_of(who).collect();
        let disk = &mut self.devices[who].disk;
        match what {
            Loss::Sessions => disk.retain(|(table, _), _| *table != Table::Sessions),
            Loss::SessionsAndPrekeys => {
                disk.retain(|(table, _), _| !matches!(table, Table::Sessions | Table::Prekeys));
            }
            Loss::AllButIdentity => {
                disk.retain(|(table, _), _| *table == Table::Meta);
                // With its conversations it forgets their numbers, as an old copy does.
                self.devices[who].went_back();
            }
            Loss::OneSessionAltered => {
                let sessions = disk.iter_mut();
                let mut sessions: Vec<_> = sessions
                    .filter(|((table, _), _)| *table == Table::Sessions)
                    .map(|(_, record)| record)
                    .collect();
                if let Some(record) = pick(&mut sessions, roll) {
                    let mut bytes = record.to_vec();
                    // The first byte is the version: of a newer one nothing loads, which is another matter.
                    let at = 1 + (roll >> 3) as usize % (bytes.len() - 1);
                    bytes[at] ^= 1 << (roll & 7);
                    **record = Rc::from(bytes);
                }
            }
        }
        let gone = had.into_iter().filter(|key| !self.has_session(who, key));
        let gone: Vec<_> = gone.collect();
        self.devices[who].buried.extend(gone);
        self.begin_elsewhere(who)
    }

    fn sessions_of(&self, who: usize) -> impl Iterator<Item = Key> {
        let keys = self.devices[who].disk.keys();
        let sessions = keys.filter(|(table, _)| *table == Table::Sessions);
        sessions.map(|(_, key)| key.clone())
    }

    fn has_session(&self, who: usize, key: &Key) -> bool {
        let disk = &self.devices[who].disk;
        disk.contains_key(&(Table::Sessions, key.clone()))
    }

    /// What waits for somebody comes in another order.
    fn shuffle(&mut self, who: usize) {
        let address = self.address(who);
        let mailbox = address.and_then(|it| self.relay.store.boxes.get_mut(&it));
        let Some(mailbox) = mailbox else {
            return;
        };
        let mail = &mut mailbox.mail;
        for i in (1..mail.len()).rev() {
            let j = self.rng.next_u32() as usize % (i + 1);
            mail.swap(i, j);
            let (a, b) = (mail[i].seq, mail[j].seq);
            (mail[i].seq, mail[j].seq) = (b, a);
        }
    }

    /// All is well again with machines and networks.
    pub(crate) fn calm(&mut self) -> Result<(), Failure> {
        self.say_line("--- calm");
        self.bend = Bend::default();
        let keeps_keys = self.fault == Some(Fault::KeyGivenTwice);
        self.relay.mood = Mood {
            keeps_keys,
            ..Default::default()
        };
        for who in self.present().collect::<Vec<_>>() {
            let device = &mut self.devices[who];
            (device.full, device.failing, device.crash) = (false, 0, None);
            if self.plan.kind == Kind::Damage {
                device.set_clock(0);
            }
            while self.devices[who].tabs.len() > 1 {
                self.close_tab(who, 0);
            }
            self.set_network(who, true);
        }
        // On a new connection the relay, which is honest now, is asked whose a name is.
        for who in std::mem::take(&mut self.flipped) {
            self.cut_off(who);
        }
        for wire in self.relay.wires.values_mut() {
            wire.stalled = [0; 2];
        }
        Ok(())
    }
}

fn pick<T>(all: &mut [T], roll: u32) -> Option<&mut T> {
    let at = (roll >> 16) as usize % all.len().max(1);
    all.get_mut(at)
}
