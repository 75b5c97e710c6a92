//! Who vouches for the files: their SHA-256, and a signature of minisign's over the list. A key is tried before anything
//! is built. Signing is left to the program that made the key.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::inside::hexadecimal;
use crate::setup;

const NAME: &str = "SHA256SUMS";
/// Without a signature the list says so by its name.
const UNSIGNED: &str = "SHA256SUMS.unsigned";

/// Where the password of a sealed key is: in the first line of a file, or in the variable itself.
const PASSWORD_FILE: &str = "PAWL_SIGN_PASSWORD_FILE";
const PASSWORD: &str = "PAWL_SIGN_PASSWORD";

/// What the second line of a secret key of minisign's holds: algorithm, key derivation, check, and more.
const KEY_BYTES: usize = 158;
const ALGORITHM: &[u8] = b"Ed";
const SEALED: &[u8] = b"Sc";

/// A key that has signed already.
pub(crate) struct Signer {
    key: PathBuf,
    password: Option<String>,
}

impl Signer {
    /// Looks at a key, finds its password and signs something with it, all of which may fail now and not after an hour.
    pub(crate) fn open(ctx: &Context, key: &Path) -> Result<Self> {
        let file = std::env::var_os(PASSWORD_FILE).map(PathBuf::from);
        let password = match file {
            Some(file) => Some(first_line(&file)?),
            None => std::env::var(PASSWORD).ok(),
        };
        Self::with(ctx, key, password)
    }

    fn with(ctx: &Context, key: &Path, password: Option<String>) -> Result<Self> {
        let shown = key.display();
        let text = std::fs::read_to_string(key)
            .with_context(|| format!("the key {shown} cannot be read"))?;
        let sealed = is_sealed(&text)
            .with_context(|| format!("{shown} is no secret key of minisign's (`minisign -G`)"))?;
        if sealed && password.is_none() {
            bail!(
                "{shown} is sealed with a password: {PASSWORD_FILE} names a file with it, or {PASSWORD} holds it"
            );
        }
        setup::minisign(ctx)?;
        let key = key.to_path_buf();
        let signer = Self {
            key,
            password: password.filter(|_| sealed),
        };
        let probe = ctx.scratch("release")?.join("probe");
        ctx.sh.write_file(&probe, "probe")?;
        signer.sign(ctx, &probe, "probe")?;
        Ok(signer)
    }

    /// Writes FILE.minisig. `comment` is signed, too.
    fn sign(&self, ctx: &Context, file: &Path, comment: &str) -> Result<()> {
        let (key, sh) = (&self.key, &ctx.sh);
        let mut command = ctx.command(xshell::cmd!(
            sh,
            "minisign -S -s {key} -m {file} -t {comment} -c {UNTRUSTED}"
        ));
        let output = answered(&mut command, self.password.as_deref().unwrap_or_default())?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let shown = key.display();
        if said.contains("Wrong password") {
            bail!("the password is not that of {shown}");
        }
        bail!("minisign did not sign with {shown}: {}", said.trim())
    }
}

const UNTRUSTED: &str = "signature of Pawl's release";

fn first_line(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{PASSWORD_FILE}: {} cannot be read", file.display()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Whether the text of a key file needs a password; none where it is no secret key.
fn is_sealed(text: &str) -> Option<bool> {
    let bytes = BASE64.decode(text.lines().nth(1)?.trim()).ok()?;
    (bytes.len() == KEY_BYTES && bytes.starts_with(ALGORITHM))
        .then(|| bytes[2..].starts_with(SEALED))
}

/// Runs a command that asks for a password on its standard input.
fn answered(command: &mut Command, password: &str) -> Result<Output> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = command.spawn().context("minisign")?;
    // It may have ended before it read; what it said counts then.
    let _ = running
        .stdin
        .take()
        .context("its standard input")?
        .write_all(format!("{password}\n").as_bytes());
    Ok(running.wait_with_output()?)
}

/// Writes the list of all files of a folder, signed or named otherwise; its file names.
pub(crate) fn write(
    ctx: &Context,
    folder: &Path,
    signer: Option<&Signer>,
    title: &str,
) -> Result<()> {
    let list = list(folder)?;
    let Some(signer) = signer else {
        return Ok(ctx.sh.write_file(folder.join(UNSIGNED), list)?);
    };
    let file = folder.join(NAME);
    ctx.sh.write_file(&file, list)?;
    signer.sign(ctx, &file, title)
}

/// As sha256sum writes it and reads it, sorted by name.
fn list(folder: &Path) -> Result<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_file() && !name.starts_with(NAME) {
            names.push(name);
        }
    }
    names.sort();
    let line = |name: &String| {
        let content = std::fs::read(folder.join(name)).with_context(|| name.clone())?;
        Ok(format!(
            "{}  {name}\n",
            hexadecimal(&Sha256::digest(content))
        ))
    };
    names.iter().map(line).collect()
}

/// Compares a folder with the list in it, by whichever name that has.
pub(super) fn check(folder: &Path) -> Result<()> {
    let file = [NAME, UNSIGNED].map(|name| folder.join(name));
    let file = file.iter().find(|file| file.exists());
    let file = file.with_context(|| format!("{} has no {NAME}", folder.display()))?;
    let (told, found) = (std::fs::read_to_string(file)?, list(folder)?);
    let differing = |one: &str, other: &str| {
        let line = one
            .lines()
            .find(|line| !other.lines().any(|other| other == *line));
        line.map(|line| {
            line.split_whitespace()
                .last()
                .unwrap_or_default()
                .to_owned()
        })
    };
    match differing(&told, &found).or_else(|| differing(&found, &told)) {
        None => Ok(()),
        Some(name) => bail!("{name} is not as {} says", file.display()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use minisign_verify::{PublicKey, Signature};

    use super::*;

    /// The program that makes keys, which is not asked to verify anything here.
    fn key(folder: &Path, password: &str) -> (PathBuf, PublicKey) {
        let ctx = Context::new().unwrap();
        setup::minisign(&ctx).unwrap();
        let (public, secret) = (folder.join("key.pub"), folder.join("key"));
        let mut command = Command::new("minisign");
        command
            .args(["-G", "-f", "-p"])
            .arg(&public)
            .arg("-s")
            .arg(&secret);
        if password.is_empty() {
            command.arg("-W");
        }
        let output = answered(&mut command, &format!("{password}\n{password}")).unwrap();
        assert!(output.status.success(), "{output:?}");
        (secret, PublicKey::from_file(public).unwrap())
    }

    fn refusal(key: &Path, password: Option<&str>) -> String {
        let ctx = Context::new().unwrap();
        let opened = Signer::with(&ctx, key, password.map(str::to_owned));
        format!("{:#}", opened.err().unwrap())
    }

    #[test]
    fn a_list_is_signed_for_whoever_has_the_public_key() {
        let ctx = Context::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        for password in ["", "the password"] {
            let (secret, public) = key(folder.path(), password);
            let made = tempfile::tempdir().unwrap();
            fs::write(made.path().join("b"), "abc").unwrap();
            fs::write(made.path().join("a"), "").unwrap();
            let signer = Signer::with(&ctx, &secret, Some(password.to_owned())).unwrap();
            write(&ctx, made.path(), Some(&signer), "Pawl 0.2.0").unwrap();
            let list = fs::read(made.path().join(NAME)).unwrap();
            assert_eq!(String::from_utf8(list.clone()).unwrap(), LIST);
            let signature = Signature::from_file(made.path().join("SHA256SUMS.minisig")).unwrap();
            public.verify(&list, &signature, false).unwrap();
            assert_eq!(signature.trusted_comment(), "Pawl 0.2.0");
            assert!(public.verify(b"another list", &signature, false).is_err());
            // A second time, over what is there: the list does not list itself.
            write(&ctx, made.path(), Some(&signer), "Pawl 0.2.0").unwrap();
            assert_eq!(fs::read(made.path().join(NAME)).unwrap(), list);
        }
    }

    const LIST: &str = "\
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a
ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b
";

    #[test]
    fn an_unsigned_list_is_named_so_and_is_one_that_sha256sum_takes() {
        let ctx = Context::new().unwrap();
        let made = tempfile::tempdir().unwrap();
        fs::write(made.path().join("a file"), "abc").unwrap();
        write(&ctx, made.path(), None, "Pawl 0.2.0").unwrap();
        assert!(!made.path().join(NAME).exists());
        let mut check = Command::new("sha256sum");
        check
            .args(["--check", "--strict", UNSIGNED])
            .current_dir(made.path());
        assert!(check.status().unwrap().success());
        super::check(made.path()).unwrap();
        fs::write(made.path().join("a file"), "abd").unwrap();
        let said = super::check(made.path()).unwrap_err().to_string();
        assert!(said.contains("file is not as"), "{said}");
        assert!(!check.status().unwrap().success());
    }

    #[test]
    fn a_key_that_cannot_sign_is_refused_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let (secret, _) = key(folder.path(), "right");
        for (key, password, why) in [
            (folder.path().join("none"), None, "cannot be read"),
            (
                folder.path().join("key.pub"),
                None,
                "no secret key of minisign's",
            ),
            (
                secret.clone(),
                None,
                "is sealed with a password: PAWL_SIGN_PASSWORD_FILE",
            ),
            (secret, Some("wrong"), "the password is not that of"),
        ] {
            let said = refusal(&key, password);
            assert!(said.contains(why), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        }
        let missing = first_line(&folder.path().join("none")).unwrap_err();
        assert!(format!("{missing:#}").starts_with(PASSWORD_FILE));
    }
}
