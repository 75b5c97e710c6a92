//! What hostile contacts and a hostile relay make: garbage, old envelopes under new names, altered ones.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use pawl_wire::{MessageId, RelayFrame};

use crate::plan::Bend;
use crate::world::World;

impl World {
    /// Puts an envelope into somebody's mailbox, under a new name.
    pub(crate) fn post(&mut self, to: usize, envelope: Vec<u8>) {
        let id = MessageId(self.next_id().to_be_bytes());
        let address = self.address(to);
        let mailbox = address.and_then(|it| self.relay.store.boxes.get_mut(&it));
        if let Some(mailbox) = mailbox {
            mailbox.store(id, envelope);
        }
    }

    /// One of the envelopes so far, and whom it was for.
    pub(crate) fn old_envelope(&self, pick: u32) -> Option<(usize, Vec<u8>)> {
        let all = &self.relay.taken;
        let old = all.get(pick as usize % all.len().max(1))?;
        let to = self.device_at(old.recipient)?;
        Some((to, old.envelope.clone()))
    }
}

/// Bytes that are no envelope, or look a little like one.
pub(crate) fn garbage(world: &World, roll: u32) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(u64::from(roll));
    let old = world.old_envelope(roll).map(|(_, envelope)| envelope);
    let mut bytes = match (roll % 3, old) {
        (0, Some(old)) => old,
        (1, Some(mut old)) => {
            old.truncate(roll as usize / 7 % old.len());
            old
        }
        _ => vec![0; roll as usize / 5 % 2_000],
    };
    // What comes after the prefix, which says whose it is, is noise.
    let from = bytes.len().min(if roll & 64 == 0 { 19 } else { 0 });
    rng.fill_bytes(&mut bytes[from..]);
    bytes
}

/// What becomes of a frame from the relay on its way through a relay that bends deliveries.
pub(crate) fn bend(frame: Vec<u8>, bend: Bend, rng: &mut ChaCha8Rng) -> Vec<Vec<u8>> {
    if bend == Bend::default() {
        return vec![frame];
    }
    let Ok(RelayFrame::Deliver {
        mut seq,
        message_id,
        mut envelope,
    }) = RelayFrame::decode(&frame)
    else {
        return vec![frame];
    };
    let mut rolls = |chance: u8| rng.next_u32() % 100 < u32::from(chance);
    if rolls(bend.drop) {
        return Vec::new();
    }
    if rolls(bend.alter)
        && let Some(last) = envelope.last_mut()
    {
        *last ^= 1;
    }
    if rolls(bend.leap) {
        seq += 1 << (33 + seq % 30);
    }
    let renames = rolls(50);
    let copies = 1 + u8::from(rolls(bend.repeat));
    let copy = |i: u8| {
        let message_id = match renames && i > 0 {
            true => MessageId([7; 16]),
            false => message_id,
        };
        let envelope = envelope.clone();
        let copy = RelayFrame::Deliver {
            seq,
            message_id,
            envelope,
        };
        copy.encode()
    };
    (0..copies).map(copy).collect()
}
