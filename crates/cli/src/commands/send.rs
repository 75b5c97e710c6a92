//! A text, or one after another, to one person. Ends when the relay has them.

use pawl_client::CommandError;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};

use super::errand::{Errand, News};
use crate::args::Place;
use crate::driver::Driver;
use crate::failure::{Code, Failure};
#[cfg(unix)]
use crate::handover::{self, Request};
use crate::input;
use crate::output::{Output, Sent};

/// Lines of standard input, as they come.
type Lines = mpsc::Receiver<Result<String, Failure>>;

pub(super) async fn run(
    place: &Place,
    output: &Output,
    username: &str,
    text: Option<String>,
    by_line: bool,
) -> Result<(), Failure> {
    let mut errand = Errand::new(username);
    let lines = match (by_line, text) {
        (true, _) => Some(input::lines()),
        (false, Some(text)) => {
            errand.add(checked(text)?);
            None
        }
        (false, None) => {
            errand.add(checked(input::whole()?)?);
            None
        }
    };
    let mut driver = match place.driver() {
        Ok(driver) => driver,
        Err(busy) if busy.code == Code::Busy => {
            return hand_over(place, output, errand, lines, busy).await;
        }
        Err(failure) => return Err(failure),
    };
    let timeout = Duration::from_secs(place.timeout);
    let done = deliver(&mut driver, output, &mut errand, lines, timeout).await;
    driver.finish().await;
    done.map_err(|failure| match failure.code {
        Code::Interrupted | Code::Terminated if !errand.is_open() => {
            Failure::new(failure.code, "interrupted; nothing was written")
        }
        _ => failure,
    })
}

/// Another program has the store: where it stays to receive, it sends, too.
#[cfg(unix)]
async fn hand_over(
    place: &Place,
    output: &Output,
    mut errand: Errand,
    mut lines: Option<Lines>,
    busy: Failure,
) -> Result<(), Failure> {
    let store = place.path()?;
    loop {
        let text = match (&mut lines, errand.take_text()) {
            (_, Some(text)) => text,
            (Some(lines), None) => match lines.recv().await.transpose()? {
                Some(text) if text.trim().is_empty() => continue,
                Some(text) => text,
                None => return Ok(()),
            },
            (None, None) => return Ok(()),
        };
        let request = Request {
            to: errand.to().to_owned(),
            text,
            timeout: place.timeout,
        };
        match handover::ask(&store, &request).await {
            Some(sent) => show(output, "sent", &sent?)?,
            None => return Err(busy),
        }
    }
}

#[cfg(not(unix))]
async fn hand_over(
    _: &Place,
    _: &Output,
    _: Errand,
    _: Option<Lines>,
    busy: Failure,
) -> Result<(), Failure> {
    Err(busy)
}

/// Before a passphrase is asked for.
fn checked(text: String) -> Result<String, Failure> {
    match text.trim().is_empty() {
        true => Err(CommandError::MessageEmpty.into()),
        false => Ok(text),
    }
}

async fn deliver(
    driver: &mut Driver,
    output: &Output,
    errand: &mut Errand,
    mut lines: Option<Lines>,
    timeout: Duration,
) -> Result<(), Failure> {
    let mut deadline = after(timeout);
    errand.go_on(driver)?;
    tell(driver, output, errand)?;
    while lines.is_some() || !errand.is_done() {
        let is_waiting = lines.is_none() || !errand.has_room();
        let line = async {
            match &mut lines {
                Some(lines) if errand.has_room() => lines.recv().await,
                Some(_) | None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            event = driver.next() => {
                if let Some(event) = event? {
                    errand.on_event(driver, &event)?;
                }
                errand.go_on(driver)?;
            }
            line = line => match line.transpose()? {
                Some(text) if text.trim().is_empty() => {}
                Some(text) => {
                    errand.add(text);
                    errand.go_on(driver)?;
                }
                None => (lines, deadline) = (None, after(timeout)),
            },
            // While there is room for more that may come, there is time.
            () = tokio::time::sleep_until(deadline), if is_waiting => {
                return Err(errand.too_late(driver));
            }
        }
        if tell(driver, output, errand)? {
            deadline = after(timeout);
        }
    }
    Ok(())
}

/// Whether there was anything to tell.
fn tell(driver: &Driver, output: &Output, errand: &mut Errand) -> Result<bool, Failure> {
    let all = errand.take_news();
    for (position, news) in &all {
        let what = match news {
            News::Written => "written",
            News::Sent => "sent",
        };
        show(output, what, &errand.sent(driver, *position)?)?;
    }
    Ok(!all.is_empty())
}

fn show(output: &Output, what: &str, sent: &Sent) -> Result<(), Failure> {
    let Sent {
        to,
        conversation,
        position,
    } = sent;
    match output.is_json() {
        true => output.json(&json!({
            "type": what, "to": to, "conversation": conversation, "position": position,
        })),
        false => Ok(()),
    }
}

fn after(timeout: Duration) -> Instant {
    crate::clock::deadline(timeout.as_secs())
}
