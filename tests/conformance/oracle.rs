//! The surroundings in which the expected results were made: time zone, host name, names of ports.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether this process has the oracle's time zone and host name. If not, the test `name` is run again in a process
/// that has them; then there is nothing left to do here.
pub(crate) fn surrounds(name: &str) -> bool {
    let surroundings = [("TZ", "UTC"), ("LC_ALL", "C"), ("FALCO_HOSTNAME", "conformance")];
    if surroundings.iter().all(|(key, value)| std::env::var(key).as_deref() == Ok(value)) {
        return true;
    }
    let status = Command::new(std::env::current_exe().expect("a test knows its file"))
        .args(["--exact", name, "--nocapture"])
        .envs(surroundings)
        .status()
        .expect("a test can be run again");
    assert!(status.success(), "{name} failed");
    false
}

/// The names of ports, in the form of services(5).
pub(crate) fn services(corpus: &Path) -> String {
    let table = crate::read(&corpus.join("reference/services_oracle.tsv"));
    let table = String::from_utf8(table).expect("it is text");
    let rows = table.lines().skip(1).map(|row| {
        let mut cells = row.split('\t');
        let [port, protocol, name, aliases] = [(); 4].map(|()| cells.next().unwrap_or_default());
        format!("{name}\t{port}/{protocol}\t{aliases}\n")
    });
    rows.collect()
}

/// [`services`] in a file. Removed when dropped.
pub(crate) struct Services(PathBuf);

impl Services {
    /// Writes the file.
    pub(crate) fn new(corpus: &Path) -> Self {
        let path = std::env::temp_dir().join(format!("saker-services-{}", std::process::id()));
        std::fs::write(&path, services(corpus)).expect("there is a temporary directory");
        Services(path)
    }

    /// The option that makes Saker use it.
    pub(crate) fn option(&self) -> String {
        format!("saker.services_file={}", self.0.display())
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
