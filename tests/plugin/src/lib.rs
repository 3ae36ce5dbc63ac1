//! The plugin `saker_test`: a source of small texts, fields of all types over them, and every way to go wrong.
//!
//! `open_params` is a list `KEY=NUMBER,…`: `count` events (without it there is no end), `batch` of them at once, and what happens
//! at an event: `crash`, `hang`, `fail`, `idle` (there is nothing just then). With `json=1` events are documents. `init_config` is `{"ticks": N}`: asynchronous events that come at once.

// The SDK's macros export C functions.
#![allow(clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use falco_event::types::{IpNet, SystemTime};
use falco_plugin::anyhow::{self, Context as _, Error};
use falco_plugin::async_event::{AsyncEventPlugin, AsyncHandler};
use falco_plugin::base::{Json, Metric, MetricLabel, MetricType, MetricValue, Plugin};
use falco_plugin::event::EventSource;
use falco_plugin::event::events::{Event, RawEvent};
use falco_plugin::extract::{ExtractFieldInfo, ExtractPlugin, ExtractRequest, field};
use falco_plugin::parse::{ParseInput, ParsePlugin};
use falco_plugin::schemars::JsonSchema;
use falco_plugin::serde::Deserialize;
use falco_plugin::source::{EventBatch, EventInput, PluginEvent, SourcePlugin, SourcePluginInstance};
use falco_plugin::tables::TablesInput;
use falco_plugin::{FailureReason, async_event_plugin, extract_plugin, parse_plugin, plugin, source_plugin};

/// What `init_config` says.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(crate = "falco_plugin::serde", default, deny_unknown_fields)]
#[schemars(crate = "falco_plugin::schemars")]
struct Config {
    /// How many asynchronous events come when the capture begins.
    ticks: u32,
}

struct TestPlugin {
    config: Config,
    /// How many events were parsed.
    parsed: u64,
}

/// The metric that tells how many events were parsed.
const PARSED: &CStr = c"n_parsed";

impl Plugin for TestPlugin {
    const NAME: &'static CStr = c"saker_test";
    const PLUGIN_VERSION: &'static CStr = c"1.2.3";
    const DESCRIPTION: &'static CStr = c"What Saker's tests load";
    const CONTACT: &'static CStr = c"tests";
    type ConfigType = Json<Config>;

    fn new(_: Option<&TablesInput<'_>>, Json(config): Self::ConfigType) -> Result<Self, Error> {
        Ok(TestPlugin { config, parsed: 0 })
    }

    fn get_metrics(&mut self) -> impl IntoIterator<Item = Metric> {
        [MetricLabel::new(PARSED, MetricType::Monotonic).with_value(MetricValue::U64(self.parsed))]
    }
}

/// An event of this source: any bytes.
struct Text<'e>(&'e [u8]);

impl EventSource for Text<'_> {
    const SOURCE: Option<&'static str> = Some("saker_test");
}

impl<'e> falco_plugin::event::fields::FromBytes<'e> for Text<'e> {
    fn from_bytes(bytes: &mut &'e [u8]) -> Result<Self, falco_plugin::event::fields::FromBytesError> {
        Ok(Text(std::mem::take(bytes)))
    }
}

impl falco_plugin::event::fields::ToBytes for Text<'_> {
    fn binary_size(&self) -> usize {
        self.0.len()
    }

    fn write<W: std::io::Write>(&self, mut out: W) -> std::io::Result<()> {
        out.write_all(self.0)
    }

    fn default_repr() -> impl falco_plugin::event::fields::ToBytes {
        Text(&[])
    }
}

type Told<'e> = Event<PluginEvent<Text<'e>>>;

struct Instance {
    params: BTreeMap<String, u64>,
    next: u64,
}

impl Instance {
    fn is_now(&self, what: &str) -> bool {
        self.params.get(what) == Some(&self.next)
    }
}

impl SourcePluginInstance for Instance {
    type Plugin = TestPlugin;

    fn next_batch(&mut self, _: &mut TestPlugin, batch: &mut EventBatch<'_>) -> Result<(), Error> {
        let count = self.params.get("count").copied().unwrap_or(u64::MAX);
        let size = self.params.get("batch").copied().unwrap_or(1);
        for position in 0..size {
            if self.next > count {
                return match position {
                    0 => Err(anyhow::anyhow!("that was all").context(FailureReason::Eof)),
                    _ => Ok(()),
                };
            }
            if self.is_now("crash") {
                eprintln!("about to abort");
                std::process::abort();
            }
            if self.is_now("fail") {
                anyhow::bail!("told to fail");
            }
            if self.is_now("idle") {
                self.params.remove("idle");
                return match position {
                    0 => Err(anyhow::anyhow!("nothing just now").context(FailureReason::Timeout)),
                    _ => Ok(()),
                };
            }
            while self.is_now("hang") {
                std::thread::sleep(Duration::from_secs(60));
            }
            let text = match self.params.contains_key("json") {
                true => format!("{{\"number\": {}, \"inner\": [\"a\", {{\"b\": \"c\"}}]}}", self.next),
                false => format!("event {} of the test", self.next),
            };
            let event = PluginEvent { plugin_id: TestPlugin::PLUGIN_ID, event_data: text.as_bytes() };
            batch.add(Event { metadata: Default::default(), params: event })?;
            self.next += 1;
        }
        if count == u64::MAX {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl SourcePlugin for TestPlugin {
    type Instance = Instance;
    const EVENT_SOURCE: &'static CStr = c"saker_test";
    const PLUGIN_ID: u32 = 999;
    type Event<'a> = Told<'a>;

    fn list_open_params(&mut self) -> Result<&CStr, Error> {
        Ok(c"[{\"value\": \"count=3\", \"desc\": \"Three events\"}]")
    }

    fn open(&mut self, params: Option<&str>) -> Result<Instance, Error> {
        let mut all = BTreeMap::new();
        for pair in params.unwrap_or_default().split(',').filter(|pair| !pair.is_empty()) {
            let (key, number) = pair.split_once('=').context("expected KEY=NUMBER")?;
            all.insert(key.to_owned(), number.parse()?);
        }
        Ok(Instance { params: all, next: 1 })
    }

    fn event_to_string(&mut self, event: &EventInput<'_, Told<'_>>) -> Result<CString, Error> {
        let event = event.event()?;
        Ok(CString::new([b"told: ", event.params.event_data.0].concat())?)
    }
}

impl TestPlugin {
    fn text(request: &ExtractRequest<'_, '_, '_, '_, Self>) -> Result<String, Error> {
        Ok(String::from_utf8(request.event.event()?.params.event_data.0.to_vec())?)
    }

    fn word(request: &ExtractRequest<'_, '_, '_, '_, Self>, index: usize) -> Result<CString, Error> {
        let text = TestPlugin::text(request)?;
        Ok(CString::new(text.split(' ').nth(index).context("so many words there are not")?)?)
    }

    fn number(request: &ExtractRequest<'_, '_, '_, '_, Self>) -> Result<u64, Error> {
        Ok(TestPlugin::word(request, 1)?.to_str()?.parse()?)
    }

    fn num(&mut self, request: ExtractRequest<'_, '_, '_, '_, Self>) -> Result<u64, Error> {
        TestPlugin::number(&request)
    }

    fn whole(&mut self, request: ExtractRequest<'_, '_, '_, '_, Self>) -> Result<CString, Error> {
        Ok(CString::new(TestPlugin::text(&request)?)?)
    }

    fn even(&mut self, request: ExtractRequest<'_, '_, '_, '_, Self>) -> Result<bool, Error> {
        Ok(TestPlugin::number(&request)?.is_multiple_of(2))
    }

    fn words(&mut self, request: ExtractRequest<'_, '_, '_, '_, Self>) -> Result<Vec<CString>, Error> {
        TestPlugin::text(&request)?.split(' ').map(|word| Ok(CString::new(word)?)).collect()
    }

    fn nth(&mut self, request: ExtractRequest<'_, '_, '_, '_, Self>, index: u64) -> Result<CString, Error> {
        TestPlugin::word(&request, usize::try_from(index)?)
    }

    fn after(&mut self, request: ExtractRequest<'_, '_, '_, '_, Self>, key: &CStr) -> Result<CString, Error> {
        let text = TestPlugin::text(&request)?;
        let (_, rest) = text.split_once(key.to_str()?).context("it is not in there")?;
        Ok(CString::new(rest.trim())?)
    }

    fn time(&mut self, request: ExtractRequest<'_, '_, '_, '_, Self>) -> Result<SystemTime, Error> {
        Ok(SystemTime(TestPlugin::number(&request)? * 1_000_000_000))
    }

    fn took(&mut self, request: ExtractRequest<'_, '_, '_, '_, Self>) -> Result<Duration, Error> {
        Ok(Duration::from_millis(TestPlugin::number(&request)?))
    }

    fn address(&mut self, request: ExtractRequest<'_, '_, '_, '_, Self>) -> Result<IpAddr, Error> {
        Ok(Ipv4Addr::new(10, 0, 0, TestPlugin::number(&request)? as u8).into())
    }

    fn network(&mut self, request: ExtractRequest<'_, '_, '_, '_, Self>) -> Result<IpNet, Error> {
        Ok(IpNet(self.address(request)?))
    }

    fn parsed(&mut self, _: ExtractRequest<'_, '_, '_, '_, Self>) -> Result<u64, Error> {
        Ok(self.parsed)
    }
}

impl ExtractPlugin for TestPlugin {
    type Event<'a> = Told<'a>;
    type ExtractContext = ();
    const EXTRACT_FIELDS: &'static [ExtractFieldInfo<Self>] = &[
        field("test.num", &Self::num).with_description("The number of the event").add_output(),
        field("test.text", &Self::whole).with_description("The text"),
        field("test.even", &Self::even).with_description("Whether the number is even"),
        field("test.words", &Self::words).with_description("The words"),
        field("test.word", &Self::nth).with_description("A word by its number"),
        field("test.after", &Self::after).with_description("What stands after a text"),
        field("test.time", &Self::time).with_description("As many seconds after the epoch"),
        field("test.took", &Self::took).with_description("As many milliseconds"),
        field("test.ip", &Self::address).with_description("An address"),
        field("test.net", &Self::network).with_description("The same address, as the network that it is in"),
        field("test.parsed", &Self::parsed).with_description("How many events were parsed before"),
    ];
}

impl ParsePlugin for TestPlugin {
    type Event<'a> = RawEvent<'a>;

    fn parse_event(&mut self, _: &EventInput<'_, RawEvent<'_>>, _: &ParseInput<'_>) -> anyhow::Result<()> {
        self.parsed += 1;
        Ok(())
    }
}

impl AsyncEventPlugin for TestPlugin {
    const ASYNC_EVENTS: &'static [&'static str] = &["tick"];
    const EVENT_SOURCES: &'static [&'static str] = &["saker_test"];

    fn start_async(&mut self, handler: AsyncHandler) -> Result<(), Error> {
        for tick in 0..self.config.ticks {
            // For some there may be no room.
            let _ = handler.emit(Self::async_event(c"tick", &tick.to_le_bytes()));
        }
        Ok(())
    }

    fn stop_async(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

plugin!(TestPlugin);
source_plugin!(TestPlugin);
extract_plugin!(TestPlugin);
parse_plugin!(TestPlugin);
async_event_plugin!(TestPlugin);
