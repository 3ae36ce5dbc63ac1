//! What a capture holds cannot act on the terminal of who looks at it.

use crate::scene::{Scene, process, run};

#[test]
fn names_cannot_write_control_characters() {
    let shell = process(200, "/bin/sh", "/user.slice", 0);
    let mut scene = Scene::new(vec![shell.clone()]);
    scene.execve(&shell, "/dev/shm/a\u{1b}[2J\nforged\u{7}\u{9b}x", &["\u{1b}]0;title\u{7}\r\nsecond line"]);
    let capture = scene.capture();
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/execution");
    for arguments in [
        &["replay", "-", "-r", rules][..],
        &["replay", "-", "-r", rules, "--json"],
        &["read", "-", "evt.type = execve"],
        &["read", "-", "evt.type = execve", "-p", "%proc.cmdline %proc.exepath"],
        &["read", "-", "evt.type = execve", "--json"],
    ] {
        let out = run(arguments, &capture);
        assert_eq!(out.lines().count(), 1, "{arguments:?}: {out:?}");
        // JSON is for programs and keeps what JSON need not escape.
        let acts =
            |c: &char| if arguments.contains(&"--json") { c.is_ascii_control() } else { c.is_control() };
        let control = out.trim_end_matches('\n').chars().find(acts);
        assert_eq!(control, None, "{arguments:?}: {out:?}");
    }
}
