//! Where fuzzing starts: hand-made inputs in `fuzz/seeds`, the shipped rules, and captures and records made here.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use saker::capture::scap::ScapWriter;
use saker::event::{EVENTS, Event, EventInfo, ParamType, ParamsBuf};
use saker::plugins::protocol::{Batch, Bytes, Losses, Reply, Then, Told, Value, Values, frame};
use saker::plugins::raw::RawEvent;
use saker_probe::wire::record::{Extra, Header, PARAMETER_TRUNCATED, SLOT_SIZE, slots_for};

/// The seeds of the target with this name; `root` is the repository.
pub fn seeds(root: &Path, target: &str) -> Vec<Vec<u8>> {
    match target {
        "condition" => lines(&root.join("fuzz/seeds/condition.txt")),
        "rules_file" => rule_files(root),
        "test_file" => test_files(root),
        "scap" | "replay" => captures(root),
        "plugin" => plugin_messages(),
        "record" => EVENTS.chunks(32).map(records_of).collect(),
        _ => Vec::new(),
    }
}

/// Messages of a plugin's process, an event, and a list of fields.
fn plugin_messages() -> Vec<Vec<u8>> {
    let bytes = |text: &'static [u8]| -> Bytes<'static> { text.into() };
    let told = Told {
        time: 1,
        asynchronous: Some(bytes(b"tick")),
        values: vec![
            (0, Values::One(Value::Text(bytes(b"text")))),
            (
                2,
                Values::List(vec![Value::Number(7), Value::Bool(true), Value::Address([10, 0, 0, 1].into())]),
            ),
        ],
        summary: Some(bytes(b"summary")),
        raw: Some(bytes(b"raw")),
    };
    let batch = Batch { events: vec![told], then: Then::Idle, losses: Losses::default() };
    let replies = [Reply::Done, Reply::Failed("why"), Reply::Batch(batch)];
    let mut seeds: Vec<Vec<u8>> = replies.iter().map(|reply| frame(reply).expect("it is short")).collect();
    seeds.push(RawEvent::recorded(u64::MAX, 0, b"an event").bytes().to_vec());
    seeds.push(br#"[{"name":"a.b","type":"string","isList":true,"arg":{"isKey":true},"desc":"d"}]"#.to_vec());
    seeds
}

/// The lines of a file, a seed each.
fn lines(path: &Path) -> Vec<Vec<u8>> {
    let text = fs::read(path).expect("the seeds are in the repository");
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// Rule files that use all of the language, and the shipped ones.
fn rule_files(root: &Path) -> Vec<Vec<u8>> {
    let paths = ["fuzz/seeds/rules_file", "rules", "rules/kubernetes"].map(|path| root.join(path));
    let files = saker::rules::rule_files(&paths).expect("folders of rules");
    files.iter().map(|path| fs::read(path).expect("a rule file")).collect()
}

/// Test files that use all keys.
fn test_files(root: &Path) -> Vec<Vec<u8>> {
    let folder = fs::read_dir(root.join("fuzz/seeds/test_file")).expect("the seeds are in the repository");
    let mut files: Vec<PathBuf> = folder.flatten().map(|file| file.path()).collect();
    files.sort();
    files.iter().map(|path| fs::read(path).expect("a test file")).collect()
}

/// Small captures: pieces of the bundled one, and one with events of every id, plain and compressed.
fn captures(root: &Path) -> Vec<Vec<u8>> {
    let bundled = fs::File::open(root.join("tests/data/vm_small.scap.gz")).expect("the bundled capture");
    let mut capture = Vec::new();
    GzDecoder::new(bundled).read_to_end(&mut capture).expect("it is sound");

    let (events, tables): (Vec<&[u8]>, Vec<&[u8]>) =
        blocks(&capture).partition(|block| matches!(number(block, 0), Some(EVENT)));
    let tables = tables.concat();
    let mut made: Vec<Vec<u8>> =
        first_of_each(&events).chunks(16).map(|part| [&tables, part.concat().as_slice()].concat()).collect();

    made.extend(EVENTS.chunks(32).map(capture_of));

    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&made[0]).expect("memory does not fail");
    made.push(gzip.finish().expect("memory does not fail"));
    made
}

/// The block type of events without flags.
const EVENT: u32 = 0x216;

/// A little-endian number in a block.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The blocks of a sound capture.
fn blocks(capture: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = capture;
    std::iter::from_fn(move || {
        let (block, after) = rest.split_at_checked(number(rest, 4)? as usize)?;
        rest = after;
        Some(block)
    })
}

/// The first event block of each event id.
fn first_of_each<'c>(events: &[&'c [u8]]) -> Vec<&'c [u8]> {
    let mut seen = [false; u16::MAX as usize + 1];
    let id = |block: &[u8]| usize::from(u16::from_le_bytes([block[30], block[31]]));
    events.iter().filter(|block| !std::mem::replace(&mut seen[id(block)], true)).copied().collect()
}

/// A capture with an event of each of these ids, with parameters that fit their types.
fn capture_of(infos: &[EventInfo]) -> Vec<u8> {
    let mut writer = ScapWriter::new(Vec::new()).expect("memory does not fail");
    for info in infos {
        let values: Vec<&[u8]> = info.params.iter().map(|param| value(param.ty)).collect();
        let params = ParamsBuf::of(&values);
        let ts = 1_700_000_000_000_000_000 + u64::from(info.id.0);
        let event = Event::new(u64::from(info.id.0), ts, 7, 0, info.id, 0, params.params());
        writer.event(&event).expect("memory does not fail");
    }
    writer.into_inner()
}

/// Records with these ids, with parameters that fit their types, the last of each cut, and a path and credentials besides.
fn records_of(infos: &[EventInfo]) -> Vec<u8> {
    let path = [&[Extra::FilePath as u8, 1, 0, 0, 0], &b"/etc/shadow\0"[..]].concat();
    let credentials = [&[Extra::Credentials as u8], &[0; 32][..]].concat();
    let mut records = Vec::new();
    for info in infos {
        let mut payload = Vec::new();
        let values = info.params.iter().map(|param| value(param.ty));
        for (index, bytes) in values.chain([path.as_slice(), credentials.as_slice()]).enumerate() {
            let cut = if index + 1 == info.params.len() { PARAMETER_TRUNCATED } else { 0 };
            payload.extend((bytes.len() as u16 | cut).to_le_bytes());
            payload.extend(bytes);
        }
        let header = Header {
            sequence: u64::from(info.id.0),
            event: info.id.0,
            slots: slots_for(payload.len()) as u16,
            payload: payload.len() as u16,
            parameters: info.params.len() as u8,
            extras: 2,
            ..Header::default()
        };
        records.extend(header.to_bytes());
        records.extend(payload);
        records.resize(records.len().next_multiple_of(SLOT_SIZE), 0);
    }
    records
}

/// A value of this type.
fn value(ty: ParamType) -> &'static [u8] {
    use ParamType::{
        AbsTime, ByteBuf, CharBuf, CharBufArray, CharBufPairArray, Dyn, EnumFlags8, EnumFlags16, EnumFlags32,
        Errno, Fd, Fd32, FdList, Flags8, Flags16, Flags32, FsPath, FsRelPath, Gid, Int16, Int32, Int64,
        Ipv4Addr, Ipv6Addr, Mode, Pid, Pid32, Port, RelTime, SigSet, SigType, SockAddr, SockTuple, SyscallId,
        UInt8, UInt16, UInt32, UInt64, Uid,
    };
    match ty {
        EnumFlags8 | Flags8 | SigType | UInt8 => &[1],
        EnumFlags16 | Flags16 | Int16 | Port | SyscallId | UInt16 => &[59, 0],
        EnumFlags32 | Flags32 | Gid | Int32 | Mode | Pid32 | Fd32 | SigSet | UInt32 | Uid => &[1, 2, 0, 0],
        AbsTime | RelTime | UInt64 => &[1, 2, 3, 4, 5, 6, 7, 0],
        Errno | Int64 => &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        Fd | Pid => &[3, 0, 0, 0, 0, 0, 0, 0],
        ByteBuf => b"GET / HTTP/1.1\r\n\xff\0",
        CharBuf => b"text\0",
        FsPath => b"/etc/../etc/shadow\0",
        FsRelPath => b"../x/./y\0",
        CharBufArray => b"-c\0exit\0",
        CharBufPairArray => b"HOME=/root\0A=b\0",
        Dyn => &[0, 9, 0, 0, 0, 0, 0, 0, 0],
        FdList => &[1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0],
        Ipv4Addr => &[127, 0, 0, 1],
        Ipv6Addr => &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        SockAddr => &[2, 127, 0, 0, 1, 80, 0],
        SockTuple => &[2, 127, 0, 0, 1, 1, 128, 127, 0, 0, 1, 80, 0],
    }
}
