//! The smallest programs that there can be: they end at once. Made here, so that no test needs one of the machine's.

/// Where the program is loaded.
const BASE: u32 = 0x40_0000;

/// A 64-bit program for x86 that does `exit_group(0)`.
pub fn exit_at_once() -> Vec<u8> {
    // mov eax, 231; xor edi, edi; syscall
    program(&[0xb8, 231, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05])
}

/// A 64-bit program of some instructions.
pub fn program(code: &[u8]) -> Vec<u8> {
    const HEADERS: u64 = 64 + 56;
    let (base, size) = (u64::from(BASE), HEADERS + code.len() as u64);
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for half in [2_u16, 62] {
        file.extend(half.to_le_bytes());
    }
    file.extend(1_u32.to_le_bytes());
    // Entry, program headers, section headers.
    for word in [base + HEADERS, 64, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, 1, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    // PT_LOAD, to read and execute: offset, address twice, size twice, alignment.
    for word in [1_u32, 5] {
        file.extend(word.to_le_bytes());
    }
    for word in [0, base, base, size, size, 4096] {
        file.extend(word.to_le_bytes());
    }
    file.extend(code);
    file
}

/// A 32-bit program for x86 that does `exit_group(0)`.
pub fn exit_at_once_32() -> Vec<u8> {
    // mov eax, 252; xor ebx, ebx; int 0x80
    let code = [0xb8, 252, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80];
    const HEADERS: u32 = 52 + 32;
    let size = HEADERS + code.len() as u32;
    let mut file = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for half in [2_u16, 3] {
        file.extend(half.to_le_bytes());
    }
    for word in [1, BASE + HEADERS, 52, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    for half in [52_u16, 32, 1, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    for word in [1, 0, BASE, BASE, size, size, 5, 4096] {
        file.extend(word.to_le_bytes());
    }
    file.extend(code);
    file
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_program_runs() {
        let path = std::env::temp_dir().join(format!("saker-live-program-{}", std::process::id()));
        std::fs::write(&path, super::exit_at_once()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let status = std::process::Command::new(&path).status();
        std::fs::remove_file(&path).unwrap();
        assert!(status.unwrap().success());
    }
}
