//! The plugin `saker_counting`: it counts the `execve` events that it parses, and has the count as a field of any event.
//!
//! `init_config` is empty, or `crash=NUMBER`: at which of them it shall crash.

// The SDK's macros export C functions.
#![allow(clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]

use std::ffi::CStr;

use falco_plugin::anyhow::{Context as _, Error};
use falco_plugin::base::Plugin;
use falco_plugin::event::events::{AnyEventPayload, RawEvent};
use falco_plugin::extract::{ExtractFieldInfo, ExtractPlugin, ExtractRequest, field};
use falco_plugin::parse::{EventInput, ParseInput, ParsePlugin};
use falco_plugin::tables::TablesInput;
use falco_plugin::{extract_plugin, parse_plugin, plugin};

/// The type of the event `execve`.
const EXECVE: u16 = 293;

struct Counting {
    crash: Option<u64>,
    /// How many events were parsed.
    parsed: u64,
    /// The number of the last of them.
    last: u64,
}

impl Plugin for Counting {
    const NAME: &'static CStr = c"saker_counting";
    const PLUGIN_VERSION: &'static CStr = c"0.1.0";
    const DESCRIPTION: &'static CStr = c"What it has parsed of system calls";
    const CONTACT: &'static CStr = c"tests";
    type ConfigType = String;

    fn new(_: Option<&TablesInput<'_>>, config: String) -> Result<Self, Error> {
        let crash = match config.as_str() {
            "" => None,
            config => Some(config.strip_prefix("crash=").context("expected crash=NUMBER")?.parse()?),
        };
        Ok(Counting { crash, parsed: 0, last: 0 })
    }
}

/// An `execve`, for parsing.
struct Execve;

impl AnyEventPayload for Execve {
    const SOURCES: &'static [Option<&'static str>] = &[Some("syscall")];
    const EVENT_TYPES: &'static [u16] = &[EXECVE];
}

impl From<&RawEvent<'_>> for Execve {
    fn from(event: &RawEvent<'_>) -> Self {
        assert_eq!(event.event_type, EXECVE, "it did not ask for this one");
        Execve
    }
}

impl Counting {
    fn execs(&mut self, _: ExtractRequest<'_, '_, '_, '_, Self>) -> Result<u64, Error> {
        Ok(self.parsed)
    }

    fn last(&mut self, _: ExtractRequest<'_, '_, '_, '_, Self>) -> Result<u64, Error> {
        Ok(self.last)
    }
}

impl ExtractPlugin for Counting {
    // Of any type, and of any source, since it has none of its own.
    type Event<'a> = RawEvent<'a>;
    type ExtractContext = ();
    const EXTRACT_FIELDS: &'static [ExtractFieldInfo<Self>] = &[
        field("counting.execs", &Self::execs)
            .with_description("How many execve events there were until this one"),
        field("counting.last", &Self::last).with_description("The number of the last of them"),
    ];
}

impl ParsePlugin for Counting {
    type Event<'a> = Execve;

    fn parse_event(&mut self, event: &EventInput<'_, Execve>, _: &ParseInput<'_>) -> Result<(), Error> {
        event.event()?;
        self.parsed += 1;
        self.last = event.event_number() as u64;
        if self.crash == Some(self.parsed) {
            std::process::abort();
        }
        Ok(())
    }
}

plugin!(Counting);
extract_plugin!(Counting);
parse_plugin!(Counting);
