// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The table of io_uring operations: for each the call that it stands for, and which field of the request is which argument
//! of that call. So an operation is recorded by the call's own extractor, as the call's own event.
//!
//! A driver reads the request ([`Submission`]) when it is submitted (tracepoint `io_uring_submit_req`), asks for its
//! [`Operation`], keeps it, and records it when the request is complete (`io_uring_complete`): [`Kernel::argument`] and
//! [`Kernel::code`] then come from the operation, [`Kernel::return_value`] is [`Operation::result`] of what the tracepoint tells,
//! [`Kernel::is_compat`] is the ring's (`ctx->compat`), and [`Kernel::number`] the native number of the call.
//!
//! Rings have tables of files of their own. A slot of one is told as a descriptor from [`RING_FILE`] on, which no descriptor of a
//! process reaches: opened there, read there, closed there, it is the same number each time. [`Kernel::file`] and
//! [`Kernel::socket`] of such a number are the request's own file (`req->file`), or nothing.
//!
//! [`Kernel::argument`]: super::Kernel::argument
//! [`Kernel::code`]: super::Kernel::code
//! [`Kernel::return_value`]: super::Kernel::return_value
//! [`Kernel::is_compat`]: super::Kernel::is_compat
//! [`Kernel::number`]: super::Kernel::number
//! [`Kernel::file`]: super::Kernel::file
//! [`Kernel::socket`]: super::Kernel::socket

use super::calls::code;

/// The first number that stands for a slot of a ring's table of files.
pub const RING_FILE: u32 = 1 << 30;

/// `IOSQE_FIXED_FILE`: the descriptor is a slot.
const FIXED_FILE: u8 = 1 << 0;
/// `IOSQE_BUFFER_SELECT`: the kernel chooses the buffer, and the address means nothing.
const BUFFER_SELECT: u8 = 1 << 5;
/// `IORING_FILE_INDEX_ALLOC`: the kernel chooses the slot, and returns it.
const ANY_SLOT: u32 = u32::MAX;
/// An offset that means the file's own position.
const CURRENT: u64 = u64::MAX;
/// `IORING_FSYNC_DATASYNC`.
const DATASYNC: u64 = 1;

/// A request, `struct io_uring_sqe`, as far as calls have something of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Submission {
    /// `opcode`.
    pub opcode: u8,
    /// `flags`, `IOSQE_*`.
    pub flags: u8,
    /// `fd`.
    pub fd: i32,
    /// `off` or `addr2`, at 8.
    pub offset: u64,
    /// `addr` or `splice_off_in`, at 16.
    pub address: u64,
    /// `len`, at 24.
    pub length: u32,
    /// `rw_flags`, `open_flags` and their kin, at 28.
    pub operation_flags: u32,
    /// `splice_fd_in`, `file_index`, or in its low half `addr_len`, at 44.
    pub file_index: u32,
    /// `addr3`, at 48.
    pub address3: u64,
}

/// A request as a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operation {
    /// The code of the call.
    pub code: u16,
    /// Its arguments.
    pub arguments: [u64; 6],
    /// 0 if the call makes no descriptor or a common one; else one more than the slot that it fills, or all ones.
    pub slot: u32,
}

impl Operation {
    /// What the call returned, by what the request's completion says (`res`).
    #[inline(always)]
    pub fn result(&self, completion: i32) -> i64 {
        if completion < 0 || self.slot == 0 {
            completion as i64
        } else if self.slot == ANY_SLOT {
            (RING_FILE | completion as u32) as i64
        } else {
            (RING_FILE | self.slot.wrapping_sub(1)) as i64
        }
    }
}

impl Submission {
    /// The call that it stands for; `None` if there is no such call: timeouts, polls, cancellations, and what concerns only the
    /// ring.
    #[inline(always)]
    pub fn operation(&self) -> Option<Operation> {
        let fd = if self.flags & FIXED_FILE != 0 {
            (RING_FILE | self.fd as u32) as u64
        } else {
            self.fd as i64 as u64
        };
        let address = if self.flags & BUFFER_SELECT != 0 { 0 } else { self.address };
        let (length, flags) = (self.length as u64, self.operation_flags as u64);
        let (address2, offset) = (self.offset, self.offset);
        let mut slot = 0;
        let transfer = [fd, address, length, offset, 0, 0];
        let (code, arguments) = match self.opcode {
            // READV, READV_FIXED; WRITEV, WRITEV_FIXED
            1 | 60 => (if offset == CURRENT { code::READV } else { code::PREADV }, transfer),
            2 | 61 => (if offset == CURRENT { code::WRITEV } else { code::PWRITEV }, transfer),
            // FSYNC
            3 if flags & DATASYNC != 0 => (code::FDATASYNC, [fd, 0, 0, 0, 0, 0]),
            3 => (code::FSYNC, [fd, 0, 0, 0, 0, 0]),
            // READ_FIXED, READ; WRITE_FIXED, WRITE
            4 | 22 => (if offset == CURRENT { code::READ } else { code::PREAD64 }, transfer),
            5 | 23 => (if offset == CURRENT { code::WRITE } else { code::PWRITE64 }, transfer),
            // SYNC_FILE_RANGE
            8 => (code::SYNC_FILE_RANGE, [fd, offset, length, flags, 0, 0]),
            // SENDMSG, SENDMSG_ZC; RECVMSG
            9 | 48 => (code::SENDMSG, [fd, address, flags, 0, 0, 0]),
            10 => (code::RECVMSG, [fd, self.address, flags, 0, 0, 0]),
            // ACCEPT
            13 => {
                slot = self.file_index;
                (code::ACCEPT4, [fd, address, address2, flags, 0, 0])
            }
            // CONNECT
            16 => (code::CONNECT, [fd, address, address2, 0, 0, 0]),
            // FALLOCATE: here the length is the mode, and the address the length
            17 => (code::FALLOCATE, [fd, length, offset, address, 0, 0]),
            // OPENAT, OPENAT2
            18 => {
                slot = self.file_index;
                (code::OPENAT, [fd, address, flags, length, 0, 0])
            }
            28 => {
                slot = self.file_index;
                (code::OPENAT2, [fd, address, address2, length, 0, 0])
            }
            // CLOSE: of a slot if there is one
            19 if self.file_index != 0 => {
                (code::CLOSE, [(RING_FILE | self.file_index.wrapping_sub(1)) as u64, 0, 0, 0, 0, 0])
            }
            19 => (code::CLOSE, [fd, 0, 0, 0, 0, 0]),
            // STATX
            21 => (code::STATX, [fd, address, flags, length, address2, 0]),
            // FADVISE, MADVISE
            24 => (code::FADVISE64, [fd, offset, length, flags, 0, 0]),
            25 => (code::MADVISE, [address, length, flags, 0, 0, 0]),
            // SEND, SEND_ZC; RECV, RECV_ZC; READ_MULTISHOT
            26 | 47 => {
                (code::SENDTO, [fd, address, length, flags, address2, (self.file_index & 0xffff) as u64])
            }
            27 | 58 => (code::RECVFROM, [fd, address, length, flags, 0, 0]),
            49 => (code::READ, [fd, 0, length, 0, 0, 0]),
            // EPOLL_CTL, EPOLL_WAIT
            29 => (code::EPOLL_CTL, [fd, length, offset, address, 0, 0]),
            59 => (code::EPOLL_WAIT, [fd, address, length, 0, 0, 0]),
            // SPLICE, TEE
            30 => (code::SPLICE, [self.splice_source(), self.address, fd, offset, length, flags]),
            33 => (code::TEE, [self.splice_source(), fd, length, flags, 0, 0]),
            // SHUTDOWN
            34 => (code::SHUTDOWN, [fd, length, 0, 0, 0, 0]),
            // RENAMEAT, UNLINKAT, MKDIRAT, SYMLINKAT, LINKAT
            35 => (code::RENAMEAT2, [fd, address, length, address2, flags, 0]),
            36 => (code::UNLINKAT, [fd, address, flags, 0, 0, 0]),
            37 => (code::MKDIRAT, [fd, address, length, 0, 0, 0]),
            38 => (code::SYMLINKAT, [address, fd, address2, 0, 0, 0]),
            39 => (code::LINKAT, [fd, address, length, address2, flags, 0]),
            // FSETXATTR, SETXATTR, FGETXATTR, GETXATTR
            41 => (code::FSETXATTR, [fd, address, address2, length, flags, 0]),
            42 => (code::SETXATTR, [self.address3, address, address2, length, flags, 0]),
            43 => (code::FGETXATTR, [fd, address, address2, length, 0, 0]),
            44 => (code::GETXATTR, [self.address3, address, address2, length, 0, 0]),
            // SOCKET: here the descriptor is the domain
            45 => {
                slot = self.file_index;
                (code::SOCKET, [self.fd as i64 as u64, offset, length, 0, 0, 0])
            }
            // WAITID, FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAITV: here the descriptor is a pid, and flags
            50 => (code::WAITID, [length, self.fd as i64 as u64, address2, self.file_index as u64, 0, 0]),
            51 => (code::FUTEX_WAIT, [address, address2, self.address3, self.fd as u64, 0, 0]),
            52 => (code::FUTEX_WAKE, [address, self.address3, address2, self.fd as u64, 0, 0]),
            53 => (code::FUTEX_WAITV, [address, length, flags, 0, 0, 0]),
            // FTRUNCATE, BIND, LISTEN
            55 => (code::FTRUNCATE, [fd, offset, 0, 0, 0, 0]),
            56 => (code::BIND, [fd, address, address2, 0, 0, 0]),
            57 => (code::LISTEN, [fd, length, 0, 0, 0, 0]),
            // PIPE: its slots are written where descriptors would be, and are told as such
            62 => (code::PIPE2, [address, flags, 0, 0, 0, 0]),
            _ => return None,
        };
        Some(Operation { code, arguments, slot })
    }

    /// The descriptor that data is moved from. `SPLICE_F_FD_IN_FIXED` says that it is a slot.
    #[inline(always)]
    fn splice_source(&self) -> u64 {
        if self.operation_flags >> 31 != 0 {
            (RING_FILE | self.file_index) as u64
        } else {
            self.file_index as i32 as i64 as u64
        }
    }
}
