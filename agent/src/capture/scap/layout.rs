//! Where the parameters of an event lie: from the array of their lengths to offsets, checked once.

use crate::event::{EventFlags, EventInfo, MAX_PARAMS, id};

/// Length of an event's header that says how many parameters there are.
pub(super) const COUNTED: usize = 26;
/// Length of one that does not.
pub(super) const UNCOUNTED: usize = 22;

/// Where the parameters of an event start and where the event ends, from its header; and how many there are.
pub(super) struct Layout {
    pub(super) data: usize,
    pub(super) end: usize,
    pub(super) count: usize,
}

pub(super) type Offsets = [u32; MAX_PARAMS + 1];

/// Lays out the parameters of an event whose header counts them. `end` is the length that its header says.
#[inline]
pub(super) fn counted(
    event: &[u8],
    end: usize,
    row: &EventInfo,
    offsets: &mut Offsets,
) -> Result<Layout, &'static str> {
    if end > event.len() {
        return Err("it is longer than its block");
    }
    let claimed = u32_at(event, 22) as usize;
    let width = if row.flags.contains(EventFlags::LARGE_PAYLOAD) { 4 } else { 2 };
    // A newer writer may append parameters that we do not know.
    let count = claimed.min(row.params.len()).min(MAX_PARAMS);
    let data = claimed.saturating_mul(width).saturating_add(COUNTED);
    let (Some(room), Some(lengths)) = (end.checked_sub(data), event.get(COUNTED..COUNTED + count * width))
    else {
        return Err("it is too short for its parameters");
    };
    let total =
        if width == 2 { lay_out(lengths.as_chunks().0, offsets) } else { lay_out_large(lengths, offsets) };
    if total > room {
        return Err("its parameters are longer than itself");
    }
    Ok(Layout { data, end, count })
}

/// Finds how many parameters an event has whose header does not count them: the number with which the lengths fill
/// the event exactly, tried from the most it can have.
#[cold]
pub(super) fn uncounted(
    event: &[u8],
    size: usize,
    row: &EventInfo,
    offsets: &mut Offsets,
) -> Result<Layout, &'static str> {
    // These two were written with a length that is 3 too large.
    let excess = if row.id == id::NOTIFICATION_E || row.id == id::INFRASTRUCTURE_EVENT_E { 3 } else { 0 };
    let Some(end) = size.checked_sub(excess).filter(|&end| end <= event.len() && end >= UNCOUNTED) else {
        return Err("its length does not fit its block");
    };
    for count in (0..=row.params.len().min(MAX_PARAMS)).rev() {
        let data = UNCOUNTED + 2 * count;
        if data > end {
            continue;
        }
        match lay_out(event[UNCOUNTED..data].as_chunks().0, offsets).cmp(&(end - data)) {
            std::cmp::Ordering::Equal => return Ok(Layout { data, end, count }),
            std::cmp::Ordering::Less => break,
            std::cmp::Ordering::Greater => {}
        }
    }
    Err("no number of parameters fits its length")
}

/// Turns lengths into offsets, of which the first is always 0. Returns the sum.
#[inline]
pub(super) fn lay_out(lengths: &[[u8; 2]], offsets: &mut Offsets) -> usize {
    let mut end = 0;
    let (_, places) = offsets.split_at_mut(1);
    let mut places = places.iter_mut();
    for length in lengths {
        // At most 32 lengths below 64 KiB.
        end += u32::from(u16::from_le_bytes(*length));
        let Some(place) = places.next() else { break };
        *place = end;
    }
    end as usize
}

/// The same of lengths of four bytes. A sum that is beyond reason stays so.
#[cold]
fn lay_out_large(lengths: &[u8], offsets: &mut Offsets) -> usize {
    let mut end = 0u32;
    for (offset, length) in offsets[1..].iter_mut().zip(lengths.as_chunks().0) {
        end = end.saturating_add(u32::from_le_bytes(*length));
        *offset = end;
    }
    end as usize
}

#[inline]
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_le_bytes)
}

#[inline]
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
}

#[inline]
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}
