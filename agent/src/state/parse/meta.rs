//! Calls that change names, ids, credentials, limits and counters of a thread, and events about users and containers.

use super::Call;
use crate::event::id;
use crate::state::containers::{ContainerInfo, ContainerType};
use crate::state::thread::{Capabilities, ThreadFlags};
use crate::state::users::{Group, User};
use crate::state::{Ended, State};

/// `PR_SET_NAME`.
const PR_SET_NAME: u32 = 15;
/// How many bytes of a name the kernel keeps.
const MAX_NAME: usize = 15;
/// `PR_SET_CHILD_SUBREAPER`.
const PR_SET_CHILD_SUBREAPER: u32 = 36;
/// `PR_GET_CHILD_SUBREAPER`.
const PR_GET_CHILD_SUBREAPER: u32 = 37;
/// `PPM_RLIMIT_NOFILE`.
const RLIMIT_NOFILE: u64 = 7;
/// All capabilities up to `CAP_CHECKPOINT_RESTORE`.
const ALL_CAPABILITIES: u64 = (1 << 41) - 1;

impl State {
    pub(super) fn prctl(&mut self, call: &mut Call<'_, '_>) {
        if call.failed() {
            return;
        }
        let Some(slot) = call.thread else { return };
        match call.u32(1) {
            Some(PR_SET_NAME) => {
                if let (Some(name), Some(thread)) = (call.text(2), self.table.get_mut(slot)) {
                    thread.renamed = Some(name[..name.len().min(MAX_NAME)].into());
                    self.touch(slot);
                }
            }
            Some(PR_SET_CHILD_SUBREAPER | PR_GET_CHILD_SUBREAPER) => {
                if let Some(group) = self.table.group_mut(slot) {
                    group.reaper = call.i64(3).is_some_and(|value| value != 0);
                }
            }
            _ => {}
        }
    }

    pub(super) fn setsid(&mut self, call: &mut Call<'_, '_>) {
        let sid = call.ret();
        if sid >= 0
            && let Some(slot) = call.thread
            && let Some(thread) = self.table.get_mut(slot)
        {
            thread.sid = sid;
            self.touch_lineage(slot);
        }
    }

    pub(super) fn set_uid(&mut self, call: &mut Call<'_, '_>, at: usize) {
        let (Some(slot), Some(uid), 0) = (call.thread, call.u32(at), call.ret()) else { return };
        if let Some(thread) = self.table.get_mut(slot) {
            thread.uid = uid;
            self.touch(slot);
        }
    }

    pub(super) fn set_gid(&mut self, call: &mut Call<'_, '_>, at: usize) {
        let (Some(slot), Some(gid), 0) = (call.thread, call.u32(at), call.ret()) else { return };
        if let Some(thread) = self.table.get_mut(slot) {
            thread.gid = gid;
            self.touch(slot);
        }
    }

    pub(super) fn capset(&mut self, call: &mut Call<'_, '_>) {
        let (Some(slot), false) = (call.thread, call.failed()) else { return };
        if let (Some(inheritable), Some(permitted), Some(effective)) = (call.u64(1), call.u64(2), call.u64(3))
            && let Some(thread) = self.table.get_mut(slot)
        {
            thread.caps = Capabilities { permitted, effective, inheritable };
            self.touch(slot);
        }
    }

    /// In a new user namespace a thread has all capabilities.
    pub(super) fn new_user_namespace(&mut self, call: &mut Call<'_, '_>, flags_at: usize) {
        let (Some(slot), false) = (call.thread, call.failed()) else { return };
        let flags = ThreadFlags::from_bits_retain(call.u32(flags_at).unwrap_or(0));
        if flags.contains(ThreadFlags::CLONE_NEWUSER)
            && let Some(thread) = self.table.get_mut(slot)
        {
            thread.caps = Capabilities {
                permitted: ALL_CAPABILITIES,
                effective: ALL_CAPABILITIES,
                inheritable: ALL_CAPABILITIES,
            };
            self.touch(slot);
        }
    }

    pub(super) fn rlimit(&mut self, call: &mut Call<'_, '_>) {
        if !call.failed() && call.u64(3) == Some(RLIMIT_NOFILE) {
            self.set_fd_limit(call, call.event.tid, call.i64(1));
        }
    }

    pub(super) fn prlimit(&mut self, call: &mut Call<'_, '_>) {
        let (0, Some(RLIMIT_NOFILE), Some(pid)) = (call.ret(), call.u64(6), call.i64(5)) else { return };
        self.set_fd_limit(call, if pid == 0 { call.event.tid } else { pid }, call.i64(1));
    }

    fn set_fd_limit(&mut self, call: &Call<'_, '_>, tid: i64, limit: Option<i64>) {
        let slot = if tid == call.event.tid { call.thread } else { self.table.find(tid) };
        if let Some(limit) = limit.filter(|&limit| limit != -1)
            && let Some(leader) = slot.and_then(|slot| self.table.leader(slot))
            && let Some(leader) = self.table.get_mut(leader)
        {
            leader.fd_limit = limit;
        }
    }

    pub(super) fn memory_changed(&mut self, call: &mut Call<'_, '_>) {
        let (size, rss, swap) = (call.u32(1), call.u32(2), call.u32(3));
        let Some(thread) = self.thread_mut(call) else { return };
        thread.vm_size = size.unwrap_or(thread.vm_size);
        if let Some(swap) = swap {
            thread.vm_rss = rss.unwrap_or(0);
            thread.vm_swap = swap;
        }
    }

    /// A thread leaves its CPU.
    pub(super) fn switched(&mut self, call: &mut Call<'_, '_>) {
        let (faults, memory) = ((call.u64(1), call.u64(2)), (call.u32(3), call.u32(4)));
        let Some(slot) = call.thread else { return };
        let (Some(thread), Some(swap)) = (self.table.get_mut(slot), call.u32(5)) else { return };
        thread.pf_major = faults.0.unwrap_or(0);
        thread.pf_minor = faults.1.unwrap_or(0);
        if let Some(leader) = self.table.leader(slot)
            && let Some(leader) = self.table.get_mut(leader)
        {
            leader.vm_size = memory.0.unwrap_or(0);
            leader.vm_rss = memory.1.unwrap_or(0);
            leader.vm_swap = swap;
        }
    }

    pub(super) fn user_changed(&mut self, call: &mut Call<'_, '_>) {
        let Some(uid) = call.u32(0) else { return };
        let text = |at| call.text(at).unwrap_or_default();
        let container = text(5);
        if call.event.id == id::USER_ADDED_E {
            let user = User {
                uid,
                gid: call.u32(1).unwrap_or(u32::MAX),
                name: text(2).into(),
                home: text(3).into(),
                shell: text(4).into(),
            };
            if !self.users.add_user(container, user) {
                self.counters.users_refused += 1;
            }
        } else {
            self.users.remove_user(container, uid);
        }
        self.touch_all();
    }

    pub(super) fn group_changed(&mut self, call: &mut Call<'_, '_>) {
        let Some(gid) = call.u32(0) else { return };
        let container = call.text(2).unwrap_or_default();
        if call.event.id == id::GROUP_ADDED_E {
            let group = Group { gid, name: call.text(1).unwrap_or_default().into() };
            if !self.users.add_group(container, group) {
                self.counters.users_refused += 1;
            }
        } else {
            self.users.remove_group(container, gid);
        }
        self.touch_all();
    }

    pub(super) fn old_container(&mut self, call: &mut Call<'_, '_>) {
        let text = |at| call.text(at).unwrap_or_default().into();
        let info = ContainerInfo {
            id: text(0),
            kind: ContainerType::from_number(call.u64(1).unwrap_or(u64::MAX)),
            name: text(2),
            image: text(3),
            ..ContainerInfo::default()
        };
        self.describe_container(call, info);
    }

    pub(super) fn container_told(&mut self, call: &mut Call<'_, '_>, json_at: usize) {
        let Some(json) = call.bytes(json_at) else { return };
        match ContainerInfo::from_json(json) {
            Some(info) => self.describe_container(call, info),
            None => self.counters.containers_refused += 1,
        }
    }

    pub(super) fn async_event(&mut self, call: &mut Call<'_, '_>) {
        match call.text(1) {
            Some(b"container") => self.container_told(call, 2),
            Some(b"container_removed") => {
                self.container_told(call, 2);
                self.ended = call.container.map_or(Ended::Nothing, Ended::Container);
            }
            _ => {}
        }
    }

    fn describe_container(&mut self, call: &mut Call<'_, '_>, info: ContainerInfo) {
        call.container = self.containers.describe(info, self.limits.containers);
        if call.container.is_none() {
            self.counters.containers_refused += 1;
        }
        self.touch_all();
    }
}
