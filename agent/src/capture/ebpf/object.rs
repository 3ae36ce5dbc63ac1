//! The object file with the eBPF probe, which the build put into the agent.

/// The object, or why the build could not make it.
static OBJECT: Result<&[u8], &str> = include!(concat!(env!("OUT_DIR"), "/ebpf_object.rs"));

/// A copy that the loader may write to, aligned as ELF asks for.
pub(super) fn object() -> Result<Vec<u8>, super::Error> {
    OBJECT.map(<[u8]>::to_vec).map_err(super::Error::NotBuilt)
}
