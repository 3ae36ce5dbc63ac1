//! The plugin `saker_helper`: fields of the events of `saker_test`, and what it has parsed of them.

// The SDK's macros export C functions.
#![allow(clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]

use std::ffi::CStr;

use falco_plugin::anyhow::Error;
use falco_plugin::base::Plugin;
use falco_plugin::event::EventSource;
use falco_plugin::event::events::Event;
use falco_plugin::event::fields::{FromBytes, FromBytesError};
use falco_plugin::extract::{ExtractFieldInfo, ExtractPlugin, ExtractRequest, field};
use falco_plugin::parse::{EventInput, ParseInput, ParsePlugin};
use falco_plugin::source::PluginEvent;
use falco_plugin::tables::TablesInput;
use falco_plugin::{extract_plugin, parse_plugin, plugin};

struct Helper {
    /// The bytes of all events so far.
    bytes: u64,
}

impl Plugin for Helper {
    const NAME: &'static CStr = c"saker_helper";
    const PLUGIN_VERSION: &'static CStr = c"0.1.0";
    const DESCRIPTION: &'static CStr = c"Fields of events of another plugin";
    const CONTACT: &'static CStr = c"tests";
    type ConfigType = String;

    fn new(_: Option<&TablesInput<'_>>, _: String) -> Result<Self, Error> {
        Ok(Helper { bytes: 0 })
    }
}

/// An event of `saker_test`.
struct Text<'e>(&'e [u8]);

impl EventSource for Text<'_> {
    const SOURCE: Option<&'static str> = Some("saker_test");
}

impl<'e> FromBytes<'e> for Text<'e> {
    fn from_bytes(bytes: &mut &'e [u8]) -> Result<Self, FromBytesError> {
        Ok(Text(std::mem::take(bytes)))
    }
}

type Told<'e> = Event<PluginEvent<Text<'e>>>;

impl Helper {
    fn length(&mut self, request: ExtractRequest<'_, '_, '_, '_, Self>) -> Result<u64, Error> {
        Ok(request.event.event()?.params.event_data.0.len() as u64)
    }

    fn sum(&mut self, _: ExtractRequest<'_, '_, '_, '_, Self>) -> Result<u64, Error> {
        Ok(self.bytes)
    }
}

impl ExtractPlugin for Helper {
    type Event<'a> = Told<'a>;
    type ExtractContext = ();
    const EXTRACT_FIELDS: &'static [ExtractFieldInfo<Self>] = &[
        field("helper.length", &Self::length).with_description("Bytes of the event"),
        field("helper.sum", &Self::sum).with_description("Bytes of all events until this one"),
    ];
}

impl ParsePlugin for Helper {
    type Event<'a> = Told<'a>;

    fn parse_event(&mut self, event: &EventInput<'_, Told<'_>>, _: &ParseInput<'_>) -> Result<(), Error> {
        self.bytes += event.event()?.params.event_data.0.len() as u64;
        Ok(())
    }
}

plugin!(Helper);
extract_plugin!(Helper);
parse_plugin!(Helper);
