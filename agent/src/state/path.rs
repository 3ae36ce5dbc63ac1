//! Absolute paths by the rules of text: what a call named, seen from a directory. No link is followed.

/// The longest path that is put together, the NUL at its end included (`SCAP_MAX_PATH_SIZE`).
const MAX_PATH: usize = 1024;

/// Stands for a path that is longer.
const TOO_LONG: &[u8] = b"/PATH_TOO_LONG";

/// What a byte means inside a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    Dot,
    Slash,
    /// Shown as a dot.
    Unprintable,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Unprintable; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        classes[byte as usize] = Class::Plain;
        byte += 1;
    }
    classes[b'.' as usize] = Class::Dot;
    classes[b'/' as usize] = Class::Slash;
    classes
};

fn class(byte: u8) -> Class {
    CLASSES[usize::from(byte)]
}

/// Puts `path`, seen from `dir`, into `out`: `.`, `..` and doubled slashes are resolved in `path`, `dir` is taken as it
/// is and must end in a slash; bytes that cannot be printed become dots; a slash at the end goes. `dir` is ignored
/// if `path` is absolute or empty.
pub fn concatenate(out: &mut Vec<u8>, dir: &[u8], path: &[u8]) {
    out.clear();
    if dir.len() + path.len() + 1 > MAX_PATH {
        out.extend_from_slice(TOO_LONG);
        return;
    }
    let relative = path.first().is_some_and(|&byte| byte != b'/');
    if relative {
        out.extend_from_slice(dir);
    }
    let has_base = !out.is_empty();
    let mut at = 0;
    while let Some(&byte) = path.get(at) {
        let starts_component = out.last().is_none_or(|&last| last == b'/');
        match class(byte) {
            Class::Plain => {
                let rest = &path[at..];
                let run = rest.iter().position(|&byte| class(byte) != Class::Plain).unwrap_or(rest.len());
                out.extend_from_slice(&rest[..run]);
                at += run;
            }
            Class::Dot if starts_component => match (path.get(at + 1), path.get(at + 2)) {
                (Some(b'.'), None | Some(b'/')) => {
                    to_parent(out);
                    at += 3;
                }
                (None | Some(b'/'), _) => at += 2,
                _ => {
                    out.push(byte);
                    at += 1;
                }
            },
            Class::Slash => {
                let superfluous = if out.is_empty() { has_base } else { starts_component };
                if !superfluous {
                    out.push(byte);
                }
                at += 1;
            }
            Class::Dot | Class::Unprintable => {
                out.push(b'.');
                at += 1;
            }
        }
    }
    if out.len() > 1 && out.last() == Some(&b'/') {
        out.pop();
    }
}

/// Cuts off the last component, keeping the slash before it and the first byte.
fn to_parent(out: &mut Vec<u8>) {
    if out.len() > 1 {
        let body = &out[..out.len() - 1];
        out.truncate(memchr::memrchr(b'/', body).map_or(0, |slash| slash + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(dir: &str, path: &str) -> String {
        let mut out = Vec::new();
        concatenate(&mut out, dir.as_bytes(), path.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn relative_paths_start_at_the_directory() {
        assert_eq!(joined("/tmp/", "foo/bar"), "/tmp/foo/bar");
        assert_eq!(joined("/tmp/", "./foo//bar/."), "/tmp/foo/bar");
        assert_eq!(joined("/a/b/", "../../../x"), "/x");
        assert_eq!(joined("/a/b/", ".."), "/a");
        assert_eq!(joined("/", ".."), "/");
        assert_eq!(joined("", "foo/../a"), "a");
        assert_eq!(joined("", "dir/term/"), "dir/term");
        assert_eq!(joined("<UNKNOWN>", "x"), "<UNKNOWN>x");
        assert_eq!(joined("/tmp/", ".hidden/..x/..."), "/tmp/.hidden/..x/...");
    }

    #[test]
    fn absolute_paths_ignore_the_directory() {
        assert_eq!(joined("/tmp/", "/etc//passwd/"), "/etc/passwd");
        assert_eq!(joined("/tmp/", "/foo/../a"), "/a");
        assert_eq!(joined("/tmp/", "/.."), "/");
        assert_eq!(joined("/tmp/", "/"), "/");
        assert_eq!(joined("/tmp/", ""), "");
    }

    #[test]
    fn odd_bytes_become_dots_and_length_is_bounded() {
        assert_eq!(joined("/tmp/", "a\u{e9}\n"), "/tmp/a...");
        assert_eq!(joined("/", &"x".repeat(1022)).len(), 1023);
        assert_eq!(joined("/", &"x".repeat(1023)), "/PATH_TOO_LONG");
    }
}
