//! Calls that make processes, replace their program and end them.

use std::sync::Arc;

use super::{AT_FDCWD, Call};
use crate::event::id;
use crate::state::fd::{FdFlags, Shared};
use crate::state::path::concatenate;
use crate::state::thread::{Bytes, Capabilities, Entry, Image, Name, Slot, Thread, ThreadFlags};
use crate::state::{Ended, State};

/// A thread with a known tid that is younger is the one that the event tells of; an older one has lost its exit.
const CLONE_STALE: u64 = 2_000_000_000;
/// `PPM_EXVAT_AT_EMPTY_PATH`.
const EXVAT_AT_EMPTY_PATH: u32 = 1 << 0;
/// Flags of exec: `PPM_EXE_*`.
const EXE_WRITABLE: u32 = 1 << 0;
const EXE_UPPER_LAYER: u32 = 1 << 1;
const EXE_FROM_MEMFD: u32 = 1 << 2;
const EXE_LOWER_LAYER: u32 = 1 << 3;

impl State {
    pub(super) fn clone_exit(&mut self, call: &mut Call<'_, '_>) {
        match call.ret() {
            ..0 => {}
            0 => self.cloned(call),
            child => self.clone_returned(call, child),
        }
    }

    /// The parent's side of a clone: makes the child, unless its own event did or must.
    fn clone_returned(&mut self, call: &mut Call<'_, '_>, child_tid: i64) {
        let tid = call.event.tid;
        call.thread = self.get_thread(tid);
        let Some(slot) = call.thread else { return };
        let Some(caller) = self.table.get_mut(slot) else { return };
        let known = !caller.is_invalid();
        if !known {
            caller.pid = call.i64(4).unwrap_or(-1);
            caller.ptid = call.i64(5).unwrap_or(-1);
            match call.i64(19) {
                Some(vpid) => (caller.vtid, caller.vpid) = (call.i64(18).unwrap_or(-1), vpid),
                None => (caller.vtid, caller.vpid) = (tid, -1),
            }
            self.enter_lineage(slot);
            self.touch_lineage(slot);
        }
        let flags = ThreadFlags::from_bits_retain(call.u32(15).unwrap_or(0));
        let namespaced = ThreadFlags::CHILD_IN_PIDNS | ThreadFlags::CLONE_NEWPID | ThreadFlags::CLONE_PARENT;
        let vtid = self.table.get(slot).map_or(tid, |caller| caller.vtid);
        // In another pid namespace the result is no id that we know the child by. A child of vfork may have exited
        // before its parent returns. In both cases only its own event makes it.
        let vfork = flags.contains(ThreadFlags::CLONE_VFORK) || call.event.id == id::SYSCALL_VFORK_20_X;
        if flags.intersects(namespaced) || tid != vtid || vfork || child_tid == tid {
            return;
        }
        if let Some(child) = self.table.find(child_tid) {
            let inverted =
                self.table.get(child).is_some_and(|child| child.flags.contains(ThreadFlags::CLONE_INVERTED));
            if inverted {
                return;
            }
            self.remove_thread(child_tid);
        }
        let Some(slot) = self.table.find(tid) else {
            call.thread = None;
            return;
        };
        let Some(caller) = self.table.get(slot) else { return };
        let mut child = self.new_child(call, child_tid, caller, known);
        child.flags = flags;
        if flags.contains(ThreadFlags::CLONE_THREAD) {
            child.pid = caller.pid;
            child.ptid = caller.ptid;
            child.flags |= ThreadFlags::CLONE_FILES;
            child.lastexec_ts = caller.lastexec_ts;
        } else {
            child.pid = child_tid;
            child.ptid = tid;
            if known {
                self.inherit_process(&mut child, slot, caller);
            }
        }
        child.vtid = child_tid;
        child.vpid = child.pid;
        child.pidns_init_start_ts = self.machine.boot_ts;
        self.finish_child(call, child, slot, !known);
    }

    /// The child's side of a clone: makes the thread, unless its parent's event did.
    fn cloned(&mut self, call: &mut Call<'_, '_>) {
        let tid = call.event.tid;
        if let Some(thread) = call.thread.and_then(|slot| self.at(slot))
            && thread.clone_ts != 0
        {
            if call.event.ts.wrapping_sub(thread.clone_ts) < CLONE_STALE {
                // The parent's event, which made it, could not know.
                if let (Some(facts), Some(thread)) = (call.event.facts, self.thread_mut(call)) {
                    thread.started = facts.start_time;
                }
                return;
            }
            self.remove_thread(tid);
            call.thread = None;
        }
        let pid = call.i64(4).unwrap_or(-1);
        let ptid = call.i64(5).unwrap_or(-1);
        let flags = ThreadFlags::from_bits_retain(call.u32(15).unwrap_or(0)) | ThreadFlags::CLONE_INVERTED;
        let leader = !flags.contains(ThreadFlags::CLONE_THREAD);
        // A process takes after its parent, a thread after its leader.
        let Some(model_slot) = self.get_thread(if leader { ptid } else { pid }) else {
            call.thread = None;
            return;
        };
        let (vtid, vpid) = match call.i64(19) {
            Some(vpid) => (call.i64(18).unwrap_or(-1), vpid),
            None => (tid, -1),
        };
        let Some(model) = self.table.get_mut(model_slot) else { return };
        let known = !model.is_invalid();
        if !known && !leader {
            (model.pid, model.ptid, model.vpid, model.vtid) = (pid, ptid, vpid, vpid);
            self.enter_lineage(model_slot);
            self.touch_lineage(model_slot);
        }
        let Some(model) = self.table.get(model_slot) else { return };
        let mut child = self.new_child(call, tid, model, known);
        child.started = call.event.facts.map_or(0, |facts| facts.start_time);
        (child.pid, child.ptid, child.vtid, child.vpid) = (pid, ptid, vtid, vpid);
        child.flags = flags;
        if leader {
            if known {
                self.inherit_process(&mut child, model_slot, model);
            }
        } else {
            child.flags |= ThreadFlags::CLONE_FILES;
            child.lastexec_ts = if known { model.lastexec_ts } else { 0 };
        }
        if flags.intersects(ThreadFlags::CHILD_IN_PIDNS | ThreadFlags::CLONE_NEWPID) || tid != vtid {
            if let Some(since_boot) = call.u64(20) {
                child.pidns_init_start_ts = since_boot.wrapping_add(self.machine.boot_ts);
            }
        } else {
            child.pidns_init_start_ts = self.machine.boot_ts;
        }
        call.thread = self.finish_child(call, child, model_slot, !known && !leader);
    }

    /// A thread with what the event tells of it, and what the thread it takes after is known to have.
    fn new_child(&self, call: &Call<'_, '_>, tid: i64, model: &Thread, known: bool) -> Box<Thread> {
        let mut child = Box::new(Thread::new(tid));
        if known {
            child.image = Arc::clone(&model.image);
            child.root = Bytes::clone(&model.root);
            child.sid = model.sid;
            child.vpgid = model.vpgid;
            child.pgid = model.pgid;
            child.tty = model.tty;
            child.loginuid = model.loginuid;
            child.caps = model.caps;
            child.exe_ctime_to_clone = model.exe_ctime_to_clone;
        }
        set_program(&mut child, call);
        child.fd_limit = call.i64(7).unwrap_or(-1);
        set_memory(&mut child, call, 8);
        child.uid = call.u32(16).unwrap_or(model.uid);
        child.gid = call.u32(17).unwrap_or(model.gid);
        if let Some(cgroups) = call.bytes(14) {
            if *cgroups == *model.cgroups {
                child.cgroups = Bytes::clone(&model.cgroups);
            } else {
                child.set_cgroups(cgroups);
            }
        }
        child.clone_ts = call.event.ts;
        child
    }

    /// What a process, not a thread, has from its parent.
    fn inherit_process(&self, child: &mut Thread, parent_slot: Slot, parent: &Thread) {
        if let Some(owner) = self.table.fd_owner(parent_slot).and_then(|owner| self.table.get(owner)) {
            child.fds = Shared::clone(&owner.fds);
            child.fds_reversed = !owner.fds_reversed;
        }
        child.cwd = match self.leader(parent) {
            Some(leader) => Bytes::clone(&leader.cwd),
            None => Bytes::from(&b"./"[..]),
        };
        child.env = Bytes::clone(&parent.env);
    }

    /// Enters a new thread. Of the thread it takes after, `unknown` says that nothing but its ids is known: then it gets
    /// the child's program.
    fn finish_child(
        &mut self,
        call: &Call<'_, '_>,
        mut child: Box<Thread>,
        model: Slot,
        unknown: bool,
    ) -> Option<Slot> {
        let inherited = self.table.get_mut(model).and_then(|model| {
            if unknown {
                set_program(model, call);
                model.comm = child.comm.clone();
            }
            Bytes::ptr_eq(&model.cgroups, &child.cgroups).then_some(model.container)
        });
        child.container = match inherited {
            Some(container) => container.inspect(|&container| self.containers.retain(container)),
            None => self.container_of(&child),
        };
        self.add_thread(child)
    }

    pub(super) fn exec(&mut self, call: &mut Call<'_, '_>) {
        if call.failed() {
            return;
        }
        let Some(slot) = call.thread else { return };
        let entry = call.entry.take();
        let exepath_is_real = call.bytes(27).is_some();
        let exepath = match call.bytes(27) {
            Some(_) => call.text(27).map(<[u8]>::to_vec),
            None => entry.and_then(|entry| self.exepath_from_entry(call, &entry)),
        };
        let Some(thread) = self.table.get_mut(slot) else { return };
        let resurrected = thread.is_dead();
        set_program(thread, call);
        thread.lastexec_ts = call.event.ts;
        thread.pid = call.i64(4).unwrap_or(thread.pid);
        let was_invalid = thread.is_invalid();
        if was_invalid {
            thread.ptid = call.i64(5).unwrap_or(-1);
            if !thread.flags.contains(ThreadFlags::CHILD_IN_PIDNS) {
                (thread.vtid, thread.vpid) = (thread.tid, thread.pid);
            }
        }
        thread.fd_limit = call.i64(7).unwrap_or(thread.fd_limit);
        set_memory(thread, call, 8);
        if let Some(env) = call.bytes(15)
            && *env != *thread.env
        {
            thread.env = env.into();
        }
        let moved = call.bytes(14).is_some_and(|cgroups| thread.set_cgroups(cgroups));
        thread.tty = call.u32(16).unwrap_or(thread.tty);
        thread.vpgid = call.i64(17).unwrap_or(thread.vpgid);
        thread.loginuid = call.u32(18).unwrap_or(thread.loginuid);
        if let (Some(inheritable), Some(permitted), Some(effective)) =
            (call.u64(20), call.u64(21), call.u64(22))
        {
            thread.caps = Capabilities { permitted, effective, inheritable };
        }
        let image = Arc::make_mut(&mut thread.image);
        if let Some(exepath) = exepath {
            image.exepath = existing(&exepath).into();
            image.exepath_is_real = exepath_is_real;
        }
        if let Some(flags) = call.u32(19) {
            image.writable = flags & EXE_WRITABLE != 0;
            image.upper_layer = flags & EXE_UPPER_LAYER != 0;
            image.from_memfd = flags & EXE_FROM_MEMFD != 0;
            image.lower_layer = flags & EXE_LOWER_LAYER != 0;
        }
        if let (Some(ino), Some(ctime), Some(mtime)) = (call.u64(23), call.u64(24), call.u64(25)) {
            (image.ino, image.ctime, image.mtime) = (ino, ctime, mtime);
            if thread.clone_ts != 0 {
                thread.exe_ctime_to_clone = thread.clone_ts.wrapping_sub(ctime);
            }
            if thread.pidns_init_start_ts != 0 && ctime > thread.pidns_init_start_ts {
                thread.pidns_start_to_exe_ctime = ctime - thread.pidns_init_start_ts;
            }
        }
        thread.uid = call.u32(26).unwrap_or(thread.uid);
        thread.pgid = call.i64(28).unwrap_or(-1);
        thread.gid = call.u32(29).unwrap_or(thread.gid);
        let kept = ThreadFlags::PIPE_SRC
            | ThreadFlags::PIPE_DST
            | ThreadFlags::IS_MAIN_THREAD
            | ThreadFlags::CLONE_INVERTED;
        thread.flags = thread.flags & kept | ThreadFlags::ACTIVE | ThreadFlags::NAME_CHANGED;
        if resurrected && let Some(group) = self.table.group_mut(slot) {
            group.alive += 1;
        }
        if was_invalid {
            self.enter_lineage(slot);
        }
        if moved {
            self.update_container(slot);
        }
        self.end_other_threads(slot);
        let closes = self
            .fds_of(slot)
            .is_some_and(|fds| fds.iter().any(|(_, fd)| fd.flags.contains(FdFlags::CLOEXEC)));
        if closes {
            self.retain_fds(slot, |_, fd| !fd.flags.contains(FdFlags::CLOEXEC));
        }
        self.touch_lineage(slot);
    }

    /// Exec ends all threads of a group but its leader, which runs the new program.
    fn end_other_threads(&mut self, slot: Slot) {
        let Some(thread) = self.table.get(slot) else { return };
        if self.table.group(thread).is_none_or(|group| group.alive <= 1) {
            return;
        }
        let others: Vec<i64> = self
            .table
            .members(thread)
            .filter(|&member| member != slot)
            .filter_map(|member| self.table.get(member))
            .filter(|member| !member.is_main())
            .map(|member| member.tid)
            .collect();
        others.into_iter().for_each(|tid| self.remove_thread(tid));
    }

    /// The program's path from what the call was given: all that old captures tell.
    fn exepath_from_entry(&self, call: &Call<'_, '_>, entry: &Entry) -> Option<Vec<u8>> {
        let mut dir = Vec::new();
        let mut path = Vec::new();
        if entry.id == id::SYSCALL_EXECVE_19_E {
            let Some(name) = entry.path(0) else { return Some(b"<NA>".to_vec()) };
            self.write_dir(&mut dir, call.thread, AT_FDCWD, name);
            concatenate(&mut path, &dir, name);
            return Some(path);
        }
        let dirfd = entry.i64(0)?;
        let name = entry.path(1);
        let empty_path = entry.u32(2).unwrap_or(0) & EXVAT_AT_EMPTY_PATH != 0;
        self.write_dir(&mut dir, call.thread, dirfd, name.unwrap_or_default());
        if dir == super::files::UNKNOWN_DIR || name.is_none() && !empty_path {
            return Some(b"<NA>".to_vec());
        }
        if empty_path {
            concatenate(&mut path, b"", &dir);
        } else {
            concatenate(&mut path, &dir, name.unwrap_or_default());
        }
        Some(path)
    }

    pub(super) fn exit(&mut self, call: &mut Call<'_, '_>) {
        let Some(slot) = call.thread else { return };
        self.mark_dead(slot);
        self.ended = Ended::Thread(call.event.tid);
        if let Some(thread) = self.table.get_mut(slot) {
            thread.reaper_tid = call.i64(4).unwrap_or(-1);
        }
    }
}

/// A program's path without the kernel's mark that the file is deleted.
pub(in crate::state) fn existing(exepath: &[u8]) -> &[u8] {
    match exepath.strip_suffix(b" (deleted)") {
        Some(path) if !path.is_empty() => path,
        _ => exepath,
    }
}

/// Program name, argv and command name, as events of clone and exec tell them at the same place.
fn set_program(thread: &mut Thread, call: &Call<'_, '_>) {
    let exe = call.text(1).unwrap_or_default();
    let args = call.bytes(2).unwrap_or_default();
    if *thread.image.exe != *exe || *thread.image.args_raw != *args {
        let image = Image { exe: exe.into(), args_raw: args.into(), ..(*thread.image).clone() };
        thread.image = Arc::new(image);
    }
    thread.renamed = None;
    let comm = call.text(13).unwrap_or(exe);
    if *thread.comm != *comm {
        thread.comm = Name::from_slice(comm);
    }
}

/// Page faults and memory, which events of clone and exec tell from parameter `at` on.
fn set_memory(thread: &mut Thread, call: &Call<'_, '_>, at: usize) {
    let Some(swap) = call.u32(at + 4) else { return };
    thread.pf_major = call.u64(at).unwrap_or(0);
    thread.pf_minor = call.u64(at + 1).unwrap_or(0);
    thread.vm_size = call.u32(at + 2).unwrap_or(0);
    thread.vm_rss = call.u32(at + 3).unwrap_or(0);
    thread.vm_swap = swap;
}
