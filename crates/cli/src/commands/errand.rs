//! One or more texts to one person, from the first look to the relay's answers: a state machine over the
//! engine's events, so that a program which does other things meanwhile can run several.

use std::collections::{BTreeSet, VecDeque};

use pawl_client::{
    Command, CommandError, CommandId, ConversationId, Event, IdentityState, MessageStatus,
};

use crate::driver::{Driver, is_an_end};
use crate::failure::{Code, Failure};
use crate::output::Sent;
use crate::words;

/// Texts of one errand that may wait for the relay: what keeps its group commit busy, and far below what an outbox
/// takes.
const MAX_UNDER_WAY: usize = 64;
/// How a wait that had to end is explained.
const KEPT: &str = "; the message is kept and goes out next time";

/// Texts on their way to one person.
pub(crate) struct Errand {
    /// As typed, until it has been looked for; from then on a username.
    to: String,
    texts: VecDeque<String>,
    stage: Stage,
    /// Written, and not at the relay yet.
    under_way: BTreeSet<u64>,
    /// What nobody was told yet, in its order.
    news: Vec<(u64, News)>,
}

/// How far a text has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// On this disk: it goes out, now or later.
    Written,
    /// At the relay.
    Sent,
}

enum Stage {
    /// Whether the person is known is to be seen, once there is a connection.
    Looking,
    /// The relay is asked who that is.
    Asking(CommandId),
    /// Texts are written as they come.
    Open,
}

impl Errand {
    /// To somebody, as typed.
    pub(crate) fn new(to: &str) -> Self {
        Self {
            to: to.to_owned(),
            texts: VecDeque::new(),
            stage: Stage::Looking,
            under_way: BTreeSet::new(),
            news: Vec::new(),
        }
    }

    /// One more text.
    pub(crate) fn add(&mut self, text: String) {
        self.texts.push_back(text);
    }

    /// A text that nobody has looked at yet.
    pub(crate) fn take_text(&mut self) -> Option<String> {
        self.texts.pop_front()
    }

    /// Whether everything so far is at the relay.
    pub(crate) fn is_done(&self) -> bool {
        self.texts.is_empty() && self.under_way.is_empty()
    }

    /// Whether one more may be written: what waits for the relay on this disk is bounded.
    pub(crate) fn has_room(&self) -> bool {
        self.texts.len() + self.under_way.len() < MAX_UNDER_WAY
    }

    /// Positions of texts that have come further since the last call.
    pub(crate) fn take_news(&mut self) -> Vec<(u64, News)> {
        std::mem::take(&mut self.news)
    }

    /// Goes on as far as it can.
    pub(crate) fn go_on(&mut self, driver: &mut Driver) -> Result<(), Failure> {
        if matches!(self.stage, Stage::Looking) {
            self.to = driver.username(&self.to)?;
            match self.identity(driver) {
                Some(_) => self.stage = Stage::Open,
                None if driver.is_online() => {
                    let username = self.to.clone();
                    let asked = driver.ask(Command::StartConversation { username })?;
                    self.stage = Stage::Asking(asked);
                }
                None => {}
            }
        }
        if matches!(self.stage, Stage::Open) {
            self.look(driver)?;
            while let Some(text) = self.texts.pop_front() {
                self.write(driver, text)?;
            }
        }
        Ok(())
    }

    /// An event that may be about it.
    pub(crate) fn on_event(&mut self, driver: &mut Driver, event: &Event) -> Result<(), Failure> {
        match event {
            Event::CommandDone { id, error } if self.asked(id) => match error {
                None => self.stage = Stage::Open,
                // The connection broke: it is asked again on the next one.
                Some(CommandError::Offline) => self.stage = Stage::Looking,
                Some(error) => return Err(self.about(error.clone())),
            },
            Event::StatusChanged {
                conversation,
                changes,
            } if self.is_about(driver, *conversation) => {
                for (position, status) in changes {
                    self.on_status(*position, *status)?;
                }
            }
            Event::MessagesChanged {
                conversation,
                messages,
            } if self.is_about(driver, *conversation) => {
                for message in messages {
                    if let Some(status) = message.status {
                        self.on_status(message.position, status)?;
                    }
                }
            }
            Event::ConversationChanged { conversation } if conversation.username == self.to => {
                self.look(driver)?;
            }
            Event::Alert { alert } if is_an_end(alert) => {
                let line = format!("{}{}", words::alert(alert), self.kept());
                return Err(Failure::new(Code::Refused, line));
            }
            _ => {}
        }
        self.go_on(driver)
    }

    /// Whether the person is known, so that texts are on disk at once.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }

    pub(crate) fn to(&self) -> &str {
        &self.to
    }

    /// A text that has come further, in words for others.
    pub(crate) fn sent(&self, driver: &Driver, position: u64) -> Result<Sent, Failure> {
        Ok(Sent {
            to: self.to.clone(),
            conversation: driver.conversation(&self.to)?,
            position,
        })
    }

    /// Why a wait had to end.
    pub(crate) fn too_late(&self, driver: &Driver) -> Failure {
        driver.unreachable(self.kept())
    }

    fn kept(&self) -> &'static str {
        match self.under_way.is_empty() {
            true => "",
            false => KEPT,
        }
    }

    fn asked(&self, id: &CommandId) -> bool {
        matches!(&self.stage, Stage::Asking(asked) if asked == id)
    }

    fn on_status(&mut self, position: u64, status: MessageStatus) -> Result<(), Failure> {
        match status {
            MessageStatus::Sending | MessageStatus::Waiting => {}
            MessageStatus::NotSent if self.under_way.remove(&position) => {
                let line = format!(
                    "the message to {} could not be delivered and is shown as not sent",
                    self.to
                );
                return Err(Failure::new(Code::NotSent, line));
            }
            MessageStatus::NotSent => {}
            MessageStatus::Sent | MessageStatus::Delivered | MessageStatus::Read => {
                if self.under_way.remove(&position) {
                    self.news.push((position, News::Sent));
                }
            }
        }
        Ok(())
    }

    /// A text is written to disk; the engine sends it as soon as it can.
    fn write(&mut self, driver: &mut Driver, text: String) -> Result<(), Failure> {
        let conversation = driver.conversation(&self.to);
        let conversation = conversation.map_err(|error| self.about(error))?;
        let written = driver.write(conversation, text)?;
        let position = written.map_err(|error| self.about(error))?;
        self.under_way.insert(position);
        self.news.push((position, News::Written));
        Ok(())
    }

    fn identity(&self, driver: &Driver) -> Option<IdentityState> {
        let engine = driver.engine();
        engine.identity(engine.conversation_with(&self.to)?)
    }

    fn is_about(&self, driver: &Driver, conversation: ConversationId) -> bool {
        driver.engine().conversation_with(&self.to) == Some(conversation)
    }

    /// Nothing is written to somebody whose identity has changed: it would go to whom the user has not looked at.
    fn look(&self, driver: &Driver) -> Result<(), Failure> {
        if self.identity(driver) != Some(IdentityState::Changed) {
            return Ok(());
        }
        let name = &self.to;
        let kept = match self.under_way.is_empty() {
            true => "nothing was written",
            false => "the message waits for it",
        };
        let line = format!(
            "{name}'s identity has changed: look at `pawl verify {name}`, then `pawl accept {name}`; {kept}"
        );
        Err(Failure::new(Code::Identity, line))
    }

    fn about(&self, error: CommandError) -> Failure {
        let is_about = matches!(
            error,
            CommandError::UnknownRecipient | CommandError::KeysRefused
        );
        let mut failure = Failure::from(error);
        if is_about {
            failure.line = format!("{}: {}", self.to, failure.line);
        }
        failure
    }
}
