//! State tables for a plugin: there are none of others, since each plugin is in a process of its own.
//!
//! A plugin may say that it has tables, and nobody reads them. One that asks for a table gets none, and an error that says why.

use std::ffi::{CStr, c_char};
use std::ptr;

use falco_plugin_api::{
    ss_plugin_bool, ss_plugin_init_tables_input, ss_plugin_owner_t, ss_plugin_rc,
    ss_plugin_rc_SS_PLUGIN_FAILURE, ss_plugin_rc_SS_PLUGIN_SUCCESS, ss_plugin_state_data,
    ss_plugin_state_type, ss_plugin_table_entry_t, ss_plugin_table_field_t, ss_plugin_table_fieldinfo,
    ss_plugin_table_fields_vtable, ss_plugin_table_fields_vtable_ext, ss_plugin_table_info,
    ss_plugin_table_input, ss_plugin_table_iterator_func_t, ss_plugin_table_iterator_state_t,
    ss_plugin_table_reader_vtable, ss_plugin_table_reader_vtable_ext, ss_plugin_table_t,
    ss_plugin_table_writer_vtable, ss_plugin_table_writer_vtable_ext,
};

use super::Padded;

/// Why a plugin gets no table: what it is told when it asks for the last error.
const NO_TABLE: &CStr =
    c"state tables of Falco and of other plugins are not available here: each plugin is in a process of its own";

/// The last error of the plugin's owner: there is only one.
pub(super) unsafe extern "C-unwind" fn last_error(_: *mut ss_plugin_owner_t) -> *const c_char {
    NO_TABLE.as_ptr()
}

/// What a plugin is initialised with.
pub(super) fn input() -> Padded<ss_plugin_init_tables_input> {
    Padded::new(ss_plugin_init_tables_input {
        list_tables: Some(list_tables),
        get_table: Some(get_table),
        add_table: Some(add_table),
        fields: FIELDS,
        fields_ext: (&raw const FIELDS_EXT).cast_mut().cast(),
        reader_ext: reader_ext(),
        writer_ext: writer_ext(),
    })
}

/// Functions for reading tables.
pub(super) fn reader_ext() -> *mut ss_plugin_table_reader_vtable_ext {
    (&raw const READER_EXT).cast_mut().cast()
}

/// Functions for writing tables.
pub(super) fn writer_ext() -> *mut ss_plugin_table_writer_vtable_ext {
    (&raw const WRITER_EXT).cast_mut().cast()
}

/// The same for plugins of API 3.0.
pub(super) const READER: ss_plugin_table_reader_vtable = ss_plugin_table_reader_vtable {
    get_table_name: Some(get_table_name),
    get_table_size: Some(get_table_size),
    get_table_entry: Some(get_table_entry),
    read_entry_field: Some(read_entry_field),
};

/// The same for plugins of API 3.0.
pub(super) const WRITER: ss_plugin_table_writer_vtable = ss_plugin_table_writer_vtable {
    clear_table: Some(clear_table),
    erase_table_entry: Some(erase_table_entry),
    create_table_entry: Some(create_table_entry),
    destroy_table_entry: Some(destroy_table_entry),
    add_table_entry: Some(add_table_entry),
    write_entry_field: Some(write_entry_field),
};

const FIELDS: ss_plugin_table_fields_vtable = ss_plugin_table_fields_vtable {
    list_table_fields: Some(list_table_fields),
    get_table_field: Some(table_field),
    add_table_field: Some(table_field),
};

static FIELDS_EXT: Padded<ss_plugin_table_fields_vtable_ext> =
    Padded::new(ss_plugin_table_fields_vtable_ext {
        list_table_fields: Some(list_table_fields),
        get_table_field: Some(table_field),
        add_table_field: Some(table_field),
    });

static READER_EXT: Padded<ss_plugin_table_reader_vtable_ext> =
    Padded::new(ss_plugin_table_reader_vtable_ext {
        get_table_name: Some(get_table_name),
        get_table_size: Some(get_table_size),
        get_table_entry: Some(get_table_entry),
        read_entry_field: Some(read_entry_field),
        release_table_entry: Some(destroy_table_entry),
        iterate_entries: Some(iterate_entries),
    });

static WRITER_EXT: Padded<ss_plugin_table_writer_vtable_ext> =
    Padded::new(ss_plugin_table_writer_vtable_ext {
        clear_table: Some(clear_table),
        erase_table_entry: Some(erase_table_entry),
        create_table_entry: Some(create_table_entry),
        destroy_table_entry: Some(destroy_table_entry),
        add_table_entry: Some(add_table_entry),
        write_entry_field: Some(write_entry_field),
    });

type Table = *mut ss_plugin_table_t;
type Entry = *mut ss_plugin_table_entry_t;
type Key = *const ss_plugin_state_data;
type Accessor = *const ss_plugin_table_field_t;

unsafe extern "C-unwind" fn list_tables(
    _: *mut ss_plugin_owner_t,
    count: *mut u32,
) -> *mut ss_plugin_table_info {
    if !count.is_null() {
        // SAFETY: a plugin passes a place for the number of tables, or null.
        unsafe { count.write(0) };
    }
    // Not null, which would be an error: a list without items.
    ptr::NonNull::dangling().as_ptr()
}

unsafe extern "C-unwind" fn get_table(
    _: *mut ss_plugin_owner_t,
    _: *const c_char,
    _: ss_plugin_state_type,
) -> Table {
    ptr::null_mut()
}

unsafe extern "C-unwind" fn add_table(
    _: *mut ss_plugin_owner_t,
    _: *const ss_plugin_table_input,
) -> ss_plugin_rc {
    ss_plugin_rc_SS_PLUGIN_SUCCESS
}

// A plugin has no table to call these with.

unsafe extern "C-unwind" fn get_table_name(_: Table) -> *const c_char {
    ptr::null()
}

unsafe extern "C-unwind" fn get_table_size(_: Table) -> u64 {
    u64::MAX
}

unsafe extern "C-unwind" fn get_table_entry(_: Table, _: Key) -> Entry {
    ptr::null_mut()
}

unsafe extern "C-unwind" fn read_entry_field(
    _: Table,
    _: Entry,
    _: Accessor,
    _: *mut ss_plugin_state_data,
) -> ss_plugin_rc {
    ss_plugin_rc_SS_PLUGIN_FAILURE
}

unsafe extern "C-unwind" fn iterate_entries(
    _: Table,
    _: ss_plugin_table_iterator_func_t,
    _: *mut ss_plugin_table_iterator_state_t,
) -> ss_plugin_bool {
    0
}

unsafe extern "C-unwind" fn clear_table(_: Table) -> ss_plugin_rc {
    ss_plugin_rc_SS_PLUGIN_FAILURE
}

unsafe extern "C-unwind" fn erase_table_entry(_: Table, _: Key) -> ss_plugin_rc {
    ss_plugin_rc_SS_PLUGIN_FAILURE
}

unsafe extern "C-unwind" fn create_table_entry(_: Table) -> Entry {
    ptr::null_mut()
}

unsafe extern "C-unwind" fn destroy_table_entry(_: Table, _: Entry) {}

unsafe extern "C-unwind" fn add_table_entry(_: Table, _: Key, _: Entry) -> Entry {
    ptr::null_mut()
}

unsafe extern "C-unwind" fn write_entry_field(_: Table, _: Entry, _: Accessor, _: Key) -> ss_plugin_rc {
    ss_plugin_rc_SS_PLUGIN_FAILURE
}

unsafe extern "C-unwind" fn list_table_fields(_: Table, count: *mut u32) -> *const ss_plugin_table_fieldinfo {
    if !count.is_null() {
        // SAFETY: a plugin passes a place for the number of fields, or null.
        unsafe { count.write(0) };
    }
    ptr::null()
}

unsafe extern "C-unwind" fn table_field(
    _: Table,
    _: *const c_char,
    _: ss_plugin_state_type,
) -> *mut ss_plugin_table_field_t {
    ptr::null_mut()
}
