//! What a step of a client is carried out on: its disk in memory, its connection to the model relay, and a process that
//! may die.

use pawl_client::{Change, Event, Input, SocketRequest};
use pawl_driver::Host;

use super::{Crash, World};

/// A client's step, and where its process dies.
pub(super) struct Hosted<'a> {
    pub(super) world: &'a mut World,
    pub(super) i: usize,
    pub(super) crash: Option<Crash>,
}

/// The process died in the midst of a step.
pub(super) struct Died;

impl Hosted<'_> {
    fn dies_at(&self, crash: Crash) -> Result<(), Died> {
        if self.crash == Some(crash) {
            return Err(Died);
        }
        Ok(())
    }
}

impl Host for Hosted<'_> {
    type Error = Died;

    async fn commit(&mut self, changes: Vec<Change>) -> Result<(), Died> {
        self.dies_at(Crash::BeforeCommit)?;
        let client = &mut self.world.clients[self.i];
        client.changes += changes.len();
        client.commits += 1;
        client.largest_step = client.largest_step.max(changes.len());
        for change in changes {
            match change {
                Change::Put { table, key, value } => {
                    client.disk.insert((table, key), value.to_vec());
                }
                Change::Delete { table, key } => drop(client.disk.remove(&(table, key))),
            }
        }
        self.dies_at(Crash::AfterCommit)
    }

    fn send(&mut self, frames: Vec<Vec<u8>>) -> Result<(), Died> {
        if let Some(id) = self.world.clients[self.i].socket {
            self.world.relay.send(id, frames);
        }
        Ok(())
    }

    fn serve(&mut self, request: SocketRequest) -> Result<(), Died> {
        let client = &mut self.world.clients[self.i];
        match request {
            SocketRequest::Open if client.network => {
                client.socket = Some(self.world.relay.accept(self.i));
                client.inputs.push_back(Input::SocketOpened);
            }
            SocketRequest::Open => {
                client.inputs.push_back(Input::SocketClosed { code: None });
            }
            SocketRequest::Close => {
                self.world.pump_up(self.i);
                self.world.break_connection(self.i, Some(1_000));
            }
        }
        Ok(())
    }

    /// What comes first when all is sent.
    fn wake_at(&mut self, at: Option<u64>) -> Result<(), Died> {
        self.dies_at(Crash::AfterSend)?;
        self.world.clients[self.i].wake_at = at;
        Ok(())
    }

    fn show(&mut self, events: Vec<Event>) -> Result<(), Died> {
        let client = &mut self.world.clients[self.i];
        client.told.hear(&events);
        client.events.extend(events);
        Ok(())
    }
}
