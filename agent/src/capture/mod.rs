//! Where events come from. Every source hands over a [`Snapshot`] of the processes that already run, then events of the
//! one event model; the state engine and the rules do not know which source it was.

pub mod cgroup;
pub mod driver;
pub mod ebpf;
pub mod host;
pub mod interest;
pub mod kmod;
pub mod live;
pub mod mapping;
pub mod merge;
pub mod plugin;
pub mod proc;
pub mod ring;
pub mod scap;
pub mod scope;
mod snapshot;

pub use snapshot::{
    FdInfo, FdRecord, GroupRecord, Interface, MachineInfo, ProcessRecord, Snapshot, TICK, UserRecord,
};
