//! A plugin at work: initialised, its source open, fields extracted, asynchronous events taken.

use std::collections::VecDeque;
use std::ffi::{CStr, CString, c_char};
use std::net::IpAddr;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bumpalo::Bump;
use falco_plugin_api::{
    PLUGIN_MAX_ERRLEN, plugin_api, ss_instance_t, ss_plugin_event, ss_plugin_event_input,
    ss_plugin_event_parse_input, ss_plugin_extract_field, ss_plugin_extract_field__bindgen_ty_1,
    ss_plugin_field_extract_input, ss_plugin_init_input, ss_plugin_log_severity, ss_plugin_owner_t,
    ss_plugin_rc, ss_plugin_rc_SS_PLUGIN_EOF, ss_plugin_rc_SS_PLUGIN_FAILURE, ss_plugin_rc_SS_PLUGIN_SUCCESS,
    ss_plugin_rc_SS_PLUGIN_TIMEOUT, ss_plugin_t,
};
use serde_bytes::Bytes;

use super::library::{Library, bytes};
use super::{Padded, PluginError, tables};
use crate::alerts::now;
use crate::event::id;
use crate::plugins::info::{Info, Kind, Sources};
use crate::plugins::protocol::{AskedArgument, AskedField, Losses, Then, Value, Values};
use crate::plugins::raw::{HEADER, MAX_EVENT, RawEvent};
use crate::rules::SYSCALL;

/// The most bytes of a text that a field is, and the most values of a list.
const MAX_TEXT: usize = 1 << 20;
const MAX_LIST: usize = 1 << 16;

/// How many asynchronous events may wait.
const MAX_WAITING: usize = 1 << 14;

/// A plugin that was initialised.
pub struct Plugin {
    api: plugin_api,
    info: Info,
    state: *mut ss_plugin_t,
    /// What its source was opened as.
    instance: Option<*mut ss_instance_t>,
    /// The source whose events it meets.
    source: CString,
    /// The types of events that it extracts from, and that it parses.
    extracts: Vec<u16>,
    parses: Vec<u16>,
    is_asynchronous: bool,
    owner: Box<Owner>,
}

/// What a plugin knows its owner by: it lives at one address for as long as the plugin.
struct Owner {
    name: String,
    /// The names that its asynchronous events can have.
    names: Vec<String>,
    /// The number that events of the source carry.
    id: AtomicU32,
    waiting: Mutex<VecDeque<RawEvent>>,
    refused: AtomicU64,
}

/// The fields that are asked for, as a plugin is asked.
#[derive(Default)]
pub struct Asking {
    fields: Vec<(CString, Option<CString>, ss_plugin_extract_field)>,
    kinds: Vec<Kind>,
}

/// What a source told at once.
pub struct Told {
    /// Events.
    pub events: Vec<RawEvent>,
    /// What comes after them.
    pub then: Then,
}

impl Plugin {
    /// Initialises the plugin of a library.
    ///
    /// # Errors
    /// What the plugin says if it refuses.
    pub fn init(library: &Library, config: &str) -> Result<Plugin, PluginError> {
        let info = library.info().clone();
        let api = library.api;
        let config = match (&info.init_schema, config) {
            // So does Falco: a plugin that wants JSON gets some.
            (Some(_), "") => "{}",
            (_, config) => config,
        };
        let config = CString::new(config).map_err(|_| failed("init_config", "it has a zero byte in it"))?;
        let owner = Box::new(Owner {
            name: info.name.clone(),
            names: info.asynchronous.iter().flat_map(|asynchronous| asynchronous.names.clone()).collect(),
            id: AtomicU32::new(0),
            waiting: Mutex::default(),
            refused: AtomicU64::new(0),
        });
        let tables = tables::input();
        let wants_tables = info.extract.is_some() || info.parse.is_some();
        let input = Padded::new(ss_plugin_init_input {
            config: config.as_ptr(),
            owner: address(&owner),
            get_owner_last_error: Some(tables::last_error),
            tables: if wants_tables { &raw const tables.inner } else { ptr::null() },
            log_fn: Some(log),
        });
        let init = api.init.ok_or(PluginError::Symbol("init"))?;
        let mut rc = ss_plugin_rc_SS_PLUGIN_FAILURE;
        // SAFETY: input, tables and configuration live until `init` returns, the owner as long as the plugin.
        let state = unsafe { init(&raw const input.inner, &raw mut rc) };
        let mut plugin = Plugin {
            api,
            info,
            state,
            instance: None,
            source: CString::default(),
            extracts: Vec::new(),
            parses: Vec::new(),
            is_asynchronous: false,
            owner,
        };
        if rc != ss_plugin_rc_SS_PLUGIN_SUCCESS {
            return Err(failed("could not initialize plugin", &plugin.last_error()));
        }
        let (extract, parse) = (&plugin.info.extract, &plugin.info.parse);
        let extracts = extract.as_ref().map(|extract| &extract.sources);
        let types = plugin.types(api.__bindgen_anon_2.get_extract_event_types, extracts);
        let parses = plugin.types(api.__bindgen_anon_3.get_parse_event_types, parse.as_ref());
        (plugin.extracts, plugin.parses) = (types, parses);
        Ok(plugin)
    }

    /// The types of events that the plugin takes: those that it names, else those of plugins, else (where it takes those of system
    /// calls) all, which is an empty list.
    fn types(
        &self,
        function: Option<unsafe extern "C-unwind" fn(*mut u32, *mut ss_plugin_t) -> *mut u16>,
        sources: Option<&Sources>,
    ) -> Vec<u16> {
        let mut count = 0;
        let named = match function {
            // SAFETY: the function of the API with this type, with the state that `init` returned.
            Some(function) => unsafe { function(&raw mut count, self.state) },
            None => ptr::null_mut(),
        };
        if !named.is_null() && count > 0 {
            // SAFETY: by the API as many types stand there as it counted.
            return unsafe { std::slice::from_raw_parts(named, count as usize) }.to_vec();
        }
        match sources {
            Some(sources) if !sources.take(SYSCALL) => vec![id::PLUGINEVENT_E.0],
            _ => Vec::new(),
        }
    }

    /// Begins with the events of a source, whose events carry `id`. With `open` the plugin opens it.
    ///
    /// # Errors
    /// What the plugin says if it cannot.
    pub fn begin(&mut self, source: &str, id: u32, open: Option<&str>) -> Result<(), PluginError> {
        self.source = CString::new(source).map_err(|_| failed("source", "it has a zero byte in it"))?;
        self.owner.id.store(id, Ordering::Relaxed);
        if let Some(params) = open {
            let params =
                CString::new(params).map_err(|_| failed("open_params", "they have a zero byte in them"))?;
            let open = self.api.__bindgen_anon_1.open.ok_or(PluginError::Symbol("open"))?;
            let mut rc = ss_plugin_rc_SS_PLUGIN_FAILURE;
            // SAFETY: the state is that of `init`; the parameters live until `open` returns.
            let instance = unsafe { open(self.state, params.as_ptr(), &raw mut rc) };
            if rc != ss_plugin_rc_SS_PLUGIN_SUCCESS {
                return Err(failed("cannot open its source", &self.last_error()));
            }
            self.instance = Some(instance);
        }
        let asynchronous = self.info.asynchronous.as_ref();
        if asynchronous.is_some_and(|asynchronous| asynchronous.sources.take(source)) {
            self.handle_asynchronous(true)?;
        }
        Ok(())
    }

    fn handle_asynchronous(&mut self, on: bool) -> Result<(), PluginError> {
        let Some(set) = self.api.__bindgen_anon_4.set_async_event_handler else { return Ok(()) };
        let handler: Option<unsafe extern "C-unwind" fn(_, _, _) -> _> = Some(take_asynchronous);
        // SAFETY: the owner lives as long as the plugin, and its part that threads of the plugin use is behind a lock.
        let rc = unsafe { set(self.state, address(&self.owner), handler.filter(|_| on)) };
        self.is_asynchronous = on;
        match rc == ss_plugin_rc_SS_PLUGIN_SUCCESS {
            true => Ok(()),
            false => Err(failed("set_async_event_handler", &self.last_error())),
        }
    }

    /// The next events of the source. What is none is counted.
    ///
    /// # Errors
    /// What the plugin says if it fails.
    pub fn next(&mut self, losses: &mut Losses) -> Result<Told, PluginError> {
        let source = self.info.source.as_ref().map_or(0, |source| source.id);
        let (Some(instance), Some(next)) = (self.instance, self.api.__bindgen_anon_1.next_batch) else {
            return Ok(Told { events: Vec::new(), then: Then::Idle });
        };
        let (mut count, mut events) = (0, ptr::null_mut());
        // SAFETY: state and instance are those of `init` and `open`.
        let rc = unsafe { next(self.state, instance, &raw mut count, &raw mut events) };
        let then = match rc {
            _ if rc == ss_plugin_rc_SS_PLUGIN_SUCCESS => Then::More,
            _ if rc == ss_plugin_rc_SS_PLUGIN_TIMEOUT => Then::Idle,
            _ if rc == ss_plugin_rc_SS_PLUGIN_EOF => Then::End,
            _ => return Err(failed("next_batch", &self.last_error())),
        };
        let mut told = Told { events: Vec::new(), then };
        if events.is_null() || count == 0 {
            return Ok(told);
        }
        // SAFETY: by the API as many pointers stand there as it counted.
        let events: &[*mut ss_plugin_event] = unsafe { std::slice::from_raw_parts(events, count as usize) };
        for event in events {
            match copy(*event).and_then(|bytes| RawEvent::of_source(bytes, source, now()).ok()) {
                Some(event) => told.events.push(event),
                None => losses.malformed += 1,
            }
        }
        Ok(told)
    }

    /// The asynchronous events that have come, in their order.
    pub fn asynchronous(&mut self, losses: &mut Losses) -> Vec<RawEvent> {
        losses.asynchronous += self.owner.refused.swap(0, Ordering::Relaxed);
        self.owner.waiting.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }

    /// Shows an event to the plugin, if it wants to see those of its type.
    pub fn parse(&mut self, event: &RawEvent, number: u64, losses: &mut Losses) {
        let Some(parse) = self.api.__bindgen_anon_3.parse_event else { return };
        let sources = self.info.parse.as_ref();
        if !takes(sources, &self.parses, &self.source, event) {
            return;
        }
        let input = Padded::new(ss_plugin_event_parse_input {
            owner: address(&self.owner),
            get_owner_last_error: Some(tables::last_error),
            table_reader: tables::READER,
            table_writer: tables::WRITER,
            table_reader_ext: tables::reader_ext(),
            table_writer_ext: tables::writer_ext(),
        });
        let event = self.input(event, number);
        // SAFETY: event and input live until `parse_event` returns.
        let rc = unsafe { parse(self.state, &raw const event, &raw const input.inner) };
        losses.unparsed += u64::from(rc != ss_plugin_rc_SS_PLUGIN_SUCCESS);
    }

    /// The values of fields on an event, copied into the arena. A field that the plugin does not extract from it is null.
    pub fn extract<'a>(
        &mut self,
        event: &RawEvent,
        number: u64,
        asking: &Asking,
        arena: &'a Bump,
        losses: &mut Losses,
    ) -> Vec<Option<Values<'a>>> {
        let sources = self.info.extract.as_ref().map(|extract| &extract.sources);
        if asking.fields.is_empty() || !takes(sources, &self.extracts, &self.source, event) {
            return asking.fields.iter().map(|_| None).collect();
        }
        // One at a time, as Falco asks: plugins exist that write over the values of the field before.
        let each = asking.fields.iter().zip(&asking.kinds).map(|((_, _, field), kind)| {
            let mut field = *field;
            if self.extract_field(event, number, &mut field) {
                value(&field, *kind, arena, losses)
            } else {
                losses.values += 1;
                None
            }
        });
        each.collect()
    }

    fn extract_field(&self, event: &RawEvent, number: u64, field: &mut ss_plugin_extract_field) -> bool {
        let Some(extract) = self.api.__bindgen_anon_2.extract_fields else { return false };
        let input = Padded::new(ss_plugin_field_extract_input {
            owner: address(&self.owner),
            get_owner_last_error: Some(tables::last_error),
            num_fields: 1,
            fields: ptr::from_mut(field),
            table_reader: tables::READER,
            table_reader_ext: tables::reader_ext(),
            value_offsets: ptr::null_mut(),
        });
        let event = self.input(event, number);
        // SAFETY: event, field and input live until `extract_fields` returns.
        let rc = unsafe { extract(self.state, &raw const event, &raw const input.inner) };
        rc == ss_plugin_rc_SS_PLUGIN_SUCCESS
    }

    /// The plugin's own summary of one of its events.
    pub fn summary(&mut self, event: &RawEvent, number: u64) -> Option<Vec<u8>> {
        let summary = self.api.__bindgen_anon_1.event_to_string?;
        let own =
            self.info.source.as_ref().is_some_and(|source| source.name.as_bytes() == self.source.to_bytes());
        if !own || event.kind() != id::PLUGINEVENT_E {
            return None;
        }
        let event = self.input(event, number);
        // SAFETY: the event lives until `event_to_string` returns.
        let text = unsafe { summary(self.state, &raw const event) };
        (!text.is_null()).then(|| bytes(text))
    }

    fn input(&self, event: &RawEvent, number: u64) -> ss_plugin_event_input {
        ss_plugin_event_input {
            evt: event.bytes().as_ptr().cast(),
            evtnum: number,
            evtsrc: self.source.as_ptr(),
        }
    }

    fn last_error(&self) -> String {
        let Some(last_error) = self.api.get_last_error.filter(|_| !self.state.is_null()) else {
            return "it does not say why".to_owned();
        };
        // SAFETY: the state is that of `init`.
        String::from_utf8_lossy(&bytes(unsafe { last_error(self.state) })).into_owned()
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        if self.is_asynchronous {
            // The plugin ends all the same.
            let _ = self.handle_asynchronous(false);
        }
        if let (Some(instance), Some(close)) = (self.instance, self.api.__bindgen_anon_1.close) {
            // SAFETY: state and instance are those of `init` and `open`.
            unsafe { close(self.state, instance) };
        }
        if let Some(destroy) = self.api.destroy.filter(|_| !self.state.is_null()) {
            // SAFETY: the state is that of `init`, and not used after this.
            unsafe { destroy(self.state) };
        }
    }
}

impl Asking {
    /// As a plugin with these fields is asked. A field that it has not is left out.
    pub fn of(asked: &[AskedField], info: &Info) -> Asking {
        let mut asking = Asking::default();
        let known = info.extract.as_ref().map(|extract| &extract.fields[..]).unwrap_or_default();
        for AskedField { field: id, argument } in asked {
            let Some(field) = known.get(*id as usize) else { continue };
            let Ok(name) = CString::new(field.name.as_str()) else { continue };
            let (key, index) = match argument {
                AskedArgument::Key(key) => (CString::new(key.as_slice()).ok(), 0),
                AskedArgument::Index(index) => (None, *index),
                AskedArgument::None => (None, 0),
            };
            let asked = ss_plugin_extract_field {
                res: ss_plugin_extract_field__bindgen_ty_1 { str_: ptr::null_mut() },
                res_len: 0,
                field_id: *id,
                // What a CString points at stays where it is when the CString moves.
                field: name.as_ptr(),
                arg_key: key.as_ref().map_or(ptr::null(), |key| key.as_ptr()),
                arg_index: index,
                arg_present: u32::from(*argument != AskedArgument::None),
                ftype: field.kind.number(),
                flist: u32::from(field.list),
            };
            asking.fields.push((name, key, asked));
            asking.kinds.push(field.kind);
        }
        asking
    }
}

fn failed(what: &'static str, why: &str) -> PluginError {
    PluginError::Failed(what, why.to_owned())
}

fn address(owner: &Owner) -> *mut ss_plugin_owner_t {
    ptr::from_ref(owner).cast_mut().cast()
}

fn takes(sources: Option<&Sources>, types: &[u16], source: &CStr, event: &RawEvent) -> bool {
    let of_source = source.to_str().is_ok_and(|source| sources.is_some_and(|sources| sources.take(source)));
    of_source && (types.is_empty() || types.contains(&event.kind().0))
}

/// The bytes of an event that a plugin points at.
fn copy(event: *const ss_plugin_event) -> Option<Vec<u8>> {
    if event.is_null() {
        return None;
    }
    // SAFETY: by the API a whole header stands there, wherever it begins.
    let length = unsafe { event.read_unaligned() }.len as usize;
    if !(HEADER..=MAX_EVENT).contains(&length) {
        return None;
    }
    // SAFETY: by the API as many bytes stand there as the header says.
    Some(unsafe { std::slice::from_raw_parts(event.cast::<u8>(), length) }.to_vec())
}

/// The value that a plugin has put into a field.
fn value<'a>(
    field: &ss_plugin_extract_field,
    kind: Kind,
    arena: &'a Bump,
    losses: &mut Losses,
) -> Option<Values<'a>> {
    let count = usize::try_from(field.res_len).unwrap_or(usize::MAX);
    // SAFETY: all members of the union are pointers.
    let is_null = unsafe { field.res.str_ }.is_null();
    if count == 0 || is_null {
        return None;
    }
    if count > MAX_LIST {
        losses.values += 1;
        return None;
    }
    let mut values = (0..count).filter_map(|index| {
        let value = one(&field.res, index, kind, arena);
        losses.values += u64::from(value == Some(None));
        value.flatten()
    });
    match field.flist {
        0 => values.next().map(Values::One),
        _ => Some(Values::List(values.collect())),
    }
}

/// A value by its number: `None` if the plugin has put none there, `Some(None)` if it cannot be used.
fn one<'a>(
    values: &ss_plugin_extract_field__bindgen_ty_1,
    index: usize,
    kind: Kind,
    arena: &'a Bump,
) -> Option<Option<Value<'a>>> {
    let text = |text: &[u8]| {
        let kept = (text.len() <= MAX_TEXT).then(|| &*arena.alloc_slice_copy(text));
        kept.map(|text| Value::Text(Bytes::new(text)))
    };
    match kind {
        Kind::String => {
            // SAFETY: for a field of this type it is the member of the union.
            let at = unsafe { values.str_ };
            // SAFETY: `index` is less than the number of values.
            let string = unsafe { at.add(index).read() };
            if string.is_null() { None } else { Some(text(&bytes(string))) }
        }
        Kind::Uint64 | Kind::RelTime | Kind::AbsTime => {
            // SAFETY: as above.
            let at = unsafe { values.u64_ };
            // SAFETY: as above.
            Some(Some(Value::Number(unsafe { at.add(index).read() })))
        }
        Kind::Bool => {
            // SAFETY: as above.
            let at = unsafe { values.boolean };
            // SAFETY: as above.
            Some(Some(Value::Bool(unsafe { at.add(index).read() } != 0)))
        }
        Kind::IpAddr | Kind::IpNet => {
            // SAFETY: as above.
            let at = unsafe { values.buf };
            // SAFETY: as above.
            let buffer = unsafe { at.add(index).read() };
            if buffer.ptr.is_null() {
                return None;
            }
            let address = match buffer.len {
                // SAFETY: by the API as many bytes stand there as it says.
                4 => IpAddr::from(unsafe { buffer.ptr.cast::<[u8; 4]>().read() }),
                // SAFETY: as above.
                16 => IpAddr::from(unsafe { buffer.ptr.cast::<[u8; 16]>().read() }),
                _ => return Some(None),
            };
            Some(Some(Value::Address(address)))
        }
    }
}

/// What a plugin logs goes where the process's errors go, with its severity before it.
unsafe extern "C-unwind" fn log(
    owner: *mut ss_plugin_owner_t,
    component: *const c_char,
    message: *const c_char,
    severity: ss_plugin_log_severity,
) {
    // SAFETY: a plugin passes the owner that it was initialised with, which lives as long as it.
    let owner: Option<&Owner> = unsafe { owner.cast::<Owner>().as_ref() };
    let component = bytes(component);
    let component = String::from_utf8_lossy(&component);
    let named = match (&*component, owner) {
        ("", Some(owner)) => &owner.name,
        (component, _) => component,
    };
    eprintln!("<{severity}>{named}: {}", String::from_utf8_lossy(&bytes(message)));
}

/// Takes an asynchronous event from a thread of the plugin.
unsafe extern "C-unwind" fn take_asynchronous(
    owner: *mut ss_plugin_owner_t,
    event: *const ss_plugin_event,
    error: *mut c_char,
) -> ss_plugin_rc {
    // SAFETY: a plugin passes the owner that was set with this function, which lives as long as it.
    let owner: Option<&Owner> = unsafe { owner.cast::<Owner>().as_ref() };
    let Some(owner) = owner else { return ss_plugin_rc_SS_PLUGIN_FAILURE };
    let refused = match copy(event)
        .map(|bytes| RawEvent::asynchronous(bytes, owner.id.load(Ordering::Relaxed), now()))
    {
        Some(Ok(event)) if owner.names.iter().any(|name| name.as_bytes() == event.name()) => {
            let mut waiting = owner.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() < MAX_WAITING {
                waiting.push_back(event);
                return ss_plugin_rc_SS_PLUGIN_SUCCESS;
            }
            "too many asynchronous events wait".to_owned()
        }
        Some(Ok(event)) => {
            format!(
                "the plugin has not said that its asynchronous events can be called '{}'",
                String::from_utf8_lossy(event.name())
            )
        }
        Some(Err(error)) => format!("no asynchronous event: {error}"),
        None => "no asynchronous event".to_owned(),
    };
    owner.refused.fetch_add(1, Ordering::Relaxed);
    if !error.is_null() {
        let mut text = refused.into_bytes();
        text.truncate(PLUGIN_MAX_ERRLEN as usize - 1);
        text.push(0);
        // SAFETY: by the API there is room for PLUGIN_MAX_ERRLEN bytes; the text is not longer.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr(), error.cast::<u8>(), text.len()) };
    }
    ss_plugin_rc_SS_PLUGIN_FAILURE
}
