// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of calls on the system as a whole: kernel modules, BPF, keys, file systems' settings and quotas, and the calls
//! around io_uring (its operations stand in `io_uring.rs`).

use super::flags;
use super::io::{put_data, put_page};
use super::kernel::Kernel;

/// `init_module`: res, img, length, uargs.
#[inline(always)]
pub fn init_module<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    put_data(kernel, kernel.argument(0), kernel.argument(1));
    kernel.put_u64_argument(1);
    kernel.put_text_argument(2);
}

/// `finit_module`: res, fd, uargs, flags.
#[inline(always)]
pub fn finit_module<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_text_argument(1);
    kernel.put_u32(flags::finit_module_flags(kernel.u32_argument(2)));
}

/// `delete_module`: res, name, flags.
#[inline(always)]
pub fn delete_module<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_text_argument(0);
    kernel.put_u32(flags::delete_module_flags(kernel.u32_argument(1)));
}

/// `bpf`: fd, cmd.
#[inline(always)]
pub fn bpf<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u32_argument(0);
}

/// `fsconfig`: res, fd, cmd, key, value_bytebuf, value_charbuf, aux.
#[inline(always)]
pub fn fsconfig<K: Kernel>(kernel: &mut K) {
    const SET_STRING: u32 = 1;
    const SET_BINARY: u32 = 2;
    const SET_PATH: u32 = 3;
    const SET_PATH_EMPTY: u32 = 4;
    let command = kernel.u32_argument(1);
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_u32(command);
    kernel.put_text_argument(2);
    let done = !kernel.failed();
    if done && command == SET_BINARY {
        put_page(kernel, kernel.argument(3), u64::from(kernel.u32_argument(4)));
    } else {
        kernel.put_empty();
    }
    if done && (command == SET_STRING || command == SET_PATH || command == SET_PATH_EMPTY) {
        kernel.put_text_argument(3);
    } else {
        kernel.put_empty();
    }
    kernel.put_u32_argument(4);
}

/// `keyctl`: res, operation, arg2, arg3, arg4, arg5. How many arguments there are, and which are strings, depends on the
/// operation; an argument that it does not have is 0.
#[inline(always)]
pub fn keyctl<K: Kernel>(kernel: &mut K) {
    let operation = kernel.u32_argument(0);
    let (arguments, strings) = key_operation(operation);
    kernel.put_result();
    kernel.put_u32(operation);
    put_key_argument(kernel, 1, arguments, strings);
    put_key_argument(kernel, 2, arguments, strings);
    put_key_argument(kernel, 3, arguments, strings);
    put_key_argument(kernel, 4, arguments, strings);
}

/// How many arguments an operation on keys has, and which of them are strings: bit N is argument N.
#[inline(always)]
fn key_operation(operation: u32) -> (usize, u32) {
    match operation {
        1 => (1, 0b00010),
        3 | 7 | 14 | 16 | 21 => (1, 0),
        0 | 5 | 8 | 9 | 15 | 22 | 31 => (2, 0),
        2 | 4 | 6 | 11 | 13 | 17 | 32 => (3, 0),
        29 => (3, 0b01100),
        24 => (3, 0b01000),
        10 => (4, 0b01100),
        12 | 19 | 20 | 23 | 30 => (4, 0),
        25..=28 => (4, 0b00100),
        _ => (0, 0),
    }
}

#[inline(always)]
fn put_key_argument<K: Kernel>(kernel: &mut K, index: usize, arguments: usize, strings: u32) {
    /// The first byte of the parameter.
    const NUMBER: u8 = 0;
    const STRING: u8 = 1;
    kernel.begin();
    if index <= arguments && strings >> index & 1 != 0 {
        kernel.add_u8(STRING);
        let address = kernel.argument(index);
        if address == 0 || !kernel.add_user_text(address) {
            kernel.add_u8(0);
        }
    } else {
        kernel.add_u8(NUMBER);
        kernel.add_u64(if index <= arguments { kernel.long_argument(index) as u64 } else { 0 });
    }
    kernel.end();
}

/// `quotactl`: res, special, quotafilepath, dqb_bhardlimit, dqb_bsoftlimit, dqb_curspace, dqb_ihardlimit, dqb_isoftlimit,
/// dqb_btime, dqb_itime, dqi_bgrace, dqi_igrace, dqi_flags, quota_fmt_out, cmd, type, id, quota_fmt. What the last argument
/// points to depends on the command.
#[inline(always)]
pub fn quotactl<K: Kernel>(kernel: &mut K) {
    const QUOTAON: u16 = 0x1;
    const GETFMT: u16 = 0x4;
    const GETINFO: u16 = 0x8;
    const SETINFO: u16 = 0x10;
    const GETQUOTA: u16 = 0x20;
    const SETQUOTA: u16 = 0x40;
    const XGETQUOTA: u16 = 0x400;
    const XSETQLIM: u16 = 0x800;
    const NOT_USED: u8 = 1;
    let (command, id, address) = (kernel.u32_argument(0), kernel.u32_argument(2), kernel.argument(3));
    let translated = flags::quota_command(command);
    kernel.put_result();
    kernel.put_text_argument(1);
    if translated == QUOTAON {
        kernel.put_user_text(address);
    } else {
        kernel.put_empty();
    }
    put_quota(kernel, address, translated == GETQUOTA || translated == SETQUOTA);
    put_quota_info(kernel, address, translated == GETINFO || translated == SETINFO);
    let format = if translated == GETFMT {
        flags::quota_format(kernel.user_u32(address).unwrap_or(0))
    } else {
        NOT_USED
    };
    kernel.put_u8(format);
    kernel.put_u16(translated);
    kernel.put_u8(flags::quota_type(command));
    let of_somebody = translated & (GETQUOTA | SETQUOTA | XGETQUOTA | XSETQLIM) != 0;
    kernel.put_u32(if of_somebody { id } else { 0 });
    kernel.put_u8(if translated == QUOTAON { flags::quota_format(id) } else { NOT_USED });
}

/// The limits of a `struct if_dqblk` that are valid; zeros if there is none.
#[inline(always)]
fn put_quota<K: Kernel>(kernel: &mut K, address: u64, there: bool) {
    let valid = if there { kernel.user_u32(address.wrapping_add(64)).unwrap_or(0) } else { 0 };
    put_valid(kernel, address, valid & 1);
    put_valid(kernel, address.wrapping_add(8), valid & 1);
    put_valid(kernel, address.wrapping_add(16), valid & 2);
    put_valid(kernel, address.wrapping_add(24), valid & 4);
    put_valid(kernel, address.wrapping_add(32), valid & 4);
    put_valid(kernel, address.wrapping_add(48), valid & 16);
    put_valid(kernel, address.wrapping_add(56), valid & 32);
}

/// The fields of a `struct if_dqinfo` that are valid; zeros if there is none.
#[inline(always)]
fn put_quota_info<K: Kernel>(kernel: &mut K, address: u64, there: bool) {
    let valid = if there { kernel.user_u32(address.wrapping_add(20)).unwrap_or(0) } else { 0 };
    put_valid(kernel, address, valid & 1);
    put_valid(kernel, address.wrapping_add(8), valid & 2);
    let set = if valid & 4 != 0 { kernel.user_u32(address.wrapping_add(16)) } else { None };
    kernel.put_u8(set.map_or(0, flags::quota_flags));
}

#[inline(always)]
fn put_valid<K: Kernel>(kernel: &mut K, address: u64, valid: u32) {
    let value = if valid != 0 { kernel.user_u64(address) } else { None };
    kernel.put_u64(value.unwrap_or(0));
}

/// `io_uring_setup`: res, entries, sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features. All but the first
/// two are fields of the structure (`struct io_uring_params`) that the kernel filled in.
#[inline(always)]
pub fn io_uring_setup<K: Kernel>(kernel: &mut K) {
    let parameters = kernel.argument(1);
    kernel.put_result();
    kernel.put_u32_argument(0);
    let entries = kernel.user_u32(parameters).unwrap_or(0);
    kernel.put_u32(entries);
    let completions = kernel.user_u32(parameters.wrapping_add(4)).unwrap_or(0);
    kernel.put_u32(completions);
    let set = kernel.user_u32(parameters.wrapping_add(8)).unwrap_or(0);
    kernel.put_u32(flags::ring_setup_flags(set));
    let cpu = kernel.user_u32(parameters.wrapping_add(12)).unwrap_or(0);
    kernel.put_u32(cpu);
    let idle = kernel.user_u32(parameters.wrapping_add(16)).unwrap_or(0);
    kernel.put_u32(idle);
    let features = kernel.user_u32(parameters.wrapping_add(20)).unwrap_or(0);
    kernel.put_u32(flags::ring_features(features));
}

/// `io_uring_enter`: res, fd, to_submit, min_complete, flags, sig. As in Falco the last is half of the mask's address.
#[inline(always)]
pub fn io_uring_enter<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_u32_argument(1);
    kernel.put_u32_argument(2);
    kernel.put_u32(flags::ring_enter_flags(kernel.u32_argument(3)));
    kernel.put_u32_argument(4);
}

/// `io_uring_register`: res, fd, opcode, arg, nr_args.
#[inline(always)]
pub fn io_uring_register<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_u16(kernel.u32_argument(1) as u16);
    kernel.put_u64_argument(2);
    kernel.put_u32_argument(3);
}
