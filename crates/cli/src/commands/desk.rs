//! What a program that stays to receive does for others that want to send from its store: an errand for each request,
//! side by side. Where there are no Unix sockets nobody asks.

use std::path::Path;

use pawl_client::Event;

use crate::driver::Driver;
use crate::failure::Failure;

#[cfg(unix)]
mod open {
    use tokio::time::Instant;

    use super::*;
    use crate::clock;
    use crate::commands::errand::{Errand, News};
    use crate::handover::{Answer, Asked, Counter};
    use crate::output::{Sent, say};

    /// Requests that are carried out at once.
    const MAX_TASKS: usize = 64;
    /// The longest that anybody may wait, in seconds.
    const MAX_TIMEOUT: u64 = 86_400;

    /// Requests, and how far each is.
    pub(crate) struct Desk {
        counter: Option<Counter>,
        tasks: Vec<Task>,
    }

    struct Task {
        errand: Errand,
        answer: Option<tokio::sync::oneshot::Sender<Answer>>,
        deadline: Instant,
    }

    impl Task {
        fn done(&mut self, outcome: Result<Sent, Failure>) {
            if let Some(answer) = self.answer.take() {
                // Whoever asked may have gone.
                let _ = answer.send(Answer::new(outcome));
            }
        }

        /// Takes what came of a step; what concerns only this errand ends only it.
        fn settle(&mut self, driver: &Driver, step: Result<(), Failure>) -> Result<(), Failure> {
            match step {
                Err(failure) if failure.is_final() => return Err(failure),
                Err(failure) => self.done(Err(failure)),
                Ok(()) => {
                    let news = self.errand.take_news().into_iter();
                    let mut sent = news.filter(|(_, news)| *news == News::Sent);
                    if let Some((position, _)) = sent.next() {
                        let sent = self.errand.sent(driver, position);
                        self.done(sent);
                    }
                }
            }
            Ok(())
        }
    }

    impl Desk {
        pub(crate) fn open(store: &Path) -> Self {
            let counter = Counter::open(store);
            if let Err(error) = &counter {
                say(&format!(
                    "`pawl send` cannot use this store meanwhile: {error}"
                ));
            }
            Self {
                counter: counter.ok(),
                tasks: Vec::new(),
            }
        }

        /// Waits for a request, or for the end of somebody's patience.
        pub(crate) async fn next(&mut self) {
            let deadline = self.tasks.iter().map(|task| task.deadline).min();
            let over = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            let has_room = self.tasks.len() < MAX_TASKS;
            let asked = async {
                match &mut self.counter {
                    Some(counter) if has_room => counter.asked.recv().await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                asked = asked => match asked {
                    Some(Asked { request, answer }) => {
                        let mut errand = Errand::new(&request.to);
                        errand.add(request.text);
                        self.tasks.push(Task {
                            errand,
                            answer: Some(answer),
                            deadline: clock::deadline(request.timeout.min(MAX_TIMEOUT)),
                        });
                    }
                    None => self.counter = None,
                },
                () = over => {}
            }
        }

        pub(crate) fn on_event(
            &mut self,
            driver: &mut Driver,
            event: &Event,
        ) -> Result<(), Failure> {
            for task in &mut self.tasks {
                let step = task.errand.on_event(driver, event);
                task.settle(driver, step)?;
            }
            Ok(())
        }

        /// Goes on with every errand as far as it can; those that are done, or took too long, are answered.
        pub(crate) fn go_on(&mut self, driver: &mut Driver) -> Result<(), Failure> {
            let now = clock::deadline(0);
            for task in &mut self.tasks {
                let step = task.errand.go_on(driver);
                task.settle(driver, step)?;
                if task.deadline <= now {
                    let late = task.errand.too_late(driver);
                    task.done(Err(late));
                }
            }
            self.tasks.retain(|task| task.answer.is_some());
            Ok(())
        }
    }
}

#[cfg(not(unix))]
mod open {
    use super::*;

    /// Nobody asks.
    pub(crate) struct Desk;

    impl Desk {
        pub(crate) fn open(_: &Path) -> Self {
            Self
        }

        pub(crate) async fn next(&mut self) {
            std::future::pending().await
        }

        pub(crate) fn on_event(&mut self, _: &mut Driver, _: &Event) -> Result<(), Failure> {
            Ok(())
        }

        pub(crate) fn go_on(&mut self, _: &mut Driver) -> Result<(), Failure> {
            Ok(())
        }
    }
}

pub(crate) use open::Desk;
