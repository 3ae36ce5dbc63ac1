//! The plugin `saker_calls`: fields of the system calls `execve` and `openat`, and two ways to go wrong.
//!
//! `init_config` is a list `KEY=NUMBER,…`: at the event of which number that it is asked about it shall `crash` or `hang`. With `table`
//! it asks for the table of threads.

// The SDK's macros export C functions.
#![allow(clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::time::Duration;

use falco_plugin::anyhow::{Context as _, Error};
use falco_plugin::base::{Metric, MetricLabel, MetricType, MetricValue, Plugin};
use falco_plugin::event::events::{AnyEventPayload, RawEvent};
use falco_plugin::extract::{ExtractFieldInfo, ExtractPlugin, ExtractRequest, field};
use falco_plugin::tables::TablesInput;
use falco_plugin::tables::import::{Entry, Table, TableMetadata};
use falco_plugin::{extract_plugin, plugin};

/// The types of the events `execve` and `openat`.
const EXECVE: u16 = 293;
const OPENAT: u16 = 307;

/// The metric that tells about how many events it was asked.
const ASKED: &CStr = c"n_asked";

struct Calls {
    faults: BTreeMap<String, u64>,
    /// About how many events it was asked.
    asked: u64,
    /// The number of the event that it was last asked about.
    last: u64,
}

/// What is asked of a thread in a table: nothing.
#[derive(TableMetadata)]
#[entry_type(Thread)]
struct ThreadFields {}

type Thread = Entry<std::sync::Arc<ThreadFields>>;

impl Plugin for Calls {
    const NAME: &'static CStr = c"saker_calls";
    const PLUGIN_VERSION: &'static CStr = c"0.1.0";
    const DESCRIPTION: &'static CStr = c"Fields of system calls";
    const CONTACT: &'static CStr = c"tests";
    type ConfigType = String;

    fn new(tables: Option<&TablesInput<'_>>, config: String) -> Result<Self, Error> {
        let mut faults = BTreeMap::new();
        for pair in config.split(',').filter(|pair| !pair.is_empty()) {
            let (key, number) = pair.split_once('=').context("expected KEY=NUMBER")?;
            faults.insert(key.to_owned(), number.parse()?);
        }
        if faults.contains_key("table") {
            let tables = tables.context("there are no tables at all")?;
            let _: Table<i64, Thread> = tables.get_table(c"threads")?;
        }
        Ok(Calls { faults, asked: 0, last: 0 })
    }

    fn get_metrics(&mut self) -> impl IntoIterator<Item = Metric> {
        [MetricLabel::new(ASKED, MetricType::Monotonic).with_value(MetricValue::U64(self.asked))]
    }
}

/// An `execve` or an `openat`.
struct Call<'e>(RawEvent<'e>);

impl AnyEventPayload for Call<'_> {
    const SOURCES: &'static [Option<&'static str>] = &[Some("syscall")];
    const EVENT_TYPES: &'static [u16] = &[EXECVE, OPENAT];
}

impl<'e> From<&RawEvent<'e>> for Call<'e> {
    fn from(event: &RawEvent<'e>) -> Self {
        Call(event.into())
    }
}

impl Calls {
    /// The event, counted if it is another than that of the request before.
    fn event<'e>(&mut self, request: &ExtractRequest<'e, '_, '_, '_, Self>) -> Result<Call<'e>, Error> {
        let number = request.event.event_number() as u64;
        if number != self.last {
            self.last = number;
            self.asked += 1;
            if self.faults.get("crash") == Some(&self.asked) {
                std::process::abort();
            }
            while self.faults.get("hang") == Some(&self.asked) {
                std::thread::sleep(Duration::from_secs(60));
            }
        }
        request.event.event()
    }

    fn kind(&mut self, request: ExtractRequest<'_, '_, '_, '_, Self>) -> Result<u64, Error> {
        Ok(self.event(&request)?.0.event_type.into())
    }

    fn thread(&mut self, request: ExtractRequest<'_, '_, '_, '_, Self>) -> Result<u64, Error> {
        Ok(self.event(&request)?.0.metadata.tid as u64)
    }

    fn number(&mut self, request: ExtractRequest<'_, '_, '_, '_, Self>) -> Result<u64, Error> {
        self.event(&request)?;
        Ok(request.event.event_number() as u64)
    }

    fn param(&mut self, request: ExtractRequest<'_, '_, '_, '_, Self>, index: u64) -> Result<CString, Error> {
        let event = self.event(&request)?;
        let mut params = event.0.params::<u16>()?;
        let param = params.nth(usize::try_from(index)?).context("so many parameters there are not")??;
        Ok(CString::new(param.split(|byte| *byte == 0).next().unwrap_or_default())?)
    }
}

impl ExtractPlugin for Calls {
    type Event<'a> = Call<'a>;
    type ExtractContext = ();
    const EXTRACT_FIELDS: &'static [ExtractFieldInfo<Self>] = &[
        field("calls.kind", &Self::kind).with_description("The type of the event"),
        field("calls.thread", &Self::thread).with_description("The thread that called").add_output(),
        field("calls.number", &Self::number).with_description("The number of the event"),
        field("calls.param", &Self::param).with_description("A parameter as text"),
    ];
}

plugin!(Calls);
extract_plugin!(Calls);
