//! A panic inside the library reaches a C program as a status. Builds with debug assertions know how to panic on demand.

#![cfg(all(target_os = "linux", debug_assertions))]

mod c;

use std::process::Command;

#[test]
fn a_c_program_survives_a_panic() {
    let folder = c::folder("capi-panic");
    let program = folder.join("panic");
    if !c::build("c99", &c::root().join("tests/c/panic.c"), &program) {
        return;
    }
    let output = c::succeed(Command::new(&program).env("GROMA_TEST_PANIC", "groma_cancel_create"));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "901 PANIC");
    assert!(lines[1].contains("a panic was caught: groma_cancel_create"), "{text}");
    assert_eq!(lines[2..], ["untouched", "alive 901"]);
}
