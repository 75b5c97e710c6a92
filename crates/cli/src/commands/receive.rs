//! Printing what arrived: each line once, in its conversation's order, and the newest one again where another
//! notice stands in it. What was printed stands in the store, apart from what the engine knows; so a line whose
//! printing was cut short is printed again.

use std::collections::BTreeMap;
use std::path::Path;

use pawl_client::{Command, ConversationId, Event, MessageView};

use super::desk::Desk;
use crate::args::Place;
use crate::clock;
use crate::driver::{Driver, is_an_end};
use crate::failure::{Code, Failure};
use crate::output::{Output, say};
use crate::words;

/// Lines that are read from the store at once.
const PAGE: u32 = 100;

pub(super) async fn run(
    place: &Place,
    output: &Output,
    follow: bool,
    unseen: bool,
) -> Result<(), Failure> {
    let mut driver = place.driver()?;
    let mut printer = Printer {
        output,
        tell: !unseen,
        printed: BTreeMap::new(),
    };
    let done = match follow {
        true => forever(&mut driver, &mut printer, &place.path()?).await,
        false => once(&mut driver, &mut printer, place.timeout).await,
    };
    driver.finish().await;
    // That is how one that stays ends, and there is nothing to say about it.
    done.map_err(|failure| match failure.code {
        Code::Interrupted | Code::Terminated => Failure::new(failure.code, ""),
        _ => failure,
    })
}

async fn forever(
    driver: &mut Driver,
    printer: &mut Printer<'_>,
    store: &Path,
) -> Result<(), Failure> {
    let mut desk = Desk::open(store);
    printer.backlog(driver)?;
    loop {
        tokio::select! {
            biased;
            event = driver.next() => if let Some(event) = event? {
                if let Event::Alert { alert } = &event && is_an_end(alert) {
                    say(&words::alert(alert));
                }
                printer.on_event(driver, &event)?;
                desk.on_event(driver, &event)?;
            },
            () = desk.next() => {}
        }
        desk.go_on(driver)?;
    }
}

async fn once(driver: &mut Driver, printer: &mut Printer<'_>, timeout: u64) -> Result<(), Failure> {
    printer.backlog(driver)?;
    let (mut deadline, mut answers) = (clock::deadline(timeout), 0);
    while !driver.is_idle() {
        // The time is for each answer: how many there are to wait for is others' doing.
        if driver.answers() > answers {
            (deadline, answers) = (clock::deadline(timeout), driver.answers());
        }
        match driver.next_until(deadline).await? {
            None => return Err(driver.unreachable("")),
            Some(None) => {}
            Some(Some(Event::Alert { alert })) if is_an_end(&alert) => {
                return Err(Failure::new(Code::Refused, words::alert(&alert)));
            }
            Some(Some(event)) => printer.on_event(driver, &event)?,
        }
    }
    Ok(())
}

/// Prints lines, and remembers that it did.
struct Printer<'a> {
    output: &'a Output,
    /// Whether senders are told.
    tell: bool,
    /// The last line that was printed, by conversation.
    printed: BTreeMap<ConversationId, Printed>,
}

/// A line's position, and how many it stands for: the newest may be replaced by one that stands for more.
type Printed = (u64, u32);

const fn standing(line: &MessageView) -> Printed {
    (line.position, line.times)
}

impl Printer<'_> {
    /// What arrived while nobody looked.
    fn backlog(&mut self, driver: &mut Driver) -> Result<(), Failure> {
        let conversations = driver.engine().snapshot().conversations;
        for conversation in conversations.iter().rev() {
            while let Some(lines) = self.unprinted(driver, conversation.id)? {
                self.print(driver, conversation.id, &lines)?;
            }
        }
        Ok(())
    }

    fn on_event(&mut self, driver: &mut Driver, event: &Event) -> Result<(), Failure> {
        match event {
            Event::MessagesChanged {
                conversation,
                messages,
            } => self.print(driver, *conversation, messages),
            _ => Ok(()),
        }
    }

    /// A page of lines that were not printed; nothing where there are none.
    fn unprinted(
        &mut self,
        driver: &Driver,
        conversation: ConversationId,
    ) -> Result<Option<Vec<MessageView>>, Failure> {
        let printed = self.printed(driver, conversation)?;
        let mut lines = driver.lines(conversation, printed.0, PAGE)?;
        lines.retain(|line| standing(line) > printed);
        Ok((!lines.is_empty()).then_some(lines))
    }

    /// Prints what of these lines was not; those that are the user's own are only passed over.
    fn print(
        &mut self,
        driver: &mut Driver,
        conversation: ConversationId,
        lines: &[MessageView],
    ) -> Result<(), Failure> {
        let before = self.printed(driver, conversation)?;
        let from = driver.engine().username(conversation).unwrap_or_default();
        let (mut through, mut seen, mut failed) = (before, 0, Ok(()));
        for line in lines.iter().filter(|line| standing(line) > before) {
            if !line.mine {
                failed = self.output.message(conversation, &from, line);
                if failed.is_err() {
                    break;
                }
                seen = line.position;
            }
            through = standing(line);
        }
        if through > before {
            let name = record_name(conversation);
            driver.store_mut().keep_own(&name, &to_bytes(through))?;
            self.printed.insert(conversation, through);
        }
        if seen > 0 && self.tell {
            driver.ask(Command::MarkRead {
                conversation,
                through: seen,
            })?;
        }
        failed
    }

    fn printed(
        &mut self,
        driver: &Driver,
        conversation: ConversationId,
    ) -> Result<Printed, Failure> {
        if let Some(printed) = self.printed.get(&conversation) {
            return Ok(*printed);
        }
        let kept = driver.store().own(&record_name(conversation))?;
        let printed = kept
            .and_then(|bytes| from_bytes(&bytes))
            .unwrap_or_default();
        self.printed.insert(conversation, printed);
        Ok(printed)
    }
}

/// Where a store remembers what of a conversation was printed.
fn record_name(conversation: ConversationId) -> String {
    format!("printed {conversation}")
}

/// The position alone where the line stands for itself, which is all that older versions wrote.
fn to_bytes((position, times): Printed) -> Vec<u8> {
    let mut bytes = position.to_be_bytes().to_vec();
    if times > 0 {
        bytes.extend(times.to_be_bytes());
    }
    bytes
}

/// Reads what [`to_bytes`] gave.
fn from_bytes(bytes: &[u8]) -> Option<Printed> {
    let (position, times) = bytes.split_first_chunk()?;
    let times = match times {
        [] => [0; 4],
        times => times.try_into().ok()?,
    };
    Some((u64::from_be_bytes(*position), u32::from_be_bytes(times)))
}
