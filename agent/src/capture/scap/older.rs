//! Events as readers older than Falco 0.44 know them: sysdig 0.41 and the Stratoshark of its time stop at an event that has more parameters
//! than they expect, or a number that they have not heard of.

use saker_probe::extract::arch::native::NATIVE;
use saker_probe::extract::calls::code;

use crate::event::{Event, EventId, ParamsBuf, id};

/// Events that got parameters at their end, and how many they had before.
const LONGER: &[(EventId, usize)] = &[(id::SOCKET_SOCKET_X, 4), (id::SYSCALL_FCNTL_X, 3)];
/// Calls that had no event of their own: they are told by number only.
const GENERIC: &[(EventId, u16)] =
    &[(id::SYSCALL_CLOSE_RANGE_X, code::CLOSE_RANGE), (id::SYSCALL_KEYCTL_X, code::KEYCTL)];

/// The event and its parameters as they were; `None` if they still are that way.
pub(super) fn older(event: &Event<'_>, params: &mut ParamsBuf) -> Option<EventId> {
    if let Some((_, code)) = GENERIC.iter().find(|(one, _)| *one == event.id) {
        let number = (0..).zip(NATIVE).find(|(_, one)| one == code).map_or(0_u16, |(number, _)| number);
        params.clear();
        params.push(&code.to_le_bytes());
        params.push(&number.to_le_bytes());
        return Some(id::GENERIC_X);
    }
    let (_, count) = LONGER.iter().find(|(one, _)| *one == event.id)?;
    params.clear();
    (0..*count).filter_map(|index| event.param(index)).for_each(|param| params.push(param));
    Some(event.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_newer_is_left_out() {
        let mut params = ParamsBuf::default();
        let values: [&[u8]; 4] = [b"res", b"fd", b"cmd", b"arg"];
        let of = ParamsBuf::of(&values);
        let event = |id| Event::new(1, 2, 3, 0, id, 0, of.params());
        assert_eq!(older(&event(id::SYSCALL_FCNTL_X), &mut params), Some(id::SYSCALL_FCNTL_X));
        assert_eq!((params.len(), params.params().get(2)), (3, Some(&b"cmd"[..])));
        assert_eq!(older(&event(id::SYSCALL_KEYCTL_X), &mut params), Some(id::GENERIC_X));
        assert_eq!((params.len(), params.params().get(0)), (2, Some(&code::KEYCTL.to_le_bytes()[..])));
        assert_eq!(older(&event(id::SYSCALL_CLOSE_X), &mut params), None);
    }
}
