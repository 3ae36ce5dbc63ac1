//! What a source is worth for an event: fields, and what transformers make of them.

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

use crate::matcher::Glob;
use crate::operator::Transformer;
use crate::schema::Context;
use crate::typed::{Order, Quantifier, Relation, Source};
use crate::value::Value;

/// The value of a source; `None` is null.
pub(crate) fn value<'v, 'e: 'v, C: Context<'e> + ?Sized>(
    source: &'v Source,
    context: &C,
) -> Option<Value<'v>> {
    let arena = context.arena();
    match source {
        Source::Field(field) => context.get(field),
        Source::Literal(bytes) => Some(Value::Bytes(bytes)),
        Source::Map(transformer, source) => match value(source, context)? {
            Value::List(values) => {
                let mapped = arena.alloc_slice_fill_copy(values.len(), Value::Bool(false));
                for (to, from) in mapped.iter_mut().zip(values) {
                    *to = map(*transformer, *from, arena)?;
                }
                Some(Value::List(mapped))
            }
            single => map(*transformer, single, arena),
        },
        Source::Count(source) => Some(Value::UInt(match value(source, context)? {
            Value::List(values) => values.len() as u64,
            _ => 1,
        })),
        Source::List(list) => {
            let mut values = ArenaVec::with_capacity_in(list.len(), arena);
            for source in list {
                match value(source, context)? {
                    Value::List(inner) => values.extend_from_slice(inner),
                    single => values.push(single),
                }
            }
            Some(Value::List(values.into_bump_slice()))
        }
        Source::Join(separator, list) => {
            let separator = value(separator, context)?;
            let mut text = ArenaVec::new_in(arena);
            match value(list, context)? {
                Value::List(values) => {
                    for (index, element) in values.iter().enumerate() {
                        if index > 0 {
                            append(&mut text, separator);
                        }
                        append(&mut text, *element);
                    }
                }
                single => append(&mut text, single),
            }
            Some(Value::Bytes(text.into_bump_slice()))
        }
        Source::Concat(list) => {
            let mut text = ArenaVec::new_in(arena);
            for source in list {
                append(&mut text, value(source, context)?);
            }
            Some(Value::Bytes(text.into_bump_slice()))
        }
        Source::Getopt { arguments, options, option } => {
            let Value::Bytes(options) = value(options, context)? else { return None };
            let Value::List(arguments) = value(arguments, context)? else { return None };
            getopt(arguments, options, *option, arena)
        }
    }
}

fn map<'v>(transformer: Transformer, value: Value<'v>, arena: &'v Bump) -> Option<Value<'v>> {
    let Value::Bytes(text) = value else { return None };
    Some(match transformer {
        Transformer::ToLower if !text.iter().any(u8::is_ascii_uppercase) => value,
        Transformer::ToLower => {
            let text = arena.alloc_slice_copy(text);
            text.make_ascii_lowercase();
            Value::Bytes(text)
        }
        Transformer::ToUpper if !text.iter().any(u8::is_ascii_lowercase) => value,
        Transformer::ToUpper => {
            let text = arena.alloc_slice_copy(text);
            text.make_ascii_uppercase();
            Value::Bytes(text)
        }
        Transformer::Basename => {
            Value::Bytes(memchr::memrchr(b'/', text).map_or(text, |slash| &text[slash + 1..]))
        }
        Transformer::Len => Value::UInt(text.len() as u64),
        Transformer::B64 => Value::Bytes(decode_base64(text, arena)?),
        // Typing makes no map of the others.
        _ => return None,
    })
}

/// Decodes base64, with or without its padding. Characters outside of the alphabet and bits that are left over make it
/// null.
fn decode_base64<'v>(text: &[u8], arena: &'v Bump) -> Option<&'v [u8]> {
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let out = arena.alloc_slice_fill_copy(text.len() / 4 * 3 + [0, 0, 1, 2][text.len() % 4], 0);
    if text.len() % 4 == 1 {
        return None;
    }
    for (chunk, out) in text.chunks(4).zip(out.chunks_mut(3)) {
        let mut bits = 0u32;
        for &digit in chunk {
            let digit = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(digit);
        }
        bits <<= 6 * (4 - chunk.len());
        let [_, bytes @ ..] = bits.to_be_bytes();
        if bytes.iter().skip(out.len()).any(|&left| left != 0) {
            return None;
        }
        out.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    }
    Some(out)
}

fn append(text: &mut ArenaVec<'_, u8>, value: Value<'_>) {
    use std::io::Write;
    // Writing to a vector cannot fail.
    let _ = match value {
        Value::Bytes(bytes) => text.write_all(bytes),
        Value::Bool(value) => write!(text, "{value}"),
        Value::Int(value) => write!(text, "{value}"),
        Value::UInt(value) => write!(text, "{value}"),
        Value::Double(value) => write!(text, "{value:.1}"),
        Value::Ip(value) => write!(text, "{value}"),
        Value::Net(value) => write!(text, "{value}"),
        Value::List(values) => {
            values.iter().for_each(|value| append(text, *value));
            Ok(())
        }
    };
}

/// What `getopt(3)` makes of arguments: for each option its letter and, if it takes one, its value; `?` for one that
/// does not exist. With an `option` only its last value, or its letter if it takes none, or null. Long options are
/// skipped, and the first argument that is no option ends the search.
fn getopt<'v>(
    arguments: &[Value<'v>],
    options: &'v [u8],
    option: Option<u8>,
    arena: &'v Bump,
) -> Option<Value<'v>> {
    const UNKNOWN: Value<'static> = Value::Bytes(b"?");
    let missing = if options.first() == Some(&b':') { Value::Bytes(b":") } else { UNKNOWN };
    let text = |index: usize| {
        arguments.get(index).map(|argument| match *argument {
            Value::Bytes(text) => text,
            _ => b"",
        })
    };
    let mut found = ArenaVec::new_in(arena);
    let mut at = 0;
    while let Some(argument) = text(at) {
        at += 1;
        let letters = match argument {
            b"--" | b"-" => break,
            [b'-', b'-', ..] => continue,
            [b'-', letters @ ..] => letters,
            _ => break,
        };
        for (index, letter) in letters.iter().enumerate() {
            let known = options.iter().position(|own| own == letter && *letter != b':');
            let Some(known) = known else {
                if option.is_none() {
                    found.push(UNKNOWN);
                }
                continue;
            };
            let wanted = option.is_none_or(|option| option == *letter);
            let name = Value::Bytes(&options[known..=known]);
            if options.get(known + 1) != Some(&b':') {
                if wanted {
                    found.push(name);
                }
                continue;
            }
            let attached = &letters[index + 1..];
            let argument = if !attached.is_empty() {
                Some(attached)
            } else {
                at += 1;
                text(at - 1)
            };
            match argument {
                Some(argument) if wanted => {
                    if option.is_none() {
                        found.push(name);
                    }
                    found.push(Value::Bytes(argument));
                }
                None if wanted => found.push(missing),
                _ => {}
            }
            break;
        }
    }
    match option {
        Some(_) => found.pop(),
        None => Some(Value::List(found.into_bump_slice())),
    }
}

/// Whether the values of two sources are related.
pub(crate) fn related(relation: Relation, quantifier: Quantifier, left: Value<'_>, right: Value<'_>) -> bool {
    let one = |left: &Value<'_>| match right {
        Value::List(rights) => rights.iter().any(|right| related_single(relation, *left, *right)),
        right => related_single(relation, *left, right),
    };
    match (left, quantifier) {
        (Value::List(lefts), Quantifier::All) => lefts.iter().all(one),
        (Value::List(lefts), Quantifier::Any) => lefts.iter().any(one),
        (left, _) => one(&left),
    }
}

fn related_single(relation: Relation, left: Value<'_>, right: Value<'_>) -> bool {
    match (relation, left, right) {
        (Relation::Order(order), ..) => compare(left, right).is_some_and(|ordering| order.holds(ordering)),
        (Relation::In, ..) => compare(left, right).is_some_and(std::cmp::Ordering::is_eq),
        (relation, Value::Bytes(left), Value::Bytes(right)) => match relation {
            Relation::Order(order) => Order::holds(order, left.cmp(right)),
            Relation::In => left == right,
            Relation::Contains => memchr::memmem::find(left, right).is_some(),
            Relation::IContains => {
                memchr::memmem::find(&left.to_ascii_lowercase(), &right.to_ascii_lowercase()).is_some()
            }
            Relation::StartsWith => left.starts_with(right),
            Relation::EndsWith => left.ends_with(right),
            Relation::Glob => Glob::new(right, false).matches(left),
            Relation::IGlob => Glob::new(right, true).matches(left),
        },
        _ => false,
    }
}

fn compare(left: Value<'_>, right: Value<'_>) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (Value::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(&right)),
        (Value::Ip(left), Value::Ip(right)) => Some(left.cmp(&right)),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(&right),
        (left, Value::Int(right)) => crate::matcher::compare_number(left, right.into()),
        (left, Value::UInt(right)) => crate::matcher::compare_number(left, right.into()),
        _ => None,
    }
}
