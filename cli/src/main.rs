//! The `umoja` command: see `umoja --help`.

fn main() -> std::process::ExitCode {
    umoja_cli::main()
}
