//! What this process takes of its machine, where the system tells it.

/// For the metrics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Process {
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) open_files: Option<u64>,
    pub(crate) most_files: Option<u64>,
}

impl Process {
    /// Counts its open files one by one, which takes some milliseconds where there are thousands.
    pub(crate) fn look() -> Self {
        Self {
            resident_bytes: resident_bytes(),
            open_files: open_files(),
            most_files: most_files(),
        }
    }
}

#[cfg(target_os = "linux")]
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(target_os = "linux")]
fn open_files() -> Option<u64> {
    let files = std::fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    // One of them is this folder.
    files.checked_sub(1)
}

#[cfg(not(target_os = "linux"))]
fn resident_bytes() -> Option<u64> {
    None
}

#[cfg(not(target_os = "linux"))]
fn open_files() -> Option<u64> {
    None
}

#[cfg(unix)]
fn most_files() -> Option<u64> {
    use rustix::process::{Resource, getrlimit};

    getrlimit(Resource::Nofile).current
}

#[cfg(not(unix))]
fn most_files() -> Option<u64> {
    None
}
