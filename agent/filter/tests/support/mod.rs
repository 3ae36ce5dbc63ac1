//! A small schema and a context over it, for tests and benches.
#![allow(dead_code, unreachable_pub)]

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;

use bumpalo::Bump;
use saker_filter::events::MAX_EVENTS;
use saker_filter::{Arg, Context, EventSet, Field, FieldError, FieldTraits, Schema, Scope, Type, Value};

/// Name, type, traits as letters (`l`ist, no `t`ransformer, no `r`hs, `a`ny differs), scope.
const FIELDS: &[(&str, Type, &str, Scope)] = &[
    ("evt.type", Type::Str, "", Scope::Event),
    ("evt.num", Type::U64, "", Scope::Event),
    ("evt.cpu", Type::I16, "", Scope::Event),
    ("evt.is_open", Type::Bool, "", Scope::Event),
    ("evt.buffer", Type::Buf, "", Scope::Event),
    ("evt.rawtime", Type::AbsTime, "", Scope::Event),
    ("proc.name", Type::Str, "", Scope::Process),
    ("proc.pname", Type::Str, "", Scope::Ancestry),
    ("proc.aname", Type::Str, "tra", Scope::Ancestry),
    ("proc.cmdline", Type::Str, "", Scope::Process),
    ("proc.exepath", Type::Str, "", Scope::Process),
    ("proc.args", Type::Str, "", Scope::Process),
    ("proc.pid", Type::I64, "", Scope::Process),
    ("proc.ppid", Type::I64, "", Scope::Process),
    ("proc.cmdnargs", Type::U64, "", Scope::Process),
    ("proc.env", Type::Str, "", Scope::Process),
    ("user.uid", Type::U32, "", Scope::Process),
    ("user.loginuid", Type::I64, "", Scope::Process),
    ("fd.name", Type::Str, "", Scope::Event),
    ("fd.directory", Type::Str, "", Scope::Event),
    ("fd.num", Type::I64, "", Scope::Event),
    ("fd.ip", Type::Ip, "tr", Scope::Event),
    ("fd.sip", Type::Ip, "", Scope::Event),
    ("fd.cip", Type::Ip, "", Scope::Event),
    ("fd.net", Type::Net, "tr", Scope::Event),
    ("fd.snet", Type::Net, "", Scope::Event),
    ("fd.port", Type::Port, "tr", Scope::Event),
    ("fd.sport", Type::Port, "", Scope::Event),
    ("fd.types", Type::Str, "l", Scope::Event),
    ("fd.nums", Type::U64, "l", Scope::Event),
];

/// Names of events; the index is the id.
pub const EVENTS: &[&str] = &["open", "openat", "close", "execve", "connect"];

/// The id of `execve`.
pub const EXECVE: u16 = 3;

/// The kinds of `execve`: each has another `fd.num`, from 0 on.
pub const EXECVE_KINDS: Range<u16> = MAX_EVENTS as u16..MAX_EVENTS as u16 + 3;

pub struct SmallSchema;

impl Schema for SmallSchema {
    fn resolve(&self, name: &str, arg: Option<&[u8]>) -> Result<Field, FieldError> {
        let full = match arg {
            Some(arg) => format!("{name}[{}]", String::from_utf8_lossy(arg)),
            None => name.to_owned(),
        };
        let found = FIELDS.iter().enumerate().find(|(_, field)| field.0 == name);
        let Some((id, &(_, ty, letters, scope))) = found else { return Err(FieldError::Unknown(full)) };
        let has = |letter| letters.contains(letter);
        let arg = match arg {
            None => Arg::None,
            Some(arg) if name == "proc.env" => Arg::Key(arg.into()),
            Some(arg) => match std::str::from_utf8(arg).ok().and_then(|arg| arg.parse().ok()) {
                Some(index) => Arg::Index(index),
                None => return Err(FieldError::Argument(format!("filter syntax error: {full}"))),
            },
        };
        let traits = FieldTraits {
            list: has('l'),
            no_transformer: has('t'),
            no_rhs: has('r'),
            any_differs: has('a') && arg == Arg::None,
            ..FieldTraits::default()
        };
        Ok(Field { id: id as u16, arg, ty, traits, scope })
    }

    fn name(&self, field: &Field) -> &str {
        FIELDS[usize::from(field.id)].0
    }

    fn check_literal(&self, field: &Field, _: &str, literal: &[u8]) -> Result<(), String> {
        if self.name(field) == "evt.type" && !EVENTS.iter().any(|name| name.as_bytes() == literal) {
            return Err(format!("unknown event type {}", String::from_utf8_lossy(literal)));
        }
        Ok(())
    }

    fn port(&self, service: &[u8]) -> Option<u16> {
        (service == b"https").then_some(443)
    }

    fn events(&self, field: &Field, operator: &str, literals: &[&[u8]]) -> Option<EventSet> {
        if self.name(field) != "evt.type" {
            return None;
        }
        let named: EventSet = (0..EVENTS.len())
            .filter(|&id| literals.contains(&EVENTS[id].as_bytes()))
            .map(|id| id as u16)
            .collect();
        match operator {
            "=" | "==" | "in" => Some(named),
            "!=" => Some(self.all_events().difference(&named)),
            _ => None,
        }
    }

    fn all_events(&self) -> EventSet {
        (0..EVENTS.len() as u16).collect()
    }

    fn kinds(&self, event: u16) -> Range<u16> {
        if event == EXECVE { EXECVE_KINDS } else { 0..0 }
    }

    fn known(&self, field: &Field, kind: u16) -> Option<Option<Value<'static>>> {
        if self.name(field) == "fd.num" {
            return Some(Some(Value::Int(i64::from(kind.checked_sub(EXECVE_KINDS.start)?))));
        }
        let event = if EXECVE_KINDS.contains(&kind) { EXECVE } else { kind };
        let name = EVENTS.get(usize::from(event))?;
        (self.name(field) == "evt.type").then_some(Some(Value::Bytes(name.as_bytes())))
    }
}

/// Values by field as it is written, and how often one was asked for.
#[derive(Default)]
pub struct SmallContext<'e> {
    pub values: HashMap<(u16, Arg), Value<'e>>,
    pub gets: Cell<usize>,
    pub arena: Option<&'e Bump>,
}

impl<'e> SmallContext<'e> {
    pub fn new(arena: &'e Bump) -> Self {
        SmallContext { arena: Some(arena), ..SmallContext::default() }
    }

    pub fn set(&mut self, field: &str, value: Value<'e>) {
        let (name, arg) = match field.split_once('[') {
            Some((name, arg)) => (name, Some(arg.trim_end_matches(']').as_bytes())),
            None => (field, None),
        };
        let field = SmallSchema.resolve(name, arg).expect("a field of the schema");
        self.values.insert((field.id, field.arg), value);
    }

    pub fn text(&mut self, field: &str, value: &'e str) {
        self.set(field, Value::Bytes(value.as_bytes()));
    }
}

impl<'e> Context<'e> for SmallContext<'e> {
    fn get(&self, field: &Field) -> Option<Value<'e>> {
        self.gets.set(self.gets.get() + 1);
        self.values.get(&(field.id, field.arg.clone())).copied()
    }

    fn arena(&self) -> &'e Bump {
        self.arena.expect("an arena")
    }
}
