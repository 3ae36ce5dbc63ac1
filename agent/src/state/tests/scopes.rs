//! What may be remembered of a process is the same for as long as its version says so: every field is asked again and
//! again, and one whose value changes although its scope says that it cannot is a wrong alert to come.

use std::collections::{BTreeSet, HashMap};

use bumpalo::Bump;
use saker_filter::{Context, Field, ProcessKey, Schema, Scope};

use super::*;
use crate::capture::scap::ScapReader;
use crate::event::{EVENTS, Event, EventId, id};
use crate::fields::{Class, EventContext, FIELDS, FieldSchema, RunInfo};
use crate::state::testing::{Val, params};
use crate::state::{Limits, State};

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/vm_small.scap.gz");

/// Every field of such scopes, with such arguments as it takes.
fn fields(such: impl Fn(Scope) -> bool) -> Vec<(String, Field)> {
    let schema = FieldSchema::new(true);
    let mut fields = Vec::new();
    for info in FIELDS {
        for suffix in ["", "[0]", "[1]", "[2]", "[A]", ".cpu", ".memory"] {
            let name = format!("{}{suffix}", info.name);
            let (bare, arg) = match name.strip_suffix(']').and_then(|open| open.split_once('[')) {
                Some((bare, arg)) => (bare, Some(arg.as_bytes())),
                None => (&*name, None),
            };
            if let Ok(field) = schema.resolve(bare, arg)
                && such(field.scope)
            {
                fields.push((name, field));
            }
        }
    }
    fields
}

/// What fields were when they were first asked, and as long as what they were asked under stays.
struct Watch {
    fields: Vec<(String, Field)>,
    run: RunInfo,
    arena: Bump,
    /// By slot: under which version, how many events ago, and the values.
    seen: HashMap<u32, (ProcessKey, u64, Vec<String>)>,
    constant: Option<Vec<String>>,
    /// Fields of scope `Event` that did change while the process did not.
    changing: BTreeSet<String>,
}

impl Watch {
    fn of(such: impl Fn(Scope) -> bool) -> Self {
        Watch {
            fields: fields(such),
            run: RunInfo { containers: true, ..RunInfo::default() },
            arena: Bump::new(),
            seen: HashMap::new(),
            constant: None,
            changing: BTreeSet::new(),
        }
    }

    /// Asks all fields, not each time but ever more seldom while a process stays as it is.
    fn look(&mut self, event: &Event<'_>, subject: crate::state::Subject, state: &State) {
        self.arena.reset();
        let context = EventContext::new(event, subject, state, &self.run, &self.arena);
        let Some(key) = context.process_key() else { return };
        if let Some((old, count, _)) = self.seen.get_mut(&key.slot)
            && old.version == key.version
            && old.ancestry == key.ancestry
        {
            *count += 1;
            if !count.is_power_of_two() {
                return;
            }
        }
        let values: Vec<String> =
            self.fields.iter().map(|(_, field)| format!("{:?}", context.get(field))).collect();
        let place = || format!("event {} ({:?}) of {}", event.num, event.id, event.tid);
        let constant = self.constant.get_or_insert_with(|| values.clone());
        let old = self.seen.get(&key.slot).filter(|(old, ..)| old.version == key.version);
        for (at, (name, field)) in self.fields.iter().enumerate() {
            if field.scope == Scope::Constant {
                assert_eq!(constant[at], values[at], "{name} at {}", place());
            }
            let Some((old, _, before)) = old else { continue };
            let holds = match field.scope {
                Scope::Constant | Scope::Process => true,
                Scope::Ancestry => old.ancestry == key.ancestry,
                Scope::Event => false,
            };
            if holds {
                assert_eq!(before[at], values[at], "{name} at {}", place());
            } else if field.scope == Scope::Event && before[at] != values[at] {
                self.changing.insert(FIELDS[usize::from(field.id)].name.to_owned());
            }
        }
        match self.seen.get_mut(&key.slot).filter(|(old, ..)| *old == key) {
            Some((_, _, before)) => *before = values,
            None => drop(self.seen.insert(key.slot, (key, 1, values))),
        }
    }
}

#[test]
fn values_stay_as_long_as_their_scope_says_in_a_capture() {
    let mut watch = Watch::of(|_| true);
    let mut state = State::new(Limits::default());
    let mut reader = ScapReader::open(CAPTURE.as_ref()).unwrap();
    while let Some(snapshot) = reader.next_section().unwrap() {
        state.load(&snapshot);
        while let Some(event) = reader.next().unwrap() {
            let subject = state.apply(&event);
            watch.look(&event, subject, &state);
            state.finish();
        }
    }
    // A field that could be remembered but is not costs time. These only did not happen to change in this capture.
    let idle = FIELDS.iter().filter(|info| {
        info.scope == Scope::Event
            && matches!(
                info.class,
                Class::Process | Class::User | Class::Group | Class::Container | Class::Saker
            )
            && !watch.changing.contains(info.name)
    });
    let idle: Vec<&str> = idle.map(|info| info.name).collect();
    insta::assert_snapshot!(idle.join("\n"), @r"
    proc.vmswap
    container.duration
    saker.io_uring
    ");
}

/// A state that a [`Watch`] looks at.
struct Scene {
    world: World,
    num: u64,
    watch: Watch,
}

impl Scene {
    fn start(&mut self) {
        self.world = world();
        self.watch.seen.clear();
        let cgroups =
            format!("cpu=/docker/{}\0", "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e");
        self.world.state.load(&Snapshot {
            processes: vec![ProcessRecord { cgroups: cgroups.into_bytes(), ..process(70, 10) }],
            ..Snapshot::default()
        });
        self.world.clone(10, 12, THREAD);
        self.world.clone(70, 71, 0);
    }

    fn event(&mut self, tid: i64, id: EventId, values: &[Val<'_>]) {
        self.num += 1;
        self.world.ts += 1_000_000;
        let params = params(id, values);
        let event = Event::new(self.num, self.world.ts, tid, 0, id, 0, params.params());
        let subject = self.world.state.apply(&event);
        self.watch.look(&event, subject, &self.world.state);
        self.world.state.finish();
    }

    /// Lets everybody make a call that changes nothing.
    fn look_around(&mut self) {
        for tid in [1, 10, 12, 70, 71] {
            if self.world.state.thread(tid).is_some() {
                self.event(tid, id::SYSCALL_GETUID_X, &[0.into()]);
            }
        }
    }
}

#[test]
fn values_stay_as_long_as_their_scope_says_whatever_happens() {
    let mut scene = Scene { world: World::new(), num: 0, watch: Watch::of(|scope| scope != Scope::Event) };
    let json =
        r#"{"container":{"id":"3ad7b26ded6d","type":0,"name":"web","image":"nginx:1","privileged":true}}"#;
    let other = r#"{"container":{"id":"aaaaaaaaaaaa","type":0,"name":"other"}}"#;
    let user: [Val<'_>; 6] = [0.into(), 0.into(), "toor".into(), "/r".into(), "/bin/x".into(), "".into()];
    let told: &[(EventId, &[Val<'_>])] = &[
        (id::USER_ADDED_E, &user),
        (id::USER_DELETED_E, &user),
        (id::GROUP_ADDED_E, &[0.into(), "wheel".into(), "".into()]),
        (id::CONTAINER_JSON_2_E, &[json.into()]),
        (id::CONTAINER_JSON_2_E, &[other.into()]),
        (id::ASYNCEVENT_E, &[0.into(), "container".into(), json.into()]),
        (id::ASYNCEVENT_E, &[0.into(), "container_removed".into(), json.into()]),
        (id::SYSCALL_PRCTL_X, &[0.into(), 15.into(), "worker".into(), 0.into()]),
        (id::SYSCALL_SETUID_X, &[0.into(), 5.into()]),
        (id::SYSCALL_SETRESGID_X, &[0.into(), 5.into(), 6.into(), 7.into()]),
        (id::SYSCALL_SETSID_X, &[77.into()]),
        (id::SYSCALL_CHDIR_X, &[0.into(), "/tmp".into()]),
        (id::SYSCALL_CAPSET_X, &[0.into(), 1.into(), 2.into(), 4.into()]),
        (id::SYSCALL_UNSHARE_X, &[0.into(), 0x1000_0000.into()]),
    ];
    for &(id, values) in told {
        for tid in [10, 12, 70] {
            scene.start();
            scene.look_around();
            scene.event(tid, id, values);
            scene.look_around();
            scene.event(-1, id::CONTAINER_JSON_2_E, &[json.into()]);
            scene.look_around();
        }
    }
    let odd: [Val<'_>; 5] =
        [Val::Num(0), Val::Num(1), Val::Text("x"), Val::Raw(b"A=2\0cpu=/y\0"), Val::Num(71)];
    for row in &EVENTS {
        scene.start();
        scene.look_around();
        for (salt, tid) in [(0, 10), (1, 70), (2, 12)] {
            let fill = |at: usize| if at == 0 { odd[0] } else { odd[(at + salt) % 5] };
            let values: Vec<Val<'_>> = (0..row.params.len()).map(fill).collect();
            scene.event(tid, row.id, &values);
            scene.look_around();
        }
    }
    scene.start();
    for step in 0..4 {
        match step {
            0 => drop(scene.world.exec(10, "/bin/ls", b"-x\0")),
            1 => drop(scene.world.exec(12, "/bin/cat", b"")),
            2 => drop(scene.world.exit(10, 1)),
            _ => drop(scene.world.exit(70, -1)),
        }
        scene.look_around();
    }
}
