//! The thread that asks runtimes: one small runtime of tasks, a task for each look-up and one for the events of each engine.
//! What is hostile or slow there costs nobody else anything: answers are bounded in size, time and number.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Sender, TrySendError};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep, timeout_at};

use super::api::Api;
use super::containerd::Containerd;
use super::cri::Cri;
use super::info::{Info, short_id};
use super::settings::{EngineKind, Settings};
use super::watch::{Request, Watch};
use super::{EngineError, Found, News, oci, store};
use crate::state::{ContainerType, Runtime};

/// How many look-ups may wait for their turn, and how many answers for being taken.
const QUEUE: usize = 8192;
/// How many containers are asked for at the same time.
const AT_ONCE: usize = 32;
/// The first and the longest time between two questions for the same container, which its runtime does not know yet.
const AGAIN_FIRST: Duration = Duration::from_millis(10);
const AGAIN_LAST: Duration = Duration::from_secs(5);
/// For how long a container is asked for that no runtime knows.
const GIVE_UP: Duration = Duration::from_secs(30);
/// How long an engine that answered nonsense, or not in time, is left in peace.
const REST: Duration = Duration::from_secs(3);
/// When a container that had no address is asked for once more: runtimes give it one late.
const ADDRESS: Duration = Duration::from_millis(700);
/// How often it is tried to listen to an engine again.
const LISTEN_AGAIN: Duration = Duration::from_secs(2);
/// How many answers are remembered, so that the same one is not told twice.
const REMEMBERED: usize = 16_384;

/// What the look-ups came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AskCounters {
    /// Look-ups that were begun.
    pub asked: u64,
    /// Containers that a runtime told of.
    pub told: u64,
    /// Containers that no runtime told of.
    pub unknown: u64,
    /// Answers that could not be used: malformed, too large, refused.
    pub bad_answers: u64,
    /// Answers that did not come in time.
    pub slow_answers: u64,
    /// Look-ups and news for which there was no room.
    pub dropped: u64,
}

#[derive(Debug, Default)]
struct Counts {
    asked: AtomicU64,
    told: AtomicU64,
    unknown: AtomicU64,
    bad_answers: AtomicU64,
    slow_answers: AtomicU64,
    dropped: AtomicU64,
}

fn count(counter: &AtomicU64) {
    // Relaxed: counts that stand for themselves.
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Reads what the thread counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Counting(Arc<Counts>);

impl Counting {
    pub(super) fn read(&self) -> AskCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        AskCounters {
            asked: read(&self.0.asked),
            told: read(&self.0.told),
            unknown: read(&self.0.unknown),
            bad_answers: read(&self.0.bad_answers),
            slow_answers: read(&self.0.slow_answers),
            dropped: read(&self.0.dropped),
        }
    }

    pub(super) fn dropped(&self) {
        count(&self.0.dropped);
    }
}

/// Starts the thread. It ends when the watch is dropped.
///
/// # Errors
/// If there can be no thread or no runtime of tasks.
pub fn start(settings: Settings) -> std::io::Result<Watch> {
    let (requests, asked) = mpsc::channel(QUEUE);
    let (news, told) = crossbeam_channel::bounded(QUEUE);
    let counting = Counting::default();
    let wait = settings.wait;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let counts = Arc::clone(&counting.0);
    thread::Builder::new()
        .name("containers".to_owned())
        .spawn(move || runtime.block_on(work(settings, asked, news, counts)))?;
    Ok(Watch::new(requests, told, wait, counting))
}

async fn work(
    settings: Settings,
    mut asked: mpsc::Receiver<Request>,
    news: Sender<News>,
    counts: Arc<Counts>,
) {
    let engines = settings.engines.iter().map(|kind| Engine::new(kind.clone())).collect();
    let asker = Arc::new(Asker {
        settings,
        engines,
        turns: Semaphore::new(AT_ONCE),
        looking: Mutex::default(),
        told: Mutex::default(),
        news,
        counts,
    });
    for number in 0..asker.engines.len() {
        tokio::spawn(listen(Arc::clone(&asker), number));
    }
    while let Some(request) = asked.recv().await {
        tokio::spawn(look_up(Arc::clone(&asker), request, None));
    }
}

/// Somebody who may know a container.
#[derive(Debug)]
struct Engine {
    client: Client,
    /// Until when it is left in peace.
    resting: Mutex<Option<Instant>>,
    /// When it last answered.
    answered: Mutex<Option<Instant>>,
}

#[derive(Debug)]
enum Client {
    Api(Api),
    Cri(Cri),
    Containerd(Containerd),
    PodmanStore,
    Bundles,
}

impl Engine {
    fn new(kind: EngineKind) -> Engine {
        let api = |kind, socket| Client::Api(Api { kind, socket });
        let client = match kind {
            EngineKind::Docker(socket) => api(ContainerType::Docker, socket),
            EngineKind::Podman(socket) => api(ContainerType::Podman, socket),
            EngineKind::Containerd(socket) => Client::Containerd(Containerd::new(socket)),
            EngineKind::Cri(socket) => Client::Cri(Cri::new(socket)),
            EngineKind::PodmanStore => Client::PodmanStore,
            EngineKind::Bundles => Client::Bundles,
        };
        Engine { client, resting: Mutex::default(), answered: Mutex::default() }
    }

    /// Where it listens; `None` if it is files.
    fn socket(&self) -> Option<&Path> {
        match &self.client {
            Client::Api(api) => Some(&api.socket),
            Client::Cri(cri) => Some(cri.remote().socket()),
            Client::Containerd(containerd) => Some(containerd.remote().socket()),
            Client::PodmanStore | Client::Bundles => None,
        }
    }

    fn is_there(&self) -> bool {
        self.socket().is_none_or(Path::exists)
    }

    /// Whether a container of this runtime can be its.
    fn serves(&self, runtime: Runtime) -> bool {
        let podman = || matches!(&self.client, Client::Api(api) if api.kind == ContainerType::Podman);
        match (runtime, &self.client) {
            (Runtime::Any, _) | (_, Client::Bundles) => true,
            (Runtime::Podman, Client::PodmanStore) => true,
            (Runtime::Podman, _) => podman(),
            (Runtime::Docker, Client::Api(_)) => !podman(),
            (Runtime::Kubernetes, Client::Cri(_) | Client::Containerd(_)) => true,
            (Runtime::Containerd, Client::Containerd(_)) => true,
            _ => false,
        }
    }

    fn name(&self) -> String {
        let kind = match &self.client {
            Client::Api(api) => api.kind.name(),
            Client::Cri(_) => "CRI",
            Client::Containerd(_) => "containerd",
            Client::PodmanStore => "Podman's files",
            Client::Bundles => "bundles",
        };
        self.socket().map_or_else(|| kind.to_owned(), |socket| format!("{kind} at {}", socket.display()))
    }
}

#[derive(Debug)]
struct Asker {
    settings: Settings,
    engines: Vec<Engine>,
    turns: Semaphore,
    /// The containers that are being looked up, and what the event said that announced them.
    looking: Mutex<HashMap<String, Option<Info>>>,
    /// What was told last of each.
    told: Mutex<HashMap<String, Vec<u8>>>,
    news: Sender<News>,
    counts: Arc<Counts>,
}

/// What all engines together said.
enum Answer {
    Told(Box<Info>),
    /// Somebody who could know it was there, and does not know it.
    Unknown,
    /// Somebody who could know it was there, and did not answer.
    NotYet,
    /// There is nobody to ask.
    Nobody,
}

impl Asker {
    /// Asks everybody who can know it, but for the files that know only a part.
    async fn ask(&self, wanted: &Found, runtime: Runtime) -> Answer {
        let mut answer = Answer::Nobody;
        for engine in &self.engines {
            if matches!(engine.client, Client::Bundles) || !engine.serves(runtime) || !engine.is_there() {
                continue;
            }
            if lock(&engine.resting).is_some_and(|until| Instant::now() < until) {
                answer = Answer::NotYet;
                continue;
            }
            let began = Instant::now();
            let told = match &engine.client {
                Client::Api(api) => api.inspect(&wanted.id, &self.settings).await,
                Client::Cri(cri) => cri.inspect(&wanted.id, &self.settings).await,
                Client::Containerd(containerd) => containerd.inspect(wanted, &self.settings).await,
                Client::PodmanStore => store::look_up(&wanted.id, &self.settings),
                Client::Bundles => Ok(None),
            };
            if told.is_ok() {
                lock(&engine.answered).replace(Instant::now());
            }
            match told {
                Ok(Some(info)) => return Answer::Told(Box::new(info)),
                Ok(None) if matches!(answer, Answer::NotYet) => {}
                Ok(None) => answer = Answer::Unknown,
                Err(error) => {
                    if self.complain(engine, &error, began) {
                        answer = Answer::NotYet;
                    }
                }
            }
        }
        answer
    }

    /// Counts what an engine did wrong when it was asked something. Whether it is there at all.
    fn complain(&self, engine: &Engine, error: &EngineError, asked: Instant) -> bool {
        match error {
            // As of a socket that nobody listens to, and of a containerd without CRI.
            EngineError::Unreachable(_) | EngineError::NotOffered => return false,
            EngineError::Slow => {
                count(&self.counts.slow_answers);
                // It is busy with this container alone, as Docker is with one that it starts.
                if lock(&engine.answered).is_some_and(|answered| answered > asked) {
                    return true;
                }
            }
            _ => count(&self.counts.bad_answers),
        }
        let rested = lock(&engine.resting).replace(Instant::now() + REST);
        if rested.is_none() {
            tracing::warn!("{} {error}; containers are looked up without it for a while", engine.name());
        }
        true
    }

    /// What else tells a part of it: files, and the event that announced it.
    fn part(&self, wanted: &Found) -> Option<Info> {
        let bundles = self.engines.iter().find(|engine| matches!(engine.client, Client::Bundles));
        let from_files = bundles.and_then(|bundles| {
            oci::look_up(&wanted.id, &self.settings).unwrap_or_else(|error| {
                self.complain(bundles, &error, Instant::now());
                None
            })
        });
        match (from_files, self.announced(short_id(&wanted.id))) {
            (Some(files), Some(event)) if files.name.is_empty() => Some(Info {
                kind: event.kind,
                name: event.name,
                image: event.image,
                image_repo: event.image_repo,
                image_tag: event.image_tag,
                labels: event.labels,
                ..files
            }),
            (files, event) => files.or(event),
        }
    }

    /// Tells what is known without the runtime, or that it is nothing.
    fn tell_part(&self, wanted: &Found, short: &str) {
        match self.part(wanted) {
            Some(info) => self.tell(&info),
            None => self.send(News::Nothing { id: short.to_owned() }),
        }
    }

    /// What the event said that announced a container which is being looked up.
    fn announced(&self, short: &str) -> Option<Info> {
        lock(&self.looking).get(short).cloned().flatten()
    }

    /// Tells of a container, unless the same was told before.
    fn tell(&self, info: &Info) {
        let json = info.json();
        let mut told = lock(&self.told);
        if told.len() >= REMEMBERED {
            told.clear();
        }
        let before = told.insert(info.id.clone(), json.clone());
        drop(told);
        if before.as_ref() != Some(&json) {
            count(&self.counts.told);
        }
        // Also what is known already: whoever asked again has forgotten it.
        self.send(News::Told { id: info.id.clone(), json });
    }

    fn send(&self, news: News) {
        if let Err(TrySendError::Full(_)) = self.news.try_send(news) {
            count(&self.counts.dropped);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nobody panics while holding it, and what is in it is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks a container up until somebody knows it, it is clear that nobody will, or it took too long.
async fn look_up(asker: Arc<Asker>, request: Request, announced: Option<Info>) {
    let short = short_id(&request.wanted.id).to_owned();
    match lock(&asker.looking).entry(short.clone()) {
        Entry::Occupied(mut looking) => {
            if announced.is_some() {
                looking.insert(announced);
            }
            return;
        }
        Entry::Vacant(free) => free.insert(announced),
    };
    count(&asker.counts.asked);
    search(&asker, &request, &short).await;
    lock(&asker.looking).remove(&short);
}

async fn search(asker: &Asker, request: &Request, short: &str) {
    let Request { wanted, runtime, certain } = request;
    let began = Instant::now();
    // A little before events go on: what is told then still reaches them.
    let soon = began + asker.settings.wait * 9 / 10;
    let (mut pause, mut waited_for) = (AGAIN_FIRST, true);
    loop {
        let mut asking = pin!(async {
            let _turn = asker.turns.acquire().await;
            asker.ask(wanted, *runtime).await
        });
        let in_time = if waited_for { timeout_at(soon, asking.as_mut()).await.ok() } else { None };
        let answer = match in_time {
            Some(answer) => answer,
            None => {
                if std::mem::take(&mut waited_for) {
                    asker.tell_part(wanted, short);
                }
                asking.await
            }
        };
        let hopeless = match answer {
            Answer::Told(info) => {
                asker.tell(&info);
                // An engine told of it before it had given it an address.
                if info.ip.is_empty() && !info.host_network {
                    sleep(ADDRESS).await;
                    if let Answer::Told(later) = asker.ask(wanted, *runtime).await
                        && later != info
                    {
                        asker.tell(&later);
                    }
                }
                return;
            }
            // Who was announced and is unknown is gone already.
            Answer::Unknown => !certain || asker.announced(short).is_some(),
            Answer::NotYet => !certain,
            Answer::Nobody => true,
        };
        if hopeless && std::mem::take(&mut waited_for) {
            asker.tell_part(wanted, short);
        }
        if hopeless || began.elapsed() >= GIVE_UP {
            count(&asker.counts.unknown);
            return;
        }
        // The last question before the wait is over comes just before its end.
        let left = soon.saturating_duration_since(Instant::now());
        sleep(if left.is_zero() { pause } else { pause.min(left) }).await;
        pause = (pause * 2).min(AGAIN_LAST);
    }
}

/// Listens to an engine for ever: what it has, then what it makes.
async fn listen(asker: Arc<Asker>, number: usize) {
    let Some(engine) = asker.engines.get(number) else { return };
    if engine.socket().is_none() {
        return;
    }
    let mut known = false;
    loop {
        if engine.is_there() {
            let began = Instant::now();
            match listen_once(&asker, engine).await {
                Ok(()) => known = false,
                // Some runtimes offer no events: cgroups tell of their containers.
                Err(EngineError::NotOffered) => {}
                Err(EngineError::Unreachable(error)) => {
                    tracing::debug!("{} cannot be reached: {error}", engine.name());
                }
                Err(error) => {
                    asker.complain(engine, &error, began);
                    if !known {
                        tracing::debug!("{} {error}", engine.name());
                    }
                    known = true;
                }
            }
        }
        sleep(LISTEN_AGAIN).await;
    }
}

async fn listen_once(asker: &Arc<Asker>, engine: &Engine) -> Result<(), EngineError> {
    let there = match &engine.client {
        Client::Api(api) => api.list().await?,
        Client::Cri(cri) => cri.list().await?,
        Client::Containerd(containerd) => containerd.list().await?,
        Client::PodmanStore | Client::Bundles => Vec::new(),
    };
    let runtime = match &engine.client {
        Client::Api(api) if api.kind == ContainerType::Podman => Runtime::Podman,
        Client::Api(_) => Runtime::Docker,
        _ => Runtime::Kubernetes,
    };
    let announced = |wanted: Found, said: Option<Info>| {
        let known = lock(&asker.told).contains_key(short_id(&wanted.id));
        if !known || lock(&asker.looking).len() < AT_ONCE {
            let request = Request { wanted, runtime, certain: true };
            // Of what is known already an event says less.
            tokio::spawn(look_up(Arc::clone(asker), request, said.filter(|_| !known)));
        }
    };
    let found = |wanted: Found| announced(wanted, None);
    for wanted in there.into_iter().take(QUEUE) {
        if !lock(&asker.told).contains_key(short_id(&wanted.id)) {
            found(wanted);
        }
    }
    tracing::debug!("listening to {}", engine.name());
    match &engine.client {
        Client::Api(api) => api.watch(&asker.settings, |wanted, said| announced(wanted, Some(said))).await,
        Client::Cri(cri) => cri.watch(&asker.settings, found).await,
        Client::Containerd(containerd) => containerd.watch(&asker.settings, found).await,
        Client::PodmanStore | Client::Bundles => Ok(()),
    }
}
