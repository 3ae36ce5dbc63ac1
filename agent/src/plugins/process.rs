//! The agent's end of a plugin's process: begun, asked with a deadline, ended.

use std::io::{self, BufRead as _, BufReader, PipeReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::info::Info;
use super::protocol::{
    Asked, Batch, Bytes, Metric, ProtocolError, Reply, Request, Types, decode, receive, send,
};
use super::settings::Settings;

/// The subcommand that a plugin's process runs.
pub const SUBCOMMAND: &str = "plugin-host";

/// How often it is looked whether a plugin is not waited for any more.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long a process may take to end when it was asked to, or when its socket is closed.
const END_TIME: Duration = Duration::from_secs(2);

/// What a socket says that is not waited for any more.
const STOPPED: io::ErrorKind = io::ErrorKind::ConnectionAborted;

/// The most bytes of a line that a plugin writes.
const MAX_LINE: u64 = 8 << 10;

/// A plugin's process.
#[derive(Debug)]
pub struct Process {
    child: Child,
    agent: UnixStream,
    buffer: Vec<u8>,
    timeout: Duration,
    /// It is not waited for any more.
    stop: Arc<AtomicBool>,
}

/// Why a plugin's process is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It cannot be begun.
    #[error("its process cannot be started: {0}")]
    Start(io::Error),
    /// It has ended.
    #[error("its process crashed: {0}")]
    Crashed(String),
    /// It does not answer.
    #[error("its process did not answer for {0:?}")]
    Hung(Duration),
    /// What it says makes no sense.
    #[error("its process sent {0}")]
    Protocol(ProtocolError),
    /// The plugin says that it cannot.
    #[error("{0}")]
    Failed(String),
    /// It was not waited for any more.
    #[error("it was stopped")]
    Stopped,
}

impl Process {
    /// Begins a process and loads the plugin in it.
    ///
    /// # Errors
    /// If there can be no process, or the library is no plugin.
    pub fn start(settings: &Settings, stop: &Arc<AtomicBool>) -> Result<(Process, Info), ProcessError> {
        let (agent, theirs) = UnixStream::pair().map_err(ProcessError::Start)?;
        let (output, errors) = io::pipe().map_err(ProcessError::Start)?;
        // What runs, also if another has taken its place on disk.
        let child = Command::new("/proc/self/exe")
            .arg0("saker")
            .arg(SUBCOMMAND)
            .stdin(OwnedFd::from(theirs))
            .stdout(errors.try_clone().map_err(ProcessError::Start)?)
            .stderr(errors)
            // Signals of a terminal are the agent's business.
            .process_group(0)
            .spawn()
            .map_err(ProcessError::Start)?;
        tell(settings.name.clone(), output);
        let (stop, timeout) = (Arc::clone(stop), settings.timeout);
        let mut process = Process { child, agent, buffer: Vec::new(), timeout, stop };
        agent_timeouts(&process.agent).map_err(ProcessError::Start)?;
        let library = settings.library.to_string_lossy();
        let info = match process.ask(&Request::Load(&library))? {
            Reply::Loaded(info) => *info,
            _ => return Err(unexpected()),
        };
        info.check().map_err(|error| ProcessError::Failed(error.to_string()))?;
        Ok((process, info))
    }

    /// Initialises the plugin, and begins with the events of a source. With `open` it opens it.
    ///
    /// # Errors
    /// What the plugin says if it cannot.
    pub fn begin(
        &mut self,
        settings: &Settings,
        source: &str,
        id: u32,
        open: bool,
    ) -> Result<(), ProcessError> {
        self.done(&Request::Init(&settings.init))?;
        self.done(&Request::Begin { source, id, open: open.then_some(&settings.open) })
    }

    /// Waits no longer than this for an answer from now on.
    pub fn hurry(&mut self, most: Duration) {
        self.timeout = self.timeout.min(most);
    }

    /// Has these extracted from now on.
    ///
    /// # Errors
    /// If the process fails.
    pub fn extract_these(&mut self, asked: Asked) -> Result<(), ProcessError> {
        self.done(&Request::Ask(asked))
    }

    /// The next events of the plugin's source.
    ///
    /// # Errors
    /// If the process fails.
    pub fn next_batch(&mut self) -> Result<Batch<'_>, ProcessError> {
        match self.ask(&Request::Next)? {
            Reply::Batch(batch) => Ok(batch),
            _ => Err(unexpected()),
        }
    }

    /// What the plugin makes of events of another.
    ///
    /// # Errors
    /// If the process fails.
    pub fn extract(&mut self, events: Vec<Bytes<'_>>) -> Result<Batch<'_>, ProcessError> {
        match self.ask(&Request::Extract(events))? {
            Reply::Batch(batch) => Ok(batch),
            _ => Err(unexpected()),
        }
    }

    /// Which types of events the plugin takes.
    ///
    /// # Errors
    /// If the process fails.
    pub fn types(&mut self) -> Result<Types, ProcessError> {
        match self.ask(&Request::Types)? {
            Reply::Types(types) => Ok(types),
            _ => Err(unexpected()),
        }
    }

    /// What the plugin extracts from a system call with this number.
    ///
    /// # Errors
    /// If the process fails.
    pub fn values(&mut self, number: u64, event: Bytes<'_>) -> Result<Batch<'_>, ProcessError> {
        match self.ask(&Request::Values { number, event })? {
            Reply::Batch(batch) => Ok(batch),
            _ => Err(unexpected()),
        }
    }

    /// Has the plugin parse system calls, each with its number. Waits for nothing but room in the socket.
    ///
    /// # Errors
    /// If the process fails.
    pub fn parse(&mut self, events: Vec<(u64, Bytes<'_>)>) -> Result<(), ProcessError> {
        let since = Instant::now();
        let mut timed =
            Timed { stream: &self.agent, since, until: since + self.timeout, stop: Some(&self.stop) };
        send(&mut timed, &Request::Parse(events)).map_err(|error| self.failed(error))
    }

    /// What the plugin counts itself.
    ///
    /// # Errors
    /// If the process fails.
    pub fn metrics(&mut self) -> Result<Vec<Metric>, ProcessError> {
        match self.ask(&Request::Metrics)? {
            Reply::Metrics(metrics) => Ok(metrics),
            _ => Err(unexpected()),
        }
    }

    fn done(&mut self, request: &Request<'_>) -> Result<(), ProcessError> {
        match self.ask(request)? {
            Reply::Done => Ok(()),
            _ => Err(unexpected()),
        }
    }

    fn ask(&mut self, request: &Request<'_>) -> Result<Reply<'_>, ProcessError> {
        let since = Instant::now();
        let until = since + self.timeout;
        let mut timed = Timed { stream: &self.agent, since, until, stop: Some(&self.stop) };
        let heard = send(&mut timed, request).and_then(|()| receive(&mut timed, &mut self.buffer));
        if let Err(error) = heard {
            return Err(self.failed(error));
        }
        match decode(&self.buffer).map_err(ProcessError::Protocol)? {
            Reply::Failed(why) => Err(ProcessError::Failed(why.to_owned())),
            reply => Ok(reply),
        }
    }

    fn failed(&mut self, error: ProtocolError) -> ProcessError {
        match error {
            ProtocolError::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
                ProcessError::Hung(self.timeout)
            }
            ProtocolError::Io(error) if error.kind() == STOPPED => ProcessError::Stopped,
            ProtocolError::Io(error) => ProcessError::Crashed(match self.ended(END_TIME) {
                Some(status) => shown(status),
                None => format!("it closed its socket ({error})"),
            }),
            error => ProcessError::Protocol(error),
        }
    }

    /// How it ended, if it does in time.
    fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + within;
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
    }

    /// Has the plugin end, and its process.
    pub fn close(mut self) {
        let since = Instant::now();
        let mut timed = Timed { stream: &self.agent, since, until: since + END_TIME, stop: None };
        // One that does not end by itself is ended. The answer to what was asked before may still come.
        let mut ending = send(&mut timed, &Request::Close);
        while ending.is_ok() && decode::<Reply<'_>>(&self.buffer).is_ok_and(|reply| reply != Reply::Done) {
            ending = receive(&mut timed, &mut self.buffer);
        }
        let _ = self.agent.shutdown(std::net::Shutdown::Both);
        let _ = self.ended(END_TIME);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Whoever has ended already cannot be ended, and leaves its status all the same.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a plugin is, by a process that ends when it has said so.
///
/// # Errors
/// If there can be no process, or the library is no plugin.
pub fn describe(settings: &Settings) -> Result<Info, ProcessError> {
    let (process, info) = Process::start(settings, &Arc::default())?;
    process.close();
    Ok(info)
}

/// What a plugin suggests to open its source with: values and what they mean.
///
/// # Errors
/// If the plugin cannot be initialised.
pub fn open_params(settings: &Settings) -> Result<Vec<(String, String)>, ProcessError> {
    let (mut process, _) = Process::start(settings, &Arc::default())?;
    process.done(&Request::Init(&settings.init))?;
    let params = match process.ask(&Request::OpenParams)? {
        Reply::OpenParams(params) => params,
        _ => return Err(unexpected()),
    };
    process.close();
    Ok(params)
}

fn unexpected() -> ProcessError {
    ProcessError::Protocol(postcard::Error::DeserializeBadEncoding.into())
}

fn shown(status: ExitStatus) -> String {
    match status.signal() {
        Some(number) => match nix::sys::signal::Signal::try_from(number) {
            Ok(signal) => format!("signal {number} ({signal})"),
            Err(_) => format!("signal {number}"),
        },
        None => status.to_string(),
    }
}

fn agent_timeouts(agent: &UnixStream) -> io::Result<()> {
    agent.set_read_timeout(Some(LOOK_EVERY))?;
    agent.set_write_timeout(Some(LOOK_EVERY))
}

/// A socket that is read and written until a deadline, or until somebody says that it is enough.
struct Timed<'t> {
    stream: &'t UnixStream,
    since: Instant,
    until: Instant,
    stop: Option<&'t AtomicBool>,
}

impl Timed<'_> {
    fn again(&self, error: io::Error) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => {}
            _ => return Err(error),
        }
        let now = Instant::now();
        // Relaxed: nothing else is told by it.
        let is_stopped = self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        match now >= self.until {
            true => Err(io::ErrorKind::TimedOut.into()),
            // One that does as it should answers soon.
            false if is_stopped && now.duration_since(self.since) > END_TIME => Err(STOPPED.into()),
            false => Ok(()),
        }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.stream.read(buffer) {
                Ok(count) => return Ok(count),
                Err(error) => self.again(error)?,
            }
        }
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.stream.write(bytes) {
                Ok(count) => return Ok(count),
                Err(error) => self.again(error)?,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Has a thread log what a plugin writes, until its process has ended.
fn tell(name: String, output: PipeReader) {
    let thread = std::thread::Builder::new().name("plugin-log".to_owned());
    let named = name.clone();
    let listen = move || {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while let Ok(1..) = reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            log(&named, &line);
            line.clear();
        }
    };
    if let Err(error) = thread.spawn(listen) {
        tracing::warn!("plugin {name}: what it writes cannot be read: {error}");
    }
}

/// Logs a line, which may begin with its severity.
fn log(name: &str, line: &[u8]) {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end();
    let severity = text.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    match severity {
        _ if text.is_empty() => {}
        Some(("1" | "2" | "3", text)) => tracing::error!("plugin {text}"),
        Some(("4", text)) => tracing::warn!("plugin {text}"),
        Some(("5" | "6", text)) => tracing::info!("plugin {text}"),
        Some(("7" | "8", text)) => tracing::debug!("plugin {text}"),
        _ => tracing::warn!("plugin {name}: {text}"),
    }
}
