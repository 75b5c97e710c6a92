//! What a package of the relay holds beside the binary: completions for shells and a manual page.

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use super::layers::SERVING;
use crate::http::assets::WEB;

pub(super) fn completions(mut command: Command, shell: Shell) -> String {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    match shell {
        // The hyphen of our name is written in two ways, so that no command would be found by its name.
        Shell::Bash => script.replace("pawl__subcmd__server", "pawl__server"),
        _ => script,
    }
}

/// Of what is linked into the relay, as its build found it.
const LICENCES: &str = include_str!(concat!(env!("OUT_DIR"), "/licences.txt"));

/// The page's own file of them, which the relay serves.
const OF_PAGE: &str = "/licences.txt";

/// The texts of the relay's libraries, then those of the page.
pub(super) fn licences() -> String {
    let page = WEB.iter().find(|file| file.path == OF_PAGE);
    let page = page.map(|file| String::from_utf8_lossy(file.plain));
    let page = page.unwrap_or_else(|| "It was built without its licences.\n".into());
    format!("The relay\n=========\n\n{LICENCES}\nThe page\n========\n\n{page}")
}

/// One page for all: every command stands behind what serving takes.
pub(super) fn manual(mut command: Command) -> String {
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    // Writing into memory does not fail.
    let _ = man
        .render_title(&mut page)
        .and_then(|()| man.render_name_section(&mut page))
        .and_then(|()| man.render_synopsis_section(&mut page))
        .and_then(|()| man.render_description_section(&mut page))
        .and_then(|()| man.render_options_section(&mut page));
    add_commands(&mut page, &command, "pawl-server");
    add_as_it_is(&mut page, "SETTINGS AND EXAMPLES", &command);
    String::from_utf8_lossy(&page).into_owned()
}

/// Each command below this one, and those below it.
fn add_commands(page: &mut Vec<u8>, command: &Command, path: &str) {
    for own in command
        .get_subcommands()
        .filter(|own| own.get_name() != "help")
    {
        let path = format!("{path} {}", own.get_name());
        page.extend(format!(".SH \"{}\"\n", escaped(&path.to_uppercase())).into_bytes());
        let man = Man::new(own.clone());
        let mut text = Vec::new();
        let _ = man.render_description_section(&mut text);
        let takes_all = SERVING.contains(&own.get_name());
        if !takes_all && !own.has_subcommands() {
            let _ = man.render_options_section(&mut text);
        }
        // Below the command's own heading, not beside it.
        page.extend(
            String::from_utf8_lossy(&text)
                .replace(".SH ", ".SS ")
                .into_bytes(),
        );
        if takes_all {
            page.extend(b".PP\nIt takes the options above.\n");
        }
        add_as_it_is(page, "", own);
        add_commands(page, own, &path);
    }
}

/// What stands behind the help, line by line: examples are typed as they are.
fn add_as_it_is(page: &mut Vec<u8>, title: &str, command: &Command) {
    let Some(text) = command.get_after_help() else {
        return;
    };
    if !title.is_empty() {
        page.extend(format!(".SH \"{title}\"\n").into_bytes());
    }
    page.extend(b".PP\n.nf\n");
    for line in text.to_string().lines() {
        // A line that begins with a dot or a quote would be a request.
        page.extend(format!("\\&{}\n", escaped(line)).into_bytes());
    }
    page.extend(b".fi\n");
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}
