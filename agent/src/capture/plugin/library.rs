//! A plugin's library: its functions by name, and what it says of itself before it is initialised.

use std::ffi::{CStr, c_char};
use std::path::Path;

use falco_plugin_api::{
    plugin_api, plugin_api__bindgen_ty_1, plugin_api__bindgen_ty_2, plugin_api__bindgen_ty_3,
    plugin_api__bindgen_ty_4, plugin_api__bindgen_ty_5, ss_plugin_schema_type_SS_PLUGIN_SCHEMA_JSON,
};

use super::PluginError;
use crate::plugins::info::{
    Asynchronous, EventSource, Extract, Info, InfoError, Sources, check_api, fields, names,
};
use crate::rules::{SYSCALL, Version};

/// A loaded library with the functions of the plugin API. It stays loaded: runtimes in plugins do not survive being unloaded.
#[derive(Debug)]
pub struct Library {
    pub(super) api: plugin_api,
    info: Info,
}

impl Library {
    /// Loads a library and has it say what it is.
    ///
    /// # Errors
    /// If it cannot be loaded, is no plugin, or one for another API.
    pub fn load(path: &Path) -> Result<Library, PluginError> {
        // SAFETY: loading runs the library's own initialisers. That is what an operator who names it asks for, and why it is
        // done in a process of its own.
        let library = unsafe { libloading::Library::new(path) };
        let library = library.map_err(|error| PluginError::Load(error.to_string()))?;
        // Its functions are called until the process ends.
        let library: &'static libloading::Library = Box::leak(Box::new(library));
        let api = functions(library);
        let version = api.get_required_api_version.ok_or(PluginError::Symbol("get_required_api_version"))?;
        // SAFETY: by its name it is the function of the plugin API with this type.
        let version = text(unsafe { version() });
        check_api(&version)?;
        let info = describe(&api, version)?;
        Ok(Library { api, info })
    }

    /// What the plugin says of itself.
    pub fn info(&self) -> &Info {
        &self.info
    }
}

/// The bytes of a string that a plugin returned, none of null.
pub(super) fn bytes(string: *const c_char) -> Vec<u8> {
    if string.is_null() {
        return Vec::new();
    }
    // SAFETY: by the API a string ends in a zero, and lives until the function is called again.
    unsafe { CStr::from_ptr(string) }.to_bytes().to_vec()
}

fn text(string: *const c_char) -> String {
    String::from_utf8_lossy(&bytes(string)).into_owned()
}

/// The function of a name; null where the library has none.
fn function<F: Copy>(library: &libloading::Library, name: &str) -> Option<F> {
    // SAFETY: the fields of `plugin_api`, into which this goes, have the types that the API gives the functions of these names.
    let symbol = unsafe { library.get::<F>(format!("plugin_{name}")) };
    symbol.ok().map(|function| *function)
}

/// A structure of functions, each found by the name of its field.
macro_rules! functions {
    ($library:expr, $type:ident { $($name:ident),* } $({ $($part:ident: $value:expr),* })?) => {
        $type { $($name: function($library, stringify!($name)),)* $($($part: $value,)*)? }
    };
}

fn functions(library: &libloading::Library) -> plugin_api {
    let source = functions!(
        library,
        plugin_api__bindgen_ty_1 {
            get_id,
            get_event_source,
            open,
            close,
            list_open_params,
            get_progress,
            event_to_string,
            next_batch
        }
    );
    let extract = functions!(
        library,
        plugin_api__bindgen_ty_2 {
            get_extract_event_types,
            get_extract_event_sources,
            get_fields,
            extract_fields
        }
    );
    let parse = functions!(
        library,
        plugin_api__bindgen_ty_3 { get_parse_event_types, get_parse_event_sources, parse_event }
    );
    let asynchronous = functions!(
        library,
        plugin_api__bindgen_ty_4 {
            get_async_event_sources,
            get_async_events,
            set_async_event_handler,
            dump_state
        }
    );
    let listen = functions!(library, plugin_api__bindgen_ty_5 { capture_open, capture_close });
    functions!(library, plugin_api {
        get_required_api_version, get_init_schema, init, destroy, get_last_error, get_name, get_description,
        get_contact, get_version, set_config, get_metrics
    } {
        __bindgen_anon_1: source, __bindgen_anon_2: extract, __bindgen_anon_3: parse,
        __bindgen_anon_4: asynchronous, __bindgen_anon_5: listen
    })
}

/// What a function without arguments returns.
fn told(
    function: Option<unsafe extern "C-unwind" fn() -> *const c_char>,
    name: &'static str,
) -> Result<String, PluginError> {
    let function = function.ok_or(PluginError::Symbol(name))?;
    // SAFETY: by its name it is the function of the plugin API with this type.
    Ok(text(unsafe { function() }))
}

/// The list of names that a function returns, none without the function.
fn listed(
    function: Option<unsafe extern "C-unwind" fn() -> *const c_char>,
    name: &'static str,
) -> Result<Vec<String>, PluginError> {
    let Some(function) = function else { return Ok(Vec::new()) };
    // SAFETY: by its name it is the function of the plugin API with this type.
    Ok(names(name, &bytes(unsafe { function() }))?)
}

fn describe(api: &plugin_api, api_version: String) -> Result<Info, PluginError> {
    for (there, name) in [
        (api.init.is_some(), "init"),
        (api.destroy.is_some(), "destroy"),
        (api.get_last_error.is_some(), "get_last_error"),
    ] {
        if !there {
            return Err(PluginError::Symbol(name));
        }
    }
    let name = told(api.get_name, "get_name")?;
    let version = told(api.get_version, "get_version")?;
    if name.is_empty() {
        return Err(InfoError::Name("the plugin has no name".to_owned()).into());
    }
    if Version::parse(&version).is_none() {
        return Err(InfoError::Version("get_version", version).into());
    }
    let source = source(api)?;
    // What the plugin makes itself it takes, too, whatever else it names.
    let with_own = |mut sources: Vec<String>| {
        let own = source.as_ref().map(|source| source.name.clone()).filter(|own| !own.is_empty());
        sources.extend(own.filter(|own| !sources.contains(own)));
        Sources(sources)
    };
    let info = Info {
        init_schema: init_schema(api),
        extract: extract(api, &with_own)?,
        parse: parse(api, &with_own)?,
        asynchronous: asynchronous(api)?,
        listens: api.__bindgen_anon_5.capture_open.is_some(),
        description: told(api.get_description, "get_description")?,
        contact: told(api.get_contact, "get_contact")?,
        source,
        name,
        version,
        api_version,
    };
    let capable = info.source.is_some()
        || info.extract.is_some()
        || info.parse.is_some()
        || info.asynchronous.is_some()
        || info.listens;
    if capable { Ok(info) } else { Err(PluginError::Incapable) }
}

fn init_schema(api: &plugin_api) -> Option<String> {
    let mut kind = 0;
    // SAFETY: the function's only argument is a place for the kind of schema.
    let schema = unsafe { api.get_init_schema?(&raw mut kind) };
    (kind == ss_plugin_schema_type_SS_PLUGIN_SCHEMA_JSON).then(|| text(schema))
}

fn source(api: &plugin_api) -> Result<Option<EventSource>, PluginError> {
    let functions = &api.__bindgen_anon_1;
    match (functions.open, functions.close, functions.next_batch) {
        (None, None, None) => return Ok(None),
        (Some(_), Some(_), Some(_)) => {}
        _ => return Err(PluginError::Broken("open, close and next_batch")),
    }
    let id = match functions.get_id {
        // SAFETY: by its name it is the function of the plugin API with this type.
        Some(get_id) => unsafe { get_id() },
        None => 0,
    };
    let name = match (id, functions.get_event_source) {
        (0, _) | (_, None) => String::new(),
        (_, get) => told(get, "get_event_source")?,
    };
    if name == SYSCALL {
        return Err(InfoError::Name(format!("a plugin cannot have the event source '{SYSCALL}'")).into());
    }
    Ok(Some(EventSource { id, name }))
}

fn extract(
    api: &plugin_api,
    with_own: &dyn Fn(Vec<String>) -> Sources,
) -> Result<Option<Extract>, PluginError> {
    let functions = &api.__bindgen_anon_2;
    let get_fields = match (functions.get_fields, functions.extract_fields) {
        (None, None) => return Ok(None),
        (Some(get_fields), Some(_)) => get_fields,
        _ => return Err(PluginError::Broken("get_fields and extract_fields")),
    };
    // SAFETY: by its name it is the function of the plugin API with this type.
    let fields = fields(&bytes(unsafe { get_fields() }))?;
    let sources = listed(functions.get_extract_event_sources, "get_extract_event_sources")?;
    Ok(Some(Extract { sources: with_own(sources), fields }))
}

fn parse(
    api: &plugin_api,
    with_own: &dyn Fn(Vec<String>) -> Sources,
) -> Result<Option<Sources>, PluginError> {
    let functions = &api.__bindgen_anon_3;
    if functions.parse_event.is_none() {
        return Ok(None);
    }
    Ok(Some(with_own(listed(functions.get_parse_event_sources, "get_parse_event_sources")?)))
}

fn asynchronous(api: &plugin_api) -> Result<Option<Asynchronous>, PluginError> {
    let functions = &api.__bindgen_anon_4;
    match (functions.set_async_event_handler, functions.get_async_events) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {}
        _ => return Err(PluginError::Broken("set_async_event_handler and get_async_events")),
    }
    Ok(Some(Asynchronous {
        sources: Sources(listed(functions.get_async_event_sources, "get_async_event_sources")?),
        names: listed(functions.get_async_events, "get_async_events")?,
    }))
}
