//! How values are shown: as text in an output line, and as JSON in `output_fields`. Null is the caller's business.

use saker_filter::{Field, Type, Value};

use super::{ArgKind, EventContext};
use super::{evt_args, schema};
use crate::event::Format;

/// Appends a value of a field as text.
pub fn render_text(context: &EventContext<'_>, field: &Field, value: Value<'_>, out: &mut Vec<u8>) {
    use std::io::Write as _;
    // Writing to a Vec does not fail.
    let _ = match value {
        Value::Bool(value) => write!(out, "{value}"),
        Value::Int(value) => match format(context, field) {
            Format::Hex => write!(out, "{:X}", bits(field.ty, value)),
            Format::Oct => write!(out, "{:o}", bits(field.ty, value)),
            Format::Padded => write!(out, "{value:09}"),
            Format::Dec | Format::Id | Format::Dir | Format::Na => write!(out, "{value}"),
        },
        Value::UInt(value) => match format(context, field) {
            Format::Hex => write!(out, "{value:X}"),
            Format::Oct => write!(out, "{value:o}"),
            Format::Padded => write!(out, "{value:09}"),
            Format::Dec | Format::Id | Format::Dir | Format::Na => write!(out, "{value}"),
        },
        Value::Double(value) => write!(out, "{value:.1}"),
        Value::Bytes(value) => {
            out.extend_from_slice(value);
            Ok(())
        }
        Value::Ip(value) => write!(out, "{value}"),
        Value::Net(value) => write!(out, "{value}"),
        Value::List(values) => {
            out.push(b'(');
            for (position, value) in values.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                render_text(context, field, *value, out);
            }
            out.push(b')');
            Ok(())
        }
    };
}

/// How numbers of a field are printed. For `evt.rawarg` the parameter of this event says.
fn format(context: &EventContext<'_>, field: &Field) -> Format {
    let Some(info) = schema::info(field) else { return Format::Na };
    match info.arg {
        ArgKind::RawParam => {
            evt_args::param(context.event(), &field.arg).map_or(Format::Na, |param| param.format)
        }
        _ => info.format,
    }
}

/// The bits of a number in the width of its type.
fn bits(ty: Type, value: i64) -> u64 {
    match ty {
        Type::I16 => u64::from(value as u16),
        Type::I32 => u64::from(value as u32),
        _ => value as u64,
    }
}

/// Appends a value of a field as JSON: numbers and booleans as such (but hexadecimal and octal ones as strings), lists
/// as arrays, all else as strings, with U+FFFD for what is no UTF-8. Times of day are nanoseconds since the epoch.
pub fn render_json(context: &EventContext<'_>, field: &Field, value: Value<'_>, out: &mut Vec<u8>) {
    use std::io::Write as _;
    let text = |out: &mut Vec<u8>| {
        let mut text = Vec::new();
        render_text(context, field, value, &mut text);
        string(&text, out);
    };
    let _ = match value {
        _ if is_time_of_day(field) => write!(out, "{}", context.event().ts),
        Value::Int(_) | Value::UInt(_) if matches!(format(context, field), Format::Hex | Format::Oct) => {
            text(out);
            Ok(())
        }
        Value::Bool(value) => write!(out, "{value}"),
        Value::Int(value) => write!(out, "{value}"),
        Value::UInt(value) => write!(out, "{value}"),
        // JSON knows no infinity; a division by zero shows as null.
        Value::Double(value) if !value.is_finite() => write!(out, "null"),
        Value::Double(value) => write!(out, "{value:?}"),
        // So does Falco show an empty list.
        Value::List([]) => write!(out, "null"),
        Value::List(values) => {
            out.push(b'[');
            for (position, value) in values.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                render_json(context, field, *value, out);
            }
            out.push(b']');
            Ok(())
        }
        Value::Bytes(value) => {
            string(value, out);
            Ok(())
        }
        Value::Ip(_) | Value::Net(_) => {
            text(out);
            Ok(())
        }
    };
}

/// Appends a JSON string. What is no UTF-8, and control characters, become U+FFFD.
fn string(bytes: &[u8], out: &mut Vec<u8>) {
    let mut text = String::from_utf8_lossy(bytes);
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        text = text.replace(|char: char| char.is_ascii_control(), "\u{fffd}").into();
    }
    // Writing a string to a Vec does not fail.
    let _ = serde_json::to_writer(out, &text);
}

/// Fields that show a time of day in text: in JSON they are the time of the event in nanoseconds.
fn is_time_of_day(field: &Field) -> bool {
    schema::info(field).is_some_and(|info| {
        matches!(
            info.name,
            "evt.time"
                | "evt.time.s"
                | "evt.time.iso8601"
                | "evt.datetime"
                | "evt.datetime.s"
                | "evt.outputtime"
        )
    })
}
