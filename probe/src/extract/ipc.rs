// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of calls on semaphores.

use super::flags;
use super::kernel::Kernel;

/// `SETVAL` of semctl.
const SETVAL: u32 = 16;

/// `semget`: res, key, nsems, semflg.
#[inline(always)]
pub fn semget<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u32_argument(0);
    kernel.put_u32_argument(1);
    kernel.put_u32(flags::semget_flags(kernel.u32_argument(2)));
}

/// `semctl`: res, semid, semnum, cmd, val. Only one command has a number as its value.
#[inline(always)]
pub fn semctl<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u32_argument(0);
    kernel.put_u32_argument(1);
    let command = kernel.u32_argument(2);
    kernel.put_u16(flags::semctl_command(command));
    kernel.put_u32(if command & !0x100 == SETVAL { kernel.u32_argument(3) } else { 0 });
}

/// `semop`: res, nsops, sem_num_0, sem_op_0, sem_flg_0, sem_num_1, sem_op_1, sem_flg_1, semid. The first two operations, if
/// they were done.
#[inline(always)]
pub fn semop<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    let operations = kernel.argument(1);
    let count = kernel.u32_argument(2);
    kernel.put_u32(count);
    let done = if kernel.return_value() == 0 { count } else { 0 };
    put_operation(kernel, operations, done > 0);
    put_operation(kernel, operations.wrapping_add(6), done > 1);
    kernel.put_u32_argument(0);
}

/// A `struct sembuf`; zeros if it is not there.
#[inline(always)]
fn put_operation<K: Kernel>(kernel: &mut K, address: u64, there: bool) {
    let there = there && address != 0;
    let semaphore = if there { kernel.user_u16(address) } else { None };
    kernel.put_u16(semaphore.unwrap_or(0));
    let operation = if there { kernel.user_u16(address.wrapping_add(2)) } else { None };
    kernel.put_u16(operation.unwrap_or(0));
    let flags = if there { kernel.user_u16(address.wrapping_add(4)) } else { None };
    kernel.put_u16(flags::semop_flags(flags.unwrap_or(0)));
}
