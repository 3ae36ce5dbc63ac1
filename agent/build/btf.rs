//! Repairs the types of functions in the object, and leaves out what no kernel wants.
//!
//! rustc with line tables names each function in BTF, but gives it a type that is not there; a kernel refuses that, and without
//! types of functions it refuses `bpf_loop`. So each gets the same type: a function without arguments and without result. The lines of
//! the source are left out: they are most of the object, and each kernel would check them at each load.

use object::build::elf::{Builder, SectionData};

/// Bytes of `struct btf_header`, and of `struct btf_ext_header` without what is not needed.
const HEADER_SIZE: usize = 24;
const EXT_HEADER_SIZE: u32 = 24;
/// Bytes of a type without more behind it (`struct btf_type`).
const TYPE_SIZE: usize = 12;
/// Bytes of an entry of the list of functions (`struct bpf_func_info`).
const FUNC_INFO_SIZE: u32 = 8;
/// `BTF_KIND_FUNC` and `BTF_KIND_FUNC_PROTO`, where the kind stands in `info`.
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;

/// The object with the repaired types and without debug information.
pub(crate) fn with_function_types(object: &[u8]) -> Result<Vec<u8>, String> {
    let mut builder = Builder::read(object).map_err(|error| format!("the BPF object: {error}"))?;
    let data = |builder: &Builder<'_>, name: &[u8]| {
        let section = builder.sections.iter().find(|section| section.name.as_slice() == name);
        match section.map(|section| &section.data) {
            Some(SectionData::Data(data)) => Ok(data.to_vec()),
            _ => Err(format!("the BPF object has no {}", String::from_utf8_lossy(name))),
        }
    };
    let (types, functions) = repaired(&data(&builder, b".BTF")?, &data(&builder, b".BTF.ext")?)?;
    for section in &mut builder.sections {
        match section.name.as_slice() {
            b".BTF" => section.data = SectionData::Data(types.clone().into()),
            b".BTF.ext" => section.data = SectionData::Data(functions.clone().into()),
            // Loaders take offsets as they stand in the data.
            b".rel.BTF.ext" => section.delete = true,
            name if name.starts_with(b".debug") || name.starts_with(b".rel.debug") => section.delete = true,
            _ => {}
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

/// `.BTF` with one more type, which all functions have, and `.BTF.ext` with only the list of functions.
fn repaired(btf: &[u8], ext: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let [types_at, types_size] = [word(btf, 8)? as usize, word(btf, 12)? as usize];
    let strings_at = HEADER_SIZE + word(btf, 16)? as usize;
    let mut strings = Strings { old: btf.get(strings_at..).unwrap_or_default(), new: vec![0] };
    let count = types_size / TYPE_SIZE;
    let shared_type = count as u32 + 1;
    let mut types = Vec::new();
    for index in 0..count {
        let at = HEADER_SIZE + types_at + index * TYPE_SIZE;
        if word(btf, at + 4)? >> 24 & 0x1f != FUNC {
            return Err(
                ".BTF has types other than functions: rustc has changed, and this repair may not be needed"
                    .into(),
            );
        }
        // Each is static: a global one would be verified apart from its caller, and forget what the caller knows.
        push(&mut types, &[strings.take_name(word(btf, at)?)?, FUNC << 24, shared_type]);
    }
    push(&mut types, &[0, FUNC_PROTO << 24, 0]);

    // The list of functions: the size of an entry, then for each section its name, how many, and the entries.
    let mut functions = Vec::new();
    let at = (word(ext, 4)? + word(ext, 8)?) as usize;
    let end = at + word(ext, 12)? as usize;
    push(&mut functions, &[word(ext, at)?]);
    if word(ext, at)? != FUNC_INFO_SIZE {
        return Err(".BTF.ext tells of functions in another way than expected".into());
    }
    let mut at = at + 4;
    while at < end {
        let count = word(ext, at + 4)?;
        push(&mut functions, &[strings.take(word(ext, at)?)?, count]);
        at += 8;
        for _ in 0..count * 2 {
            push(&mut functions, &[word(ext, at)?]);
            at += 4;
        }
    }

    let mut new_btf = btf.get(..8).unwrap_or_default().to_vec();
    let size = types.len() as u32;
    push(&mut new_btf, &[0, size, size, strings.new.len() as u32]);
    new_btf.extend(types);
    new_btf.extend(strings.new);
    let mut new_ext = ext.get(..4).unwrap_or_default().to_vec();
    let size = functions.len() as u32;
    push(&mut new_ext, &[EXT_HEADER_SIZE, 0, size, size, 0]);
    new_ext.extend(functions);
    Ok((new_btf, new_ext))
}

/// The strings that are still referred to.
struct Strings<'a> {
    old: &'a [u8],
    new: Vec<u8>,
}

impl Strings<'_> {
    /// Takes a string over; gives its new place.
    fn take(&mut self, old_place: u32) -> Result<u32, String> {
        let string = self.at(old_place)?.to_vec();
        Ok(self.put(string))
    }

    /// The same for the name of a function. Kernels want names as C has them, so what Rust has beyond that becomes `_`.
    fn take_name(&mut self, old_place: u32) -> Result<u32, String> {
        let name = self.at(old_place)?;
        let name = name.iter().map(|byte| if byte.is_ascii_alphanumeric() { *byte } else { b'_' }).collect();
        Ok(self.put(name))
    }

    fn at(&self, old_place: u32) -> Result<&[u8], String> {
        let rest = self.old.get(old_place as usize..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == 0).ok_or(".BTF ends in its strings")?;
        Ok(&rest[..end])
    }

    fn put(&mut self, string: Vec<u8>) -> u32 {
        let place = self.new.len() as u32;
        self.new.extend(string);
        self.new.push(0);
        place
    }
}

fn word(bytes: &[u8], at: usize) -> Result<u32, String> {
    let chunk = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    chunk.map(|bytes| u32::from_le_bytes(*bytes)).ok_or_else(|| format!("types end before byte {at}"))
}

fn push(to: &mut Vec<u8>, words: &[u32]) {
    to.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}
