//! The binary `saker`: everything happens in [`saker::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    saker::cli::main()
}
