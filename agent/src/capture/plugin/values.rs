//! The fields that a plugin is asked for, and the values that it puts into them.

use std::ffi::CString;
use std::net::IpAddr;
use std::ptr;

use bumpalo::Bump;
use falco_plugin_api::{
    ss_plugin_extract_field, ss_plugin_extract_field__bindgen_ty_1, ss_plugin_metric,
    ss_plugin_metric_type_SS_PLUGIN_METRIC_TYPE_MONOTONIC, ss_plugin_metric_value,
    ss_plugin_metric_value_type, ss_plugin_metric_value_type_SS_PLUGIN_METRIC_VALUE_TYPE_D as D,
    ss_plugin_metric_value_type_SS_PLUGIN_METRIC_VALUE_TYPE_F as F,
    ss_plugin_metric_value_type_SS_PLUGIN_METRIC_VALUE_TYPE_I as I,
    ss_plugin_metric_value_type_SS_PLUGIN_METRIC_VALUE_TYPE_S32 as S32,
    ss_plugin_metric_value_type_SS_PLUGIN_METRIC_VALUE_TYPE_S64 as S64,
    ss_plugin_metric_value_type_SS_PLUGIN_METRIC_VALUE_TYPE_U32 as U32,
    ss_plugin_metric_value_type_SS_PLUGIN_METRIC_VALUE_TYPE_U64 as U64,
};
use serde_bytes::Bytes;

use super::library::bytes;
use crate::plugins::info::{Info, Kind};
use crate::plugins::protocol::{AskedArgument, AskedField, Losses, Metric, Value, Values};

/// The most bytes of a text that a field is, and the most values of a list.
const MAX_TEXT: usize = 1 << 20;
const MAX_LIST: usize = 1 << 16;

/// The most metrics of a plugin.
const MAX_METRICS: usize = 1 << 10;

/// The metrics that stand in a plugin's list. What has no name or is of no known type is left out.
pub(super) fn metrics(list: &[ss_plugin_metric]) -> Vec<Metric> {
    let metric = |metric: &ss_plugin_metric| {
        let name = String::from_utf8(bytes(metric.name)).ok().filter(|name| !name.is_empty())?;
        let monotonic = metric.type_ == ss_plugin_metric_type_SS_PLUGIN_METRIC_TYPE_MONOTONIC;
        Some(Metric { name, monotonic, value: number(&metric.value, metric.value_type)? })
    };
    list.iter().take(MAX_METRICS).filter_map(metric).collect()
}

/// The number that a metric is, by its type.
fn number(value: &ss_plugin_metric_value, kind: ss_plugin_metric_value_type) -> Option<f64> {
    // For a metric of a type there is one member of the union, and any bits of it are a number.
    Some(match kind {
        // SAFETY: it is the member of this type.
        U32 => f64::from(unsafe { value.u32_ }),
        // SAFETY: it is the member of this type.
        S32 => f64::from(unsafe { value.s32 }),
        // SAFETY: it is the member of this type.
        U64 => (unsafe { value.u64_ }) as f64,
        // SAFETY: it is the member of this type.
        S64 => (unsafe { value.s64 }) as f64,
        // SAFETY: it is the member of this type.
        D => unsafe { value.d },
        // SAFETY: it is the member of this type.
        F => f64::from(unsafe { value.f }),
        // SAFETY: it is the member of this type.
        I => f64::from(unsafe { value.i }),
        _ => return None,
    })
}

/// The fields that are asked for, as a plugin is asked.
#[derive(Default)]
pub struct Asking {
    pub(super) fields: Vec<AskedFor>,
}

/// A field that is asked for.
pub(super) struct AskedFor {
    /// Its place among those that the agent asks for.
    pub(super) place: u32,
    pub(super) kind: Kind,
    /// It points at the two texts.
    pub(super) field: ss_plugin_extract_field,
    _name: CString,
    _key: Option<CString>,
}

impl Asking {
    /// As a plugin with these fields is asked. A field that it has not is left out.
    pub fn of(asked: &[AskedField], info: &Info) -> Asking {
        let mut asking = Asking::default();
        let known = info.extract.as_ref().map(|extract| &extract.fields[..]).unwrap_or_default();
        for (place, AskedField { field: id, argument }) in (0..).zip(asked) {
            let Some(field) = known.get(*id as usize) else { continue };
            let Ok(name) = CString::new(field.name.as_str()) else { continue };
            let (key, index) = match argument {
                AskedArgument::Key(key) => (CString::new(key.as_slice()).ok(), 0),
                AskedArgument::Index(index) => (None, *index),
                AskedArgument::None => (None, 0),
            };
            let asked_for = ss_plugin_extract_field {
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
            let asked_for = AskedFor { place, kind: field.kind, field: asked_for, _name: name, _key: key };
            asking.fields.push(asked_for);
        }
        asking
    }
}

/// The value that a plugin has put into a field.
pub(super) fn value<'a>(
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
            let string = unsafe { at.wrapping_add(index).read() };
            if string.is_null() { None } else { Some(text(&bytes(string))) }
        }
        Kind::Uint64 | Kind::RelTime | Kind::AbsTime => {
            // SAFETY: as above.
            let at = unsafe { values.u64_ };
            // SAFETY: as above.
            Some(Some(Value::Number(unsafe { at.wrapping_add(index).read() })))
        }
        Kind::Bool => {
            // SAFETY: as above.
            let at = unsafe { values.boolean };
            // SAFETY: as above.
            Some(Some(Value::Bool(unsafe { at.wrapping_add(index).read() } != 0)))
        }
        Kind::IpAddr | Kind::IpNet => {
            // SAFETY: as above.
            let at = unsafe { values.buf };
            // SAFETY: as above.
            let buffer = unsafe { at.wrapping_add(index).read() };
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
