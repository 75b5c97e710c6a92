//! The image as skopeo reads it, unpacked by umoci, and its program run as its own user with nothing else around it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use xshell::cmd;

use crate::context::Context;
use crate::setup::Arch;

const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(200);

pub(super) fn check(ctx: &Context, image: &Path, host: Arch) -> Result<()> {
    let name = image.file_name().unwrap_or_default().display().to_string();
    ctx.step(&format!("looking into {name}"), || {
        let sh = &ctx.sh;
        // Each takes the archive for one of its kind, and checks all hashes on the way.
        for kind in ["oci-archive", "docker-archive"] {
            let told = cmd!(sh, "skopeo inspect --config {kind}:{image}")
                .quiet()
                .read()?;
            let told: Value = serde_json::from_str(&told).context("what skopeo says")?;
            ensure!(
                told["config"]["Entrypoint"][0] == "/pawl-server",
                "{kind}: {told}"
            );
            ensure!(told["config"]["User"] == "65532:65532", "{kind}: {told}");
        }
        let at = ctx.scratch("image")?;
        let (layout, bundle) = (at.join("layout"), at.join("bundle"));
        for folder in [&layout, &bundle] {
            sh.remove_path(folder)?;
        }
        ctx.run(cmd!(
            sh,
            "skopeo copy --quiet oci-archive:{image} oci:{layout}:it"
        ))?;
        ctx.run(cmd!(sh, "umoci unpack --image {layout}:it {bundle}"))?;
        let root = bundle.join("rootfs");
        let format = "--format=%u:%g %a";
        let told = ctx.read(cmd!(sh, "stat {format} {root}/data"))?;
        ensure!(told == "65532:65532 700", "/data is {told}");
        if name.contains(host.name()) {
            serves(&root)?;
        }
        sh.remove_path(at)?;
        Ok(())
    })
}

/// Runs the program as the image says, in its root and in no other.
fn serves(root: &Path) -> Result<()> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut relay = Command::new("chroot")
        .args(["--userspec=65532:65532", "--groups="])
        .arg(root)
        .arg("/pawl-server")
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("PAWL_DATA", "/data")
        .env("PAWL_LISTEN", format!("127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .spawn()
        .context("chroot")?;
    let served = page(&mut relay, port);
    let _ = Command::new("kill").arg(relay.id().to_string()).status();
    let ended = relay.wait()?;
    served?;
    ensure!(ended.success(), "after SIGTERM: {ended}");
    ensure!(
        root.join("data/relay.db").exists(),
        "there is no store in /data"
    );
    Ok(())
}

fn page(relay: &mut Child, port: u16) -> Result<()> {
    let mut left = PATIENCE;
    loop {
        if let Some(status) = relay.try_wait()? {
            bail!("it ended with {status}");
        }
        if get(port, "/").is_ok_and(|said| said.contains("<title>Pawl")) {
            break;
        }
        left = left
            .checked_sub(GLANCE)
            .context("it does not serve the page")?;
        sleep(GLANCE);
    }
    let licences = get(port, "/licences.txt")?;
    ensure!(licences.contains("\npreact "), "the page has no licences");
    Ok(())
}

fn get(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    Ok(said)
}
