//! Fields of class `saker` that only a live sensor can fill: what the kernel itself says, beside what a program claimed.

use saker_filter::{Field, Value};

use super::context::EventContext;
use super::fd;

type Got<'e> = Option<Value<'e>>;

pub(super) fn realexe<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let image = &context.thread?.image;
    image.exepath_is_real.then_some(Value::Bytes(&image.exepath))
}

pub(super) fn realpath<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    fd::known(context)?.real_path().map(Value::Bytes)
}

pub(super) fn path_mismatch<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    fd::known(context)?.path_mismatch().map(Value::Bool)
}

pub(super) fn io_uring<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bool(context.event.facts.is_some_and(|facts| facts.io_uring)))
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;
    use saker_filter::{Context as _, Schema as _};
    use saker_probe::wire::record::path;

    use super::*;
    use crate::event::{Event, Facts, KernelPath, ParamsBuf, id};
    use crate::fields::{FieldSchema, RunInfo};
    use crate::state::{Limits, State};

    /// Opens a file by a name, the kernel says where it is, and another event is about the descriptor.
    fn shown(name: &[u8], file: Option<KernelPath<'_>>) -> [String; 3] {
        let mut state = State::new(Limits::default());
        let name = [name, b"\0"].concat();
        let fd = 3_i64.to_le_bytes();
        let open = ParamsBuf::of(&[&fd, &name, b"", b"", b"", b""]);
        let facts = Facts { file, io_uring: true, ..Facts::default() };
        let event = Event::new(1, 1, 7, 0, id::SYSCALL_OPEN_X, 0, open.params());
        state.apply(&event.with_facts(&facts));
        state.finish();
        let read = ParamsBuf::of(&[&fd, b"", &fd, b""]);
        let event = Event::new(2, 2, 7, 0, id::SYSCALL_READ_X, 0, read.params());
        let subject = state.apply(&event);
        let (run, arena) = (RunInfo::default(), Bump::new());
        let context = EventContext::new(&event, subject, &state, &run, &arena);
        let schema = FieldSchema::new(true);
        ["saker.fd.realpath", "saker.fd.path_mismatch", "saker.io_uring"].map(|field| {
            let field = schema.resolve(field, None).unwrap();
            match context.get(&field) {
                None => "null".to_owned(),
                Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
                Some(Value::Bool(value)) => value.to_string(),
                Some(_) => "?".to_owned(),
            }
        })
    }

    fn at(flags: u32, path: &[u8]) -> Option<KernelPath<'_>> {
        Some(KernelPath { flags, path })
    }

    #[test]
    fn the_kernel_says_where_a_file_is() {
        assert_eq!(shown(b"/etc/shadow", None), ["null", "null", "false"]);
        assert_eq!(shown(b"/etc/shadow", at(path::ROOT, b"/etc/shadow")), ["/etc/shadow", "false", "false"]);
        assert_eq!(shown(b"/tmp/link", at(path::ROOT, b"/etc/shadow")), ["/etc/shadow", "true", "false"]);
        assert_eq!(shown(b"/tmp/", at(path::ROOT, b"/tmp")), ["/tmp", "false", "false"]);
        let unchecked = path::ROOT | path::RACES_UNCHECKED;
        assert_eq!(shown(b"/a", at(unchecked, b"/a")), ["/a", "false", "false"]);
    }

    #[test]
    fn a_path_that_is_not_whole_decides_only_what_it_can() {
        let cut = path::CUT_COMPONENTS;
        assert_eq!(shown(b"/a/b/c", at(cut, b"/b/c")), ["/b/c", "false", "false"]);
        assert_eq!(shown(b"/a/b/d", at(cut, b"/b/c")), ["/b/c", "true", "false"]);
        assert_eq!(shown(b"/a", at(path::OUTSIDE, b"/a")), ["/a", "true", "false"]);
        assert_eq!(shown(b"/a", at(path::ROOT | path::RACED, b"/b")), ["/b", "null", "false"]);
    }
}
