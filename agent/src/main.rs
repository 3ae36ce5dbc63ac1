//! The binary `saker`.

fn main() -> anyhow::Result<()> {
    Ok(())
}
