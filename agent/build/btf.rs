//! Repairs the types of functions in the object, and leaves out what no kernel wants.
//!
//! rustc with line tables names each function in BTF, but gives it a type that is not there; a kernel refuses that, and without
//! types of functions it refuses `bpf_loop`. So each gets the same type: a function without arguments and without result.

use object::build::elf::{Builder, SectionData};

/// Bytes of the header of `.BTF` that rustc writes (`struct btf_header`).
const HEADER_SIZE: usize = 24;
/// Bytes of a type without more behind it (`struct btf_type`).
const TYPE_SIZE: usize = 12;
/// `BTF_KIND_FUNC` and `BTF_KIND_FUNC_PROTO`, where the kind stands in `info`.
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;

/// The object with the repaired types and without debug information.
pub(crate) fn with_function_types(object: &[u8]) -> Result<Vec<u8>, String> {
    let mut builder = Builder::read(object).map_err(|error| format!("the BPF object: {error}"))?;
    for section in &mut builder.sections {
        let name = section.name.to_vec();
        if name.starts_with(b".debug") || name.starts_with(b".rel.debug") {
            section.delete = true;
        }
        if name == b".BTF" {
            let SectionData::Data(data) = &section.data else {
                return Err(".BTF holds no data".into());
            };
            section.data = SectionData::Data(repaired(data)?.into());
        }
    }
    builder.delete_orphans();
    // rustc keeps the names of sections and of symbols in one table, the writer does not.
    let names = builder.sections.add();
    names.name = b".shstrtab"[..].into();
    names.sh_type = object::elf::SHT_STRTAB;
    names.data = SectionData::SectionString;
    let mut bytes = Vec::new();
    builder.write(&mut bytes).map_err(|error| format!("writing the BPF object: {error}"))?;
    Ok(bytes)
}

/// `.BTF` with one more type, which all functions have.
fn repaired(btf: &[u8]) -> Result<Vec<u8>, String> {
    let word = |at: usize| {
        let bytes = btf.get(at..).and_then(|rest| rest.first_chunk::<4>());
        bytes.map(|bytes| u32::from_le_bytes(*bytes)).ok_or_else(|| format!(".BTF ends before byte {at}"))
    };
    let [types_at, types_size, strings_at, strings_size] = [word(8)?, word(12)?, word(16)?, word(20)?];
    let types_at = HEADER_SIZE + types_at as usize;
    let count = types_size as usize / TYPE_SIZE;
    let new_type = count as u32 + 1;
    let mut types = Vec::new();
    for index in 0..count {
        let at = types_at + index * TYPE_SIZE;
        let [name, info] = [word(at)?, word(at + 4)?];
        if info >> 24 & 0x1f != FUNC {
            return Err(".BTF has types other than functions: rustc has changed, this repair may not be needed".into());
        }
        // Each is static: a global one would be verified apart from its caller, and forget what the caller knows.
        for word in [name, FUNC << 24, new_type] {
            types.extend(word.to_le_bytes());
        }
    }
    for word in [0, FUNC_PROTO << 24, 0] {
        types.extend(u32::to_le_bytes(word));
    }
    let strings_at = HEADER_SIZE + strings_at as usize;
    let strings = btf.get(strings_at..strings_at + strings_size as usize).ok_or(".BTF ends in its strings")?;
    let size = types.len() as u32;
    let mut repaired = btf[..8].to_vec();
    for word in [0, size, size, strings_size] {
        repaired.extend(word.to_le_bytes());
    }
    repaired.extend(types);
    repaired.extend(strings);
    Ok(repaired)
}
