//! What a package of the relay holds beside the binary: completions for shells and a manual page.

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

pub(super) fn completions(mut command: Command, shell: Shell) -> String {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// One page for all: the commands' own flags stand behind those of the relay.
pub(super) fn manual(mut command: Command) -> String {
    command.build();
    let mut page = Vec::new();
    // Writing into memory does not fail.
    let _ = Man::new(command.clone()).render(&mut page);
    for own in command
        .get_subcommands()
        .filter(|own| own.get_name() != "help")
    {
        let title = format!("pawl-server {}", own.get_name()).to_uppercase();
        page.extend(format!(".SH {title}\n").into_bytes());
        let man = Man::new(own.clone());
        let _ = man.render_description_section(&mut page);
        let _ = man.render_options_section(&mut page);
    }
    String::from_utf8_lossy(&page).into_owned()
}
