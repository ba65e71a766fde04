//! Arguments in, a command run, an exit code out.

fn main() {}
