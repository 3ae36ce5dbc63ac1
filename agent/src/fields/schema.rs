//! Finds fields by name for the condition language, and knows what may be compared with them. Texts of errors are
//! Falco's, because rules are judged by them.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use rustc_hash::FxHashMap;
use saker_filter::{Arg, EventSet, Field, FieldError, FieldTraits, Schema, Scope, Type, Value};

use super::{
    AUDIT_BASE, AUDIT_FIELDS, ArgKind, Class, FIELDS, FieldInfo, PLUGIN_FIELD, PluginFields, Services,
    Traits, params,
};
use crate::event::{EVENTS, EventFlags, EventId, ParamInfo, id, syscall};

/// An [`Arg::Index`] of a parameter that is given by name: this bit and the number of the name.
pub(super) const BY_NAME: u32 = 1 << 31;

/// An [`Arg::Index`] of `evt.type.is` that is one event id; without it all events of that name count.
pub(super) const BY_ID: u32 = 1 << 31;

/// An [`Arg::Index`] that is out of every list.
const NOWHERE: u32 = BY_NAME - 1;

/// Names of asynchronous events that are no rows of the event table but can be compared with `evt.type`.
const ASYNC_EVENTS: [&[u8]; 2] = [b"container", b"container_removed"];

/// The fields that exist in a run: those of the table (`container.*` and `k8s.*` only with the built-in plugin) and
/// the `static.*` ones of the configuration.
#[derive(Clone, Debug)]
pub struct FieldSchema {
    by_name: FxHashMap<Box<[u8]>, u16>,
    statics: Vec<String>,
    services: Services,
    longest: usize,
    plugins: Option<Arc<PluginFields>>,
}

impl FieldSchema {
    /// The table's fields, those of the built-in container plugin if `container`, and the host's services.
    pub fn new(container: bool) -> Self {
        let mut schema = FieldSchema {
            by_name: FxHashMap::default(),
            statics: Vec::new(),
            services: Services::default(),
            longest: 0,
            plugins: None,
        };
        for (index, info) in FIELDS.iter().enumerate() {
            if container || info.class != Class::Container {
                schema.insert(info.name, index);
            }
        }
        schema.with_services(Services::system())
    }

    /// The fields of any event, whatever its source; and if `json` those of the plugin `json`, for events that are documents.
    pub fn of_any_event(json: bool) -> Self {
        let mut schema = FieldSchema {
            by_name: FxHashMap::default(),
            statics: Vec::new(),
            services: Services::default(),
            longest: 0,
            plugins: None,
        };
        for (index, info) in FIELDS.iter().enumerate().filter(|(_, info)| info.class == Class::Evt) {
            schema.insert(info.name, index);
        }
        for (index, info) in AUDIT_FIELDS.iter().enumerate() {
            if json && info.class == Class::Json {
                schema.insert(info.name, usize::from(AUDIT_BASE) + index);
            }
        }
        schema
    }

    /// The fields of the audit log: those of any event, those of the plugin `k8saudit`, and if `json` those of the plugin
    /// `json`.
    pub fn audit(json: bool) -> Self {
        let mut schema = FieldSchema::of_any_event(json);
        for (index, info) in AUDIT_FIELDS.iter().enumerate() {
            if info.class != Class::Json {
                schema.insert(info.name, usize::from(AUDIT_BASE) + index);
            }
        }
        schema
    }

    /// Adds `static.NAME` for each name. The values, in the same order, are the context's business
    /// ([`RunInfo::static_values`](super::RunInfo::static_values)).
    pub fn with_static<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        for name in names {
            let name = format!("static.{name}");
            self.insert(&name, FIELDS.len() + self.statics.len());
            self.statics.push(name);
        }
        self
    }

    /// Takes the names of ports from elsewhere than `/etc/services`.
    pub fn with_services(mut self, services: Services) -> Self {
        self.services = services;
        self
    }

    /// Adds the fields that plugins extract. Of two with one name that of the table counts.
    pub fn with_plugins(mut self, plugins: PluginFields) -> Self {
        self.plugins = Some(Arc::new(plugins));
        self
    }

    /// The fields that plugins extract, if some do.
    pub fn plugins(&self) -> Option<&PluginFields> {
        self.plugins.as_deref()
    }

    fn insert(&mut self, name: &str, index: usize) {
        self.longest = self.longest.max(name.len());
        self.by_name.insert(name.as_bytes().into(), index as u16);
    }

    /// The longest field name that `full` begins with.
    fn longest_prefix(&self, full: &[u8]) -> Option<(u16, usize)> {
        (1..=full.len().min(self.longest))
            .rev()
            .find_map(|length| self.by_name.get(&full[..length]).map(|&index| (index, length)))
    }
}

/// The table row of a field, `None` for a `static.*` one.
#[inline]
pub(super) fn info(field: &Field) -> Option<&'static FieldInfo> {
    row(field.id)
}

fn row(id: u16) -> Option<&'static FieldInfo> {
    match id.checked_sub(AUDIT_BASE) {
        None => FIELDS.get(usize::from(id)),
        Some(index) => AUDIT_FIELDS.get(usize::from(index)),
    }
}

/// The parameter that gives `evt.rawarg.NAME` its type.
fn raw_param(info: &FieldInfo, arg: &Arg) -> Option<&'static ParamInfo> {
    match *arg {
        Arg::Index(index) if info.arg == ArgKind::RawParam => {
            params::first(params::ParamName((index & !BY_NAME) as u16))
        }
        _ => None,
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn argument<T>(text: String) -> Result<T, FieldError> {
    Err(FieldError::Argument(text))
}

/// A number as sscanf(3) reads it: blanks before it and a sign are fine, anything after it is not.
fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.trim_ascii_start().parse().ok()
}

/// The argument of a field whose name was taken off `full`, leaving `rest`.
struct Rest<'a> {
    full: &'a [u8],
    rest: &'a [u8],
    info: &'static FieldInfo,
}

impl<'a> Rest<'a> {
    fn unknown<T>(&self) -> Result<T, FieldError> {
        Err(FieldError::Unknown(lossy(self.full)))
    }

    fn syntax<T>(&self) -> Result<T, FieldError> {
        argument(format!("filter syntax error: {}", lossy(self.full)))
    }

    /// What stands in brackets, if brackets are all that is left.
    fn brackets(&self) -> Option<&'a [u8]> {
        self.rest.strip_prefix(b"[")?.strip_suffix(b"]")
    }

    fn dot(&self) -> Option<&'a [u8]> {
        self.rest.strip_prefix(b".")
    }

    fn parse(&self) -> Result<Arg, FieldError> {
        match self.info.arg {
            ArgKind::None => match self.brackets() {
                _ if self.rest.is_empty() => Ok(Arg::None),
                Some(inner) if self.info.class.is_plugin() => argument(format!(
                    "filter '{}': {} does not allow nor require an argument but one is provided: {}",
                    lossy(self.full),
                    self.info.name,
                    lossy(inner)
                )),
                _ => self.unknown(),
            },
            ArgKind::Param => self.param(),
            ArgKind::RawParam if self.rest.starts_with(b"[") => {
                argument("evt.arg fields must be expressed explicitly".to_owned())
            }
            ArgKind::RawParam => self.param(),
            ArgKind::EventType => self.event_type(),
            ArgKind::Time => self.time(),
            ArgKind::Path => match self.rest {
                b"" => Ok(Arg::None),
                b".src" => Ok(Arg::Index(1)),
                b".dst" => Ok(Arg::Index(2)),
                _ => self.unknown(),
            },
            ArgKind::Level => self.level(),
            ArgKind::Env => match self.brackets() {
                _ if self.rest.is_empty() => Ok(Arg::None),
                Some(b"") => Ok(Arg::None),
                Some(inner) => match number(inner) {
                    Some(level) if self.info.name == "proc.aenv" => Ok(index(level)),
                    _ => Ok(Arg::Key(inner.into())),
                },
                None => self.unknown(),
            },
            ArgKind::Cgroup => match self.dot() {
                Some(subsystem) => Ok(Arg::Key(subsystem.into())),
                None => self.syntax(),
            },
            ArgKind::Key | ArgKind::IndexOrKey => match self.brackets() {
                Some(inner)
                    if self.info.arg == ArgKind::IndexOrKey
                        && !inner.is_empty()
                        && inner.iter().all(u8::is_ascii_digit) =>
                {
                    Ok(number(inner).map_or(Arg::Index(NOWHERE), index))
                }
                Some(inner) => Ok(Arg::Key(inner.into())),
                None => argument(format!(
                    "filter '{}': {} requires an argument but none provided",
                    lossy(self.full),
                    self.info.name
                )),
            },
        }
    }

    /// `[0]` or `.name` of an event's parameter.
    fn param(&self) -> Result<Arg, FieldError> {
        if let Some(inner) = self.rest.strip_prefix(b"[") {
            let inner = inner.split(|&byte| byte == b']').next().unwrap_or_default();
            return match number(inner) {
                Some(position) if self.rest.len() == inner.len() + 2 => Ok(index(position)),
                Some(_) => self.unknown(),
                None => argument(format!("{} is not a valid number", lossy(inner))),
            };
        }
        let Some(name) = self.dot() else { return self.syntax() };
        match params::longest(name) {
            None => argument(format!("unknown event argument {}", lossy(name))),
            Some((number, known)) if known.len() == name.len() => {
                Ok(Arg::Index(BY_NAME | u32::from(number.0)))
            }
            Some(_) => self.unknown(),
        }
    }

    fn event_type(&self) -> Result<Arg, FieldError> {
        let Some(name) = self.dot() else { return self.syntax() };
        if let Some(id) = number(name).and_then(|id| u16::try_from(id).ok()) {
            return Ok(Arg::Index(BY_ID | u32::from(id)));
        }
        match EVENTS.iter().find(|row| row.name.as_bytes() == name) {
            Some(row) => Ok(Arg::Index(u32::from(row.id.0))),
            None => self.unknown(),
        }
    }

    fn time(&self) -> Result<Arg, FieldError> {
        if self.rest.starts_with(b".") {
            return argument("wrong syntax for evt.around".to_owned());
        }
        let Some(inner) = self.brackets() else { return self.syntax() };
        match std::str::from_utf8(inner).ok().and_then(|digits| digits.parse::<u64>().ok()) {
            Some(time) => Ok(Arg::Key(time.to_string().into_bytes().into())),
            None => argument(format!("{} is not a valid number", lossy(inner))),
        }
    }

    fn level(&self) -> Result<Arg, FieldError> {
        match self.brackets() {
            _ if self.rest.is_empty() => Ok(Arg::None),
            Some(inner) => match number(inner) {
                Some(level) => Ok(index(level)),
                // Falco swallows this error for the fields of processes.
                None if self.info.class == Class::Process => self.unknown(),
                None => argument(format!("{} is not a valid number", lossy(inner))),
            },
            None => self.unknown(),
        }
    }
}

fn index(number: i64) -> Arg {
    Arg::Index(u32::try_from(number).unwrap_or(NOWHERE).min(NOWHERE))
}

impl Schema for FieldSchema {
    fn resolve(&self, name: &str, arg: Option<&[u8]>) -> Result<Field, FieldError> {
        let mut full = name.as_bytes().to_vec();
        if let Some(arg) = arg {
            full.extend([b"[", arg, b"]"].concat());
        }
        let known = self.longest_prefix(&full);
        if let Some(plugins) = &self.plugins
            && let Ok(full) = std::str::from_utf8(&full)
            && let Some(field) = plugins.resolve(full, known.map_or(0, |(_, length)| length))?
        {
            return Ok(field);
        }
        let Some((id, length)) = known else {
            return Err(FieldError::Unknown(lossy(&full)));
        };
        let Some(info) = row(id) else {
            if length < full.len() {
                return Err(FieldError::Unknown(lossy(&full)));
            }
            let traits = FieldTraits::default();
            return Ok(Field { id, arg: Arg::None, ty: Type::Str, traits, scope: Scope::Constant });
        };
        let arg = Rest { full: &full, rest: &full[length..], info }.parse()?;
        let mut field = Field { id, arg, ty: info.ty, traits: info.traits.into(), scope: info.scope };
        // Asked without a level, such a field has a value for every ancestor. `proc.aenv` has it even with one.
        let every = match field.arg {
            Arg::None => true,
            Arg::Index(_) => info.arg == ArgKind::Env,
            Arg::Key(_) => false,
        };
        field.traits.any_differs = info.scope == Scope::Ancestry && every;
        field.traits.each_contains = info.class == Class::K8sAudit && field.traits.list;
        field.traits.distance = info.arg == ArgKind::Time;
        if let Some(param) = raw_param(info, &field.arg) {
            field.ty = params::value_type(param.ty);
        }
        Ok(field)
    }

    fn name(&self, field: &Field) -> &str {
        match info(field) {
            Some(info) => info.name,
            None if field.id == PLUGIN_FIELD => {
                self.plugins.as_deref().map_or("", |plugins| plugins.name(field))
            }
            None => {
                self.statics.get(usize::from(field.id).wrapping_sub(FIELDS.len())).map_or("", String::as_str)
            }
        }
    }

    fn check_literal(&self, field: &Field, operator: &str, literal: &[u8]) -> Result<(), String> {
        match self.name(field) {
            "evt.type" if !is_event_name(literal) => Err(format!("unknown event type {}", lossy(literal))),
            "evt.around" if operator != "=" && operator != "==" => {
                Err("evt.around supports only '=' comparison operator".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn port(&self, service: &[u8]) -> Option<u16> {
        self.services.port(service)
    }

    fn events(&self, field: &Field, operator: &str, literals: &[&[u8]]) -> Option<EventSet> {
        if !matches!(self.name(field), "evt.type" | "syscall.type") {
            return None;
        }
        let named = events_named(literals);
        match operator {
            "=" | "==" | "in" => Some(named),
            "!=" => Some(self.all_events().difference(&named)),
            _ => None,
        }
    }

    fn all_events(&self) -> EventSet {
        *ALL
    }

    fn kinds(&self, event: u16) -> Range<u16> {
        if event == id::GENERIC_X.0 { syscall::GENERIC_KINDS } else { 0..0 }
    }

    fn known(&self, field: &Field, kind: u16) -> Option<Option<Value<'static>>> {
        let call = syscall::of_kind(kind);
        let event = if call.is_some() { id::GENERIC_X } else { EventId(kind) };
        let row = event.info()?;
        let flag = |flags| Some(Some(Value::Bool(row.flags.intersects(flags))));
        match self.name(field) {
            "evt.type" | "syscall.type" if call.is_some() => {
                call.map(|call| Some(Value::Bytes(call.name.as_bytes())))
            }
            // What these are called is in the event itself.
            "evt.type" if matches!(row.id, id::GENERIC_E | id::GENERIC_X | id::ASYNCEVENT_E) => None,
            "evt.type" => Some(Some(Value::Bytes(row.name.as_bytes()))),
            "evt.is_io" => flag(EventFlags::READS_FROM_FD | EventFlags::WRITES_TO_FD),
            "evt.is_io_read" => flag(EventFlags::READS_FROM_FD),
            "evt.is_io_write" => flag(EventFlags::WRITES_TO_FD),
            "evt.is_wait" => flag(EventFlags::WAITS),
            _ => None,
        }
    }

    fn cost(&self, field: &Field) -> u32 {
        match self.name(field) {
            // These are put together from the event's parameters, with names of flags, users and descriptors.
            "evt.args" | "evt.info" => 400,
            "evt.arg" => 200,
            // A question to another process: whatever else may decide is looked at before.
            _ if field.id == PLUGIN_FIELD => 20_000,
            _ => 4,
        }
    }

    fn suggested(&self) -> Vec<&str> {
        self.plugins.as_deref().map(PluginFields::suggested).unwrap_or_default()
    }

    fn at_least(&self, field: &Field) -> Option<i128> {
        (self.name(field) == "evt.num").then_some(1)
    }
}

/// What `evt.type` can say, and the events that can say it. A name that no row of the event table has is that of a
/// system call without parameters of its own, which arrives as the generic event.
static NAMED: LazyLock<FxHashMap<&'static [u8], EventSet>> = LazyLock::new(|| {
    let mut named: FxHashMap<&[u8], EventSet> = FxHashMap::default();
    for row in EVENTS.iter().filter(|row| row.id != id::GENERIC_E && row.id != id::GENERIC_X) {
        named.entry(row.name.as_bytes()).or_default().insert(row.id.0);
    }
    let generic = EventSet::from_iter([id::GENERIC_E.0, id::GENERIC_X.0]);
    for call in syscall::SYSCALLS.iter() {
        named.entry(call.name.as_bytes()).or_insert(generic);
    }
    for name in [EVENTS[usize::from(id::GENERIC_X.0)].name.as_bytes()].iter().chain(&ASYNC_EVENTS) {
        named.entry(name).or_default();
    }
    named
});

/// Every event id.
static ALL: LazyLock<EventSet> = LazyLock::new(|| EVENTS.iter().map(|row| row.id.0).collect());

/// Whether something is called so that `evt.type` can say: an event, a system call, an asynchronous event.
fn is_event_name(name: &[u8]) -> bool {
    NAMED.contains_key(name)
}

/// The events that can have one of these names.
fn events_named(names: &[&[u8]]) -> EventSet {
    let sets = names.iter().filter_map(|name| NAMED.get(name));
    sets.fold(EventSet::EMPTY, |all, set| all.union(set))
}

impl FieldInfo {
    /// The argument as references show it, e.g. `[N]`.
    pub fn argument_hint(&self) -> &'static str {
        match self.arg {
            ArgKind::None => "",
            ArgKind::Param => ".NAME or [N]",
            ArgKind::RawParam | ArgKind::EventType | ArgKind::Cgroup => ".NAME",
            ArgKind::Time => "[T]",
            ArgKind::Path => ".src, .dst or none",
            ArgKind::Level => "[N] or none",
            ArgKind::Env => "[NAME] or none",
            ArgKind::Key => "[NAME]",
            ArgKind::IndexOrKey => "[N] or [NAME]",
        }
    }

    /// Whether references leave it out.
    pub fn is_hidden(&self) -> bool {
        self.traits.contains(Traits::HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(name: &str, arg: Option<&str>) -> String {
        let schema = FieldSchema::new(true).with_static(["foo"]);
        match schema.resolve(name, arg.map(str::as_bytes)) {
            Ok(field) => format!("{} {:?} {:?}", schema.name(&field), field.arg, field.ty),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn arguments_follow_the_dot_or_the_brackets() {
        let cases = [
            ("proc.name", None),
            ("proc.aname", Some("2")),
            ("proc.aname", Some("x")),
            ("proc.env", Some("HOME")),
            ("proc.aenv", Some("1")),
            ("proc.name", Some("0")),
            ("proc.nosuch", None),
            ("proc.namex", None),
            ("evt.arg", Some("0")),
            ("evt.arg", Some("name")),
            ("evt.arg", None),
            ("evt.argfoo", None),
            ("evt.arg.nosuch", None),
            ("evt.arg.flagsx", None),
            ("evt.rawarg.flags", None),
            ("evt.rawarg", Some("0")),
            ("evt.rawarg", None),
            ("evt.type.is", Some("open")),
            ("evt.type.is.open", None),
            ("evt.abspath.src", None),
            ("evt.abspath", Some("src")),
            ("evt.around", Some("5")),
            ("thread.cgroup.cpu", None),
            ("thread.cgroup", Some("cpu")),
            ("fd.types", Some("0,1")),
            ("container.label", Some("app")),
            ("container.label", None),
            ("container.mount", Some("1")),
            ("container.id", Some("1")),
            ("static.foo", None),
            ("static.bar", None),
            ("nosuch", Some("a\"b")),
        ];
        let lines: Vec<_> = cases
            .iter()
            .map(|(name, arg)| {
                let arg_text = arg.map(|arg| format!("[{arg}]")).unwrap_or_default();
                format!("{name}{arg_text}: {}", resolve(name, *arg))
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        proc.name: proc.name None Str
        proc.aname[2]: proc.aname Index(2) Str
        proc.aname[x]: filter_check called with nonexistent field proc.aname[x]
        proc.env[HOME]: proc.env Key([72, 79, 77, 69]) Str
        proc.aenv[1]: proc.aenv Index(1) Str
        proc.name[0]: filter_check called with nonexistent field proc.name[0]
        proc.nosuch: filter_check called with nonexistent field proc.nosuch
        proc.namex: filter_check called with nonexistent field proc.namex
        evt.arg[0]: evt.arg Index(0) Str
        evt.arg[name]: name is not a valid number
        evt.arg: filter syntax error: evt.arg
        evt.argfoo: filter syntax error: evt.argfoo
        evt.arg.nosuch: unknown event argument nosuch
        evt.arg.flagsx: filter_check called with nonexistent field evt.arg.flagsx
        evt.rawarg.flags: evt.rawarg Index(2147483651) U32
        evt.rawarg[0]: evt.arg fields must be expressed explicitly
        evt.rawarg: filter syntax error: evt.rawarg
        evt.type.is[open]: filter syntax error: evt.type.is[open]
        evt.type.is.open: evt.type.is Index(2) U32
        evt.abspath.src: evt.abspath Index(1) Str
        evt.abspath[src]: filter_check called with nonexistent field evt.abspath[src]
        evt.around[5]: evt.around Key([53]) U64
        thread.cgroup.cpu: thread.cgroup Key([99, 112, 117]) Str
        thread.cgroup[cpu]: filter syntax error: thread.cgroup[cpu]
        fd.types[0,1]: 0,1 is not a valid number
        container.label[app]: container.label Key([97, 112, 112]) Str
        container.label: filter 'container.label': container.label requires an argument but none provided
        container.mount[1]: container.mount Index(1) Str
        container.id[1]: filter 'container.id[1]': container.id does not allow nor require an argument but one is provided: 1
        static.foo: static.foo None Str
        static.bar: filter_check called with nonexistent field static.bar
        nosuch[a"b]: filter_check called with nonexistent field nosuch[a"b]
        "#);
    }

    #[test]
    fn event_names_narrow_the_events() {
        let schema = FieldSchema::new(false);
        let field = schema.resolve("evt.type", None).unwrap();
        let open = schema.events(&field, "in", &[b"openat", b"openat2"]).unwrap();
        assert!(open.contains(id::SYSCALL_OPENAT_2_X.0) && open.contains(id::SYSCALL_OPENAT2_X.0));
        assert!(!open.contains(id::SYSCALL_OPEN_X.0));
        let others = schema.events(&field, "!=", &[b"openat"]).unwrap();
        assert_eq!(others.union(&open).len(), EVENTS.len());
        assert_eq!(schema.events(&field, "startswith", &[b"open"]), None);
        assert!(schema.check_literal(&field, "=", b"openat").is_ok());
        assert_eq!(schema.check_literal(&field, "=", b"nope"), Err("unknown event type nope".to_owned()));
    }

    #[test]
    fn around_is_a_distance() {
        let schema = FieldSchema::new(false);
        let typed = |condition| {
            let expr = saker_filter::parse(condition, 100).unwrap();
            let checked = saker_filter::check(&expr, &schema);
            checked
                .map(|checked| format!("{:?}", checked.condition))
                .map_err(|mut found| found.remove(0).message)
        };
        assert!(
            typed("evt.around[1404996934793590564] = 1000").is_ok_and(|typed| typed.contains("Le, 1000"))
        );
        let refused = typed("evt.around[1404996934793590564] > 1000");
        assert_eq!(refused, Err("evt.around supports only '=' comparison operator".to_owned()));
    }

    #[test]
    fn container_fields_need_the_plugin() {
        assert!(FieldSchema::new(false).resolve("container.id", None).is_err());
        assert!(FieldSchema::new(false).resolve("proc.is_container_healthcheck", None).is_err());
        assert!(FieldSchema::new(true).resolve("k8s.ns.name", None).is_ok());
    }
}
