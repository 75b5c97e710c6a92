//! A step that a process may not outlive: `pawl-driver` carries it out on a machine, and the
//! process dies where its world wants it.

use pawl_client::{Change, Event, Key, SocketRequest, Step};
use pawl_driver::{Host, at_once, carry_out};

/// Where a process dies in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Nothing of the step is on disk.
    BeforeCommit,
    /// All is on disk, nothing is sent.
    AfterCommit,
    /// Some of the frames are sent.
    AmidSending,
    /// All is sent, nothing is shown.
    AfterSending,
}

/// The process died in the midst of a step.
pub(crate) struct Died;

/// What a step is carried out on.
pub(crate) trait Machine: Host<Error: From<Died>> {
    /// What is on disk of a commit that the process does not live to see: nothing, but for a
    /// deliberate fault.
    fn tear(&mut self, _changes: Vec<Change>) -> Result<(), Self::Error> {
        Ok(())
    }

    /// How many of so many frames a process has sent that dies meanwhile.
    fn sends_of(&mut self, frames: usize) -> usize;
}

/// A machine, and where its process dies.
pub(crate) struct Mortal<M> {
    pub(crate) machine: M,
    pub(crate) point: Option<Point>,
}

impl<M: Machine> Mortal<M> {
    /// Carries out a step; gives the keys that are to be read.
    pub(crate) fn carry_out(&mut self, step: Step) -> Result<Vec<Key>, M::Error> {
        if self.dies_without_a_commit(&step) {
            return Err(Died.into());
        }
        at_once(carry_out(self, step))
    }

    /// A process dies where it would commit, and there is nothing to commit.
    pub(crate) fn dies_without_a_commit(&self, step: &Step) -> bool {
        let about_a_commit = [Some(Point::BeforeCommit), Some(Point::AfterCommit)];
        about_a_commit.contains(&self.point) && step.changes().is_empty()
    }

    fn dies_at(&self, point: Point) -> Result<(), M::Error> {
        match self.point == Some(point) {
            true => Err(Died.into()),
            false => Ok(()),
        }
    }
}

impl<M: Machine> Host for Mortal<M> {
    type Error = M::Error;

    async fn commit(&mut self, changes: Vec<Change>) -> Result<(), M::Error> {
        if self.point == Some(Point::BeforeCommit) {
            self.machine.tear(changes)?;
            return Err(Died.into());
        }
        self.machine.commit(changes).await?;
        self.dies_at(Point::AfterCommit)
    }

    fn send(&mut self, mut frames: Vec<Vec<u8>>) -> Result<(), M::Error> {
        if self.point == Some(Point::AmidSending) {
            frames.truncate(self.machine.sends_of(frames.len()));
        }
        self.machine.send(frames)?;
        self.dies_at(Point::AmidSending)
    }

    fn serve(&mut self, request: SocketRequest) -> Result<(), M::Error> {
        self.machine.serve(request)
    }

    /// What comes first when all is sent.
    fn wake_at(&mut self, at: Option<u64>) -> Result<(), M::Error> {
        self.dies_at(Point::AfterSending)?;
        self.machine.wake_at(at)
    }

    fn show(&mut self, events: Vec<Event>) -> Result<(), M::Error> {
        self.machine.show(events)
    }
}
