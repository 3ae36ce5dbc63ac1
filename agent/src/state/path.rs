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

/// Whether a path has nothing to resolve or replace: no `.` or `/` after a slash, only bytes that can be printed. A name
/// that begins with a dot is clean, too, but not called so.
fn is_clean(path: &[u8]) -> bool {
    let Some((last, body)) = path.split_last() else { return true };
    let next = path.get(1..).unwrap_or_default();
    if let (Some(body_end), Some(next_end)) = (body.last_chunk::<16>(), next.last_chunk::<16>()) {
        // The last chunk overlaps the one before.
        let mut chunks = body.as_chunks::<16>().0.iter().zip(next.as_chunks::<16>().0);
        return chunks.all(|(bytes, next)| dirt(bytes, next) == 0)
            && dirt(body_end, next_end) | dirt(&[*last], b"a") == 0;
    }
    if let (Some(first), Some(first_next)) = (body.first_chunk::<8>(), next.first_chunk::<8>())
        && let (Some(end), Some(end_next)) = (body.last_chunk::<8>(), next.last_chunk::<8>())
    {
        return dirt(first, first_next) | dirt(end, end_next) | dirt(&[*last], b"a") == 0;
    }
    body.iter().zip(next).all(|(byte, next)| dirt(&[*byte], &[*next]) == 0) && dirt(&[*last], b"a") == 0
}

/// Not 0 if one of the bytes cannot be printed, or is a slash and the byte that follows it a dot or a slash. Written so
/// that the compiler does it for all bytes at once.
#[inline(always)]
fn dirt<const N: usize>(bytes: &[u8; N], next: &[u8; N]) -> u8 {
    let mut dirt = 0;
    for (&byte, &next) in bytes.iter().zip(next) {
        let printable = (b' '..=b'~').contains(&byte);
        // A dot differs from a slash in the lowest bit only.
        dirt |= u8::from(!printable | ((byte == b'/') & (next | 1 == b'/')));
    }
    dirt
}

/// Whether [`concatenate`] leaves a path as it is: absolute, clean and without a slash at its end.
pub(crate) fn is_absolute_and_clean(path: &[u8]) -> bool {
    path.first() == Some(&b'/')
        && (path.len() == 1 || path.last() != Some(&b'/'))
        && path.len() < MAX_PATH
        && is_clean(path)
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
    if relative && path.first() != Some(&b'.') && out.last() == Some(&b'/') && is_clean(path) {
        out.extend_from_slice(path.strip_suffix(b"/").unwrap_or(path));
        return;
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
    fn clean_paths_are_recognised_wherever_the_dirt_is() {
        assert!(is_absolute_and_clean(b"/usr/lib/x86_64-linux-gnu/libc.so.6"));
        assert!(is_absolute_and_clean(b"/") && !is_absolute_and_clean(b"") && !is_absolute_and_clean(b"usr"));
        for dirt in ["/./", "//", "/../", "/.", "\n", "\x7f", "\u{e9}"] {
            for before in 0..20 {
                let path = format!("/{}{dirt}{}", "x".repeat(before), "y".repeat(20 - before));
                assert!(!is_absolute_and_clean(path.as_bytes()), "{path:?}");
            }
        }
        assert!(!is_absolute_and_clean(b"/usr/") && !is_absolute_and_clean(&[b'/'; 2]));
    }

    /// The quick ways and the thorough one must agree.
    #[test]
    fn random_paths_are_put_together_alike() {
        let alphabet = b"a./.-/\x01b";
        let mut seed = 1u64;
        for _ in 0..20_000 {
            let mut random = || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (seed >> 33) as usize
            };
            let length = random() % 24;
            let path: Vec<u8> = (0..length).map(|_| alphabet[random() % alphabet.len()]).collect();
            let (mut quick, mut thorough) = (Vec::new(), Vec::new());
            concatenate(&mut quick, b"/w/d/", &path);
            // A trailing no-op component keeps the quick way from being taken.
            let trailed = [&path[..], b"/."].concat();
            let expected = if path.is_empty() { &path } else { &trailed };
            concatenate(&mut thorough, b"/w/d/", expected);
            assert_eq!(quick, thorough, "{:?}", String::from_utf8_lossy(&path));
            if is_absolute_and_clean(&path) {
                assert_eq!(quick, path);
            }
        }
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
