//! A run from its plan to its end: what happens, then calm, then the law, then a fresh text each way, and the law again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pawl_client::MessageStatus;

use crate::fault::Fault;
use crate::law::{Failure, Law};
use crate::people::Wish;
use crate::plan::{HOUR, Kind, MINUTE, Plan};
use crate::world::{Ran, World};

/// How a run went.
#[derive(Clone, Debug)]
pub struct Report {
    /// What broke, if something did.
    pub failure: Option<Failure>,
    /// Steps of engines.
    pub steps: u64,
    /// Texts that were written.
    pub texts: usize,
    /// What happened, where that was asked for.
    pub trace: Vec<String>,
}

/// After bad weather everything is in its place within this time: before anybody would ask for silence.
const SOON: u64 = 12 * MINUTE;
/// After damage it may take so many hours: the longest waits of mending, each a day, and what they lead to.
const MENDED: u64 = 96;
/// Hours between two looks at a world that mends itself.
const LOOK: u64 = 4;
/// Days after which nobody asks any more.
const CALM: u64 = 4;

/// Runs a plan, with a deliberate fault if there is one.
#[must_use]
pub fn run(plan: &Plan, fault: Option<Fault>, traced: bool) -> Report {
    let world = World::new(plan.clone(), fault, traced);
    let mut world = match world {
        Ok(world) => world,
        Err(failure) => return Report::of(failure),
    };
    let ran = catch_unwind(AssertUnwindSafe(|| world.whole_run()));
    let failure = match ran {
        Ok(ran) => ran.err(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
            Some(Failure::new(Law::Panic, text.unwrap_or_default()))
        }
    };
    Report {
        failure,
        steps: world.steps,
        texts: world.texts.len(),
        trace: world.trace.take().unwrap_or_default(),
    }
}

impl Report {
    fn of(failure: Failure) -> Self {
        Self {
            failure: Some(failure),
            steps: 0,
            texts: 0,
            trace: Vec::new(),
        }
    }
}

impl World {
    fn whole_run(&mut self) -> Ran {
        self.carry_out_plan()?;
        self.calm()?;
        let settled = self.settle(None);
        if self.plan.kind == Kind::Weather {
            settled?;
        }
        // Whoever has lost everything hears of it when somebody writes.
        let fresh = self.texts.len();
        for (from, to) in self.pairs() {
            self.say(from, to);
        }
        self.say_line("--- a fresh text each way");
        self.settle(Some(fresh))?;
        self.nothing_goes_on()
    }

    /// Waits until the law holds, no longer than it may take.
    fn settle(&mut self, fresh: Option<usize>) -> Ran {
        self.retry_what_was_refused();
        self.run_for(SOON)?;
        let hours = match self.plan.kind {
            Kind::Weather => 0,
            Kind::Damage => MENDED,
        };
        for _ in 0..hours / LOOK {
            if self.check(fresh).is_ok() {
                return Ok(());
            }
            self.sleep(LOOK)?;
        }
        self.check(fresh)
    }

    /// A text that could not be sent is its writer's to try again.
    fn retry_what_was_refused(&mut self) {
        for (who, of) in self.pairs() {
            let lines = self.lines(who, of).into_iter();
            let refused = lines.filter(|line| line.status == Some(MessageStatus::NotSent));
            for line in refused {
                let id = self.next_id();
                let wish = Wish::Retry(of, line.position);
                self.devices[who].page.wish(id, wish);
            }
        }
    }

    /// A day without an envelope comes soon.
    fn nothing_goes_on(&mut self) -> Ran {
        self.run_for(HOUR)?;
        for _ in 0..CALM {
            let before = self.relay.taken.len();
            let submitted = self.relay.submitted.len();
            for _ in 0..24 / LOOK {
                self.sleep(LOOK)?;
            }
            self.nothing_goes_to_the_gone(submitted)?;
            if self.relay.taken.len() == before {
                return Ok(());
            }
        }
        let what = "envelopes though all is said, day after day";
        Err(Failure::new(Law::Calm, what))
    }
}
