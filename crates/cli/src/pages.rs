//! What a package of `pawl` holds beside the binary: completions for shells, a manual page and licences. All are
//! printed.

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::args::Arguments;

/// Of what is linked into this program, as its build found it.
const LICENCES: &str = include_str!(concat!(env!("OUT_DIR"), "/licences.txt"));

pub(crate) fn licences() -> &'static str {
    LICENCES.trim_end()
}

pub(crate) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "pawl", &mut script);
    String::from_utf8_lossy(&script).trim_end().to_owned()
}

/// One page for all: each command stands behind what every command takes, with what only it takes.
pub(crate) fn manual() -> String {
    let command = Arguments::command();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    // Writing into memory does not fail.
    let _ = man
        .render_title(&mut page)
        .and_then(|()| man.render_name_section(&mut page))
        .and_then(|()| man.render_synopsis_section(&mut page))
        .and_then(|()| man.render_description_section(&mut page))
        .and_then(|()| man.render_options_section(&mut page));
    let mut page = String::from_utf8_lossy(&page).into_owned();
    for own in command.get_subcommands() {
        add_command(&mut page, own);
    }
    page.push_str(".SH \"EXAMPLES AND EXIT CODES\"\n");
    let help = command.get_after_long_help();
    add_as_it_is(&mut page, help.map(ToString::to_string));
    page.trim_end().to_owned()
}

fn add_command(page: &mut String, own: &Command) {
    let title = format!("pawl {}", own.get_name()).to_uppercase();
    page.push_str(&format!(".SH \"{}\"\n", escaped(&title)));
    let man = Man::new(own.clone());
    let mut text = Vec::new();
    let _ = man
        .render_description_section(&mut text)
        .and_then(|()| man.render_options_section(&mut text));
    // Below the command's own heading, not beside it.
    page.push_str(&String::from_utf8_lossy(&text).replace(".SH ", ".SS "));
    add_as_it_is(page, own.get_after_help().map(ToString::to_string));
}

/// Examples, line by line as they are typed.
fn add_as_it_is(page: &mut String, text: Option<String>) {
    let Some(text) = text else {
        return;
    };
    page.push_str(".PP\n.nf\n");
    for line in text.lines() {
        // A line that begins with a dot or a quote would be a request.
        page.push_str(&format!("\\&{}\n", escaped(line)));
    }
    page.push_str(".fi\n");
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}
