//! Live tests: system calls with known arguments, attacks and stress, under a driver that records them.
//!
//! ```text
//! cases ── a child process makes the calls of one case, each between two marks ──> kernel ──> driver
//!   │ what must be recorded (a pipe)                                                            │ records
//!   └──────────────────────────────> harness: compare, one line a case <────────────────────────┘
//! ```

pub mod calls;
pub mod cases;
pub mod harness;
pub mod programs;
