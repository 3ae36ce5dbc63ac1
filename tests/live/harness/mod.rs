//! Runs the cases: a child a case, the records of its marked calls, and one line about the outcome.

pub mod compare;
pub mod recorder;
pub mod run;
pub mod scene;
pub mod trial;
pub mod want;

use saker_probe::wire::control::Interest;
use serde::{Deserialize, Serialize};

use trial::Trial;
use want::Want;

/// A case: a row of the table of calls.
#[derive(Clone, Copy)]
pub struct Case {
    /// What is called, and what is special about it.
    pub name: &'static str,
    /// What the driver is asked for besides all calls.
    pub interest: Option<fn(&mut Interest)>,
    /// Makes the calls, in a process of its own.
    pub run: fn(&mut Trial),
}

/// Declares the cases of a file: `"name" => function;`, or `"name" with change_of_the_interest => function;`.
#[macro_export]
macro_rules! cases {
    ($($name:literal $(with $interest:expr)? => $run:expr;)*) => {
        /// The cases of this file.
        pub(super) const CASES: &[$crate::harness::Case] = &[$({
            #[allow(unused_mut, unused_assignments)]
            let mut interest: Option<fn(&mut saker_probe::wire::control::Interest)> = None;
            $(interest = Some($interest);)?
            $crate::harness::Case { name: $name, interest, run: $run }
        }),*];
    };
}

/// What a child tells the harness.
#[derive(Debug, Serialize, Deserialize)]
pub enum Message {
    /// A record that must be there.
    Expect(Expectation),
    /// The machine lacks something that the case needs.
    Skip(String),
    /// The case could not be brought about.
    Broken(String),
    /// All calls were made.
    Done,
}

/// A record that must be there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Expectation {
    /// The number of the call's marks.
    pub bracket: u32,
    /// Whose record it is.
    pub who: Who,
    /// Id of the event.
    pub event: u16,
    /// What the call returned.
    pub returns: i64,
    /// What the parameters must be, by name. The first is the return value if it is not named.
    pub parameters: Vec<(String, Want)>,
    /// What the extras must be, by the number of their kind.
    pub extras: Vec<(u8, Want)>,
    /// Bits of the header's flags that must be set, of those that say how the call came.
    pub flags: u32,
    /// Bits of the header's flags that may be set: something could not be read, and the case wants that.
    pub misses: u32,
}

/// Whose record it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Who {
    /// The thread that made the marks, between them.
    Caller,
    /// The thread that made the marks; there is no second mark, because the call does not come back.
    CallerForGood,
    /// The thread that made the marks, between them, in any one of the ways that are described so.
    CallerOneOf,
    /// The thread that made the marks, between them, whatever else it has there.
    Among,
    /// Any thread, some time after the first mark.
    Anybody,
    /// Another thread, by its id, some time after the first mark.
    Thread(u32),
    /// Nobody: the thread that made the marks must have no record between them.
    Nobody,
}
