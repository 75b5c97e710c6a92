//! What a step of a client is carried out on: its disk in memory and its connection to the relay.

use chacha20::rand_core::Rng;
use pawl_client::{Change, Event, Input, SocketRequest};
use pawl_driver::Host;

use super::World;
use crate::disk;
use crate::host::{Died, Machine};

/// One client of a world.
pub(super) struct Hosted<'a> {
    pub(super) world: &'a mut World,
    pub(super) i: usize,
}

impl Machine for Hosted<'_> {
    fn sends_of(&mut self, frames: usize) -> usize {
        self.world.rng.next_u32() as usize % (frames + 1)
    }
}

impl Host for Hosted<'_> {
    type Error = Died;

    async fn commit(&mut self, changes: Vec<Change>) -> Result<(), Died> {
        let client = &mut self.world.clients[self.i];
        client.changes += changes.len();
        client.commits += 1;
        client.largest_step = client.largest_step.max(changes.len());
        disk::commit(&mut client.disk, changes);
        Ok(())
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

    fn wake_at(&mut self, at: Option<u64>) -> Result<(), Died> {
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
