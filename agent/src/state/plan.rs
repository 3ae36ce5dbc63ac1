//! How each event is taken in, derived from the event table: how its thread is found and which parameter names the
//! descriptor it uses.

use super::parse::{Handler, handler};
use crate::event::{Category, Direction, EVENT_COUNT, EVENTS, EventFlags, EventId, ParamType, id};

/// How the thread of an event is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lookup {
    /// It is looked up only: an event of an unknown thread makes no stub. Events that no thread made have a thread,
    /// too, if their record names one.
    Find,
    /// An unknown thread becomes a stub.
    Get,
}

/// How an event is taken in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub lookup: Lookup,
    /// It is the exit of a call.
    pub exit: bool,
    /// It uses or makes a descriptor.
    pub about_fd: bool,
    /// The parameter with the descriptor that it uses.
    pub fd_param: Option<u8>,
    /// What takes in the rest; `None` if there is nothing more in it.
    pub handler: Option<Handler>,
}

static PLANS: [Plan; EVENT_COUNT] = {
    let mut plans =
        [Plan { lookup: Lookup::Find, exit: false, about_fd: false, fd_param: None, handler: None };
            EVENT_COUNT];
    let mut index = 0;
    while index < EVENT_COUNT {
        plans[index] = plan_row(index);
        index += 1;
    }
    plans
};

const fn plan_row(index: usize) -> Plan {
    let row = &EVENTS[index];
    let exit = matches!(row.direction, Direction::Exit);
    let lookup = match row.id {
        id::SYSCALL_CLONE_20_X
        | id::SYSCALL_CLONE3_X
        | id::SYSCALL_FORK_20_X
        | id::SYSCALL_VFORK_20_X
        | id::SCHEDSWITCH_6_E
        | id::PROCEXIT_1_E => Lookup::Find,
        _ if row.flags.contains(EventFlags::SKIPPARSERESET)
            || row.category.contains(Category::METAEVENT)
            || row.category.contains(Category::PLUGIN)
            || row.category.contains(Category::ITER) =>
        {
            Lookup::Find
        }
        _ => Lookup::Get,
    };
    let about_fd = row
        .flags
        .intersects(EventFlags::CREATES_FD.union(EventFlags::USES_FD).union(EventFlags::DESTROYS_FD));
    // The first parameter of an exit is its result, which may be a descriptor too.
    let mut param = exit as usize;
    let mut fd_param = None;
    while fd_param.is_none() && param < row.params.len() {
        if row.flags.contains(EventFlags::USES_FD) && matches!(row.params[param].ty, ParamType::Fd) {
            fd_param = Some(param as u8);
        }
        param += 1;
    }
    Plan { lookup, exit, about_fd, fd_param, handler: handler(row.id) }
}

/// How an event is taken in.
pub(super) fn plan(event: EventId) -> &'static Plan {
    PLANS.get(usize::from(event.0)).unwrap_or(&PLANS[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_found_where_the_table_says() {
        for (event, expected) in [
            (id::SYSCALL_CLOSE_X, Some(1)),
            (id::SYSCALL_READ_X, Some(2)),
            (id::SYSCALL_MMAP_X, Some(8)),
            (id::SYSCALL_DUP_1_X, Some(1)),
            (id::SYSCALL_FCNTL_X, Some(1)),
            (id::SYSCALL_SENDFILE_X, Some(2)),
            (id::SYSCALL_COPY_FILE_RANGE_X, Some(1)),
            (id::SOCKET_CONNECT_E, Some(0)),
            (id::SYSCALL_OPENAT_2_X, None),
            (id::SYSCALL_PIPE2_X, None),
        ] {
            assert_eq!(plan(event).fd_param, expected, "{event:?}");
        }
    }

    #[test]
    fn threads_are_looked_up_by_kind_of_event() {
        assert_eq!(plan(id::SYSCALL_CLONE_20_X).lookup, Lookup::Find);
        assert_eq!(plan(id::SYSCALL_OPENAT_2_X).lookup, Lookup::Get);
        assert_eq!(plan(id::SIGNALDELIVER_E).lookup, Lookup::Get);
        assert_eq!(plan(id::PAGE_FAULT_E).lookup, Lookup::Find);
        assert_eq!(plan(id::CONTAINER_JSON_2_E).lookup, Lookup::Find);
        assert_eq!(plan(id::ASYNCEVENT_E).lookup, Lookup::Find);
        assert_eq!(plan(EventId(9999)).lookup, plan(EventId(0)).lookup);
    }
}
