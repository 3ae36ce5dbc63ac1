//! The thread of a source beside system calls, the audit log or that of a plugin: it works until it is asked to stop, and is sent
//! other rules meanwhile.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender};

/// The thread of a source, which is sent `R` and leaves `E`. Dropping it asks the thread to stop.
#[derive(Debug)]
pub struct SourceThread<R, E> {
    thread: Option<JoinHandle<E>>,
    stop: Arc<AtomicBool>,
    rules: Sender<R>,
}

impl<R: Send + 'static, E: Send + 'static> SourceThread<R, E> {
    /// Begins it. `work` gets where other rules come from, and must end soon after `stop` is set.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub fn start(
        name: &str,
        stop: Arc<AtomicBool>,
        work: impl FnOnce(Receiver<R>) -> E + Send + 'static,
    ) -> io::Result<Self> {
        let (rules, fresh) = crossbeam_channel::unbounded();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || work(fresh))?;
        Ok(SourceThread { thread: Some(thread), stop, rules })
    }
}

impl<R, E> SourceThread<R, E> {
    /// Where other rules can be sent to. They meet events from the next batch on.
    pub fn rules(&self) -> Sender<R> {
        self.rules.clone()
    }

    /// Whether it has ended by itself.
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends it. `None` if the thread has panicked.
    pub fn stop(mut self) -> Option<E> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take()?.join().ok()
    }
}

impl<R, E> Drop for SourceThread<R, E> {
    fn drop(&mut self) {
        // Relaxed, here and above: nothing else is told by it. The thread's loads are its partner.
        self.stop.store(true, Ordering::Relaxed);
    }
}
