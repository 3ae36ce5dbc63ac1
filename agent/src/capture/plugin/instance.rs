//! A plugin at work: initialised, its source open, fields extracted, asynchronous events taken.

use std::ffi::{CStr, CString};
use std::ptr;

use bumpalo::Bump;
use falco_plugin_api::{
    plugin_api, ss_instance_t, ss_plugin_event, ss_plugin_event_input, ss_plugin_event_parse_input,
    ss_plugin_extract_field, ss_plugin_field_extract_input, ss_plugin_init_input, ss_plugin_rc_SS_PLUGIN_EOF,
    ss_plugin_rc_SS_PLUGIN_FAILURE, ss_plugin_rc_SS_PLUGIN_SUCCESS, ss_plugin_rc_SS_PLUGIN_TIMEOUT,
    ss_plugin_t,
};

use super::library::{Library, bytes};
use super::owner::{Owner, copy, log, take_asynchronous};
use super::values::{Asking, metrics, value};
use super::{Padded, PluginError, tables};
use crate::alerts::now;
use crate::event::id;
use crate::plugins::info::{Info, Sources, open_params};
use crate::plugins::protocol::{Losses, Metric, Then, Types, Values};
use crate::plugins::raw::RawEvent;
use crate::rules::SYSCALL;

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
        let owner = Owner::of(&info);
        let tables = tables::input();
        let wants_tables = info.extract.is_some() || info.parse.is_some();
        let input = Padded::new(ss_plugin_init_input {
            config: config.as_ptr(),
            owner: owner.address(),
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
        let types = plugin.types_of(api.__bindgen_anon_2.get_extract_event_types, extracts);
        let parses = plugin.types_of(api.__bindgen_anon_3.get_parse_event_types, parse.as_ref());
        (plugin.extracts, plugin.parses) = (types, parses);
        Ok(plugin)
    }

    /// The types of events that the plugin takes: those that it names, else those of plugins, else (where it takes those of system
    /// calls) all, which is an empty list.
    fn types_of(
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

    /// The types of events that the plugin takes.
    pub fn types(&self) -> Types {
        Types { extract: self.extracts.clone(), parse: self.parses.clone() }
    }

    /// What the plugin suggests to open its source with: values and what they mean.
    ///
    /// # Errors
    /// What the plugin says if it fails, or that it is no list.
    pub fn open_params(&mut self) -> Result<Vec<(String, String)>, PluginError> {
        let Some(list) = self.api.__bindgen_anon_1.list_open_params else { return Ok(Vec::new()) };
        let mut rc = ss_plugin_rc_SS_PLUGIN_FAILURE;
        // SAFETY: the state is that of `init`.
        let text = bytes(unsafe { list(self.state, &raw mut rc) });
        match rc == ss_plugin_rc_SS_PLUGIN_SUCCESS {
            true => Ok(open_params(&text)?),
            false => Err(failed("list_open_params", &self.last_error())),
        }
    }

    /// Begins with the events of a source, whose events carry `id`. With `open` the plugin opens it.
    ///
    /// # Errors
    /// What the plugin says if it cannot.
    pub fn begin(&mut self, source: &str, id: u32, open: Option<&str>) -> Result<(), PluginError> {
        self.source = CString::new(source).map_err(|_| failed("source", "it has a zero byte in it"))?;
        self.owner.set_id(id);
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
        // Between system calls nothing is put.
        let asynchronous = self.info.asynchronous.as_ref().filter(|_| source != SYSCALL);
        if asynchronous.is_some_and(|asynchronous| asynchronous.sources.take(source)) {
            self.handle_asynchronous(true)?;
        }
        Ok(())
    }

    fn handle_asynchronous(&mut self, on: bool) -> Result<(), PluginError> {
        let Some(set) = self.api.__bindgen_anon_4.set_async_event_handler else { return Ok(()) };
        let handler: Option<unsafe extern "C-unwind" fn(_, _, _) -> _> = Some(take_asynchronous);
        // SAFETY: the owner lives as long as the plugin, and its part that threads of the plugin use is behind a lock.
        let rc = unsafe { set(self.state, self.owner.address(), handler.filter(|_| on)) };
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
        let (events, refused) = self.owner.take();
        losses.asynchronous += refused;
        events
    }

    /// Shows an event to the plugin, if it wants to see those of its type.
    pub fn parse(&mut self, event: &RawEvent, number: u64, losses: &mut Losses) {
        let Some(parse) = self.api.__bindgen_anon_3.parse_event else { return };
        let sources = self.info.parse.as_ref();
        if !takes(sources, &self.parses, &self.source, event) {
            return;
        }
        let input = Padded::new(ss_plugin_event_parse_input {
            owner: self.owner.address(),
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

    /// The values of fields on an event, copied into the arena, each with its place among those that are asked for. A field that
    /// the plugin does not extract from it has none.
    pub fn extract<'a>(
        &mut self,
        event: &RawEvent,
        number: u64,
        asking: &Asking,
        arena: &'a Bump,
        losses: &mut Losses,
    ) -> Vec<(u32, Values<'a>)> {
        let sources = self.info.extract.as_ref().map(|extract| &extract.sources);
        if asking.fields.is_empty() || !takes(sources, &self.extracts, &self.source, event) {
            return Vec::new();
        }
        // One at a time, as Falco asks: plugins exist that write over the values of the field before.
        let each = asking.fields.iter().filter_map(|asked| {
            let mut field = asked.field;
            if !self.extract_field(event, number, &mut field) {
                losses.values += 1;
                return None;
            }
            value(&field, asked.kind, arena, losses).map(|value| (asked.place, value))
        });
        each.collect()
    }

    fn extract_field(&self, event: &RawEvent, number: u64, field: &mut ss_plugin_extract_field) -> bool {
        let Some(extract) = self.api.__bindgen_anon_2.extract_fields else { return false };
        let input = Padded::new(ss_plugin_field_extract_input {
            owner: self.owner.address(),
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

    /// What the plugin counts itself.
    pub fn metrics(&mut self) -> Vec<Metric> {
        let Some(get_metrics) = self.api.get_metrics else { return Vec::new() };
        let mut count = 0;
        // SAFETY: the state is that of `init`.
        let list = unsafe { get_metrics(self.state, &raw mut count) };
        if list.is_null() || count == 0 {
            return Vec::new();
        }
        // SAFETY: by the API as many metrics stand there as it counted.
        metrics(unsafe { std::slice::from_raw_parts(list, count as usize) })
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

fn failed(what: &'static str, why: &str) -> PluginError {
    PluginError::Failed(what, why.to_owned())
}

fn takes(sources: Option<&Sources>, types: &[u16], source: &CStr, event: &RawEvent) -> bool {
    let of_source = source.to_str().is_ok_and(|source| sources.is_some_and(|sources| sources.take(source)));
    of_source && (types.is_empty() || types.contains(&event.kind().0))
}
