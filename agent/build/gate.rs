//! The gate: refuses an object that kernels would refuse, and says which function is to blame. Panics above all: an index or a
//! division compiles, and would be found only when somebody loads the object.

use object::{Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget, SectionKind};

/// In the names of all functions that panics begin with: the module of `core`, as symbols spell it.
const PANIC: &str = "4core9panicking";

/// Everything that is wrong with an object; nothing if kernels can load it.
pub(crate) fn faults(bytes: &[u8]) -> Vec<String> {
    let object = match object::File::parse(bytes) {
        Ok(object) => object,
        Err(error) => return vec![format!("no object file: {error}")],
    };
    let mut faults = Vec::new();
    for section in object.sections().filter(|section| section.kind() == SectionKind::Text) {
        let section_name = section.name().unwrap_or("?");
        for (offset, relocation) in section.relocations() {
            let place =
                || format!("{} ({section_name}+{offset:#x})", function_at(&object, section.index(), offset));
            let RelocationTarget::Symbol(index) = relocation.target() else {
                faults.push(format!("{}: a relocation that is to no symbol", place()));
                continue;
            };
            let Ok(symbol) = object.symbol_by_index(index) else {
                faults.push(format!("{}: a relocation to a symbol that is not there", place()));
                continue;
            };
            let name = symbol.name().unwrap_or("?");
            if name.contains(PANIC) {
                faults.push(format!("{}: can panic", place()));
                continue;
            }
            let Some(target) = symbol.section_index().and_then(|index| object.section_by_index(index).ok())
            else {
                faults.push(format!("{}: calls {name}, which the object does not have", place()));
                continue;
            };
            let target_name = target.name().unwrap_or("?");
            let data = [".rodata", ".data", ".bss"].iter().any(|prefix| target_name.starts_with(prefix));
            // In code of its own the object refers to functions that are handed to a helper, never to ones it calls.
            let function = target_name == ".text" && is_address_load(&section, offset);
            if !(data || target_name == "maps" || function) {
                faults.push(format!("{}: refers to {name} in {target_name}", place()));
            }
        }
    }
    for section in object.sections() {
        let name = section.name().unwrap_or("?");
        let data =
            [".rodata", ".data", ".bss", "maps", "license"].iter().any(|prefix| name.starts_with(prefix));
        if data && section.relocations().next().is_some() {
            faults.push(format!("{name}: data that holds addresses"));
        }
    }
    faults
}

/// Whether the instruction at an offset loads an address (`lddw`), as opposed to calling it.
fn is_address_load(section: &object::Section<'_, '_>, offset: u64) -> bool {
    const LDDW: u8 = 0x18;
    let code = section.data().ok().and_then(|data| data.get(usize::try_from(offset).ok()?).copied());
    code == Some(LDDW)
}

/// The function that an offset of a section is in.
fn function_at<'a>(object: &object::File<'a>, section: object::SectionIndex, offset: u64) -> &'a str {
    let functions = object.symbols().filter(|symbol| {
        symbol.section_index() == Some(section)
            && symbol.kind() == object::SymbolKind::Text
            && symbol.address() <= offset
    });
    functions.max_by_key(|symbol| symbol.address()).and_then(|symbol| symbol.name().ok()).unwrap_or("?")
}
