//! A panic inside the library, and a promise that does not hold, reach a C program as a status. Builds with debug assertions
//! fail so on demand.

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
    for (variable, status, message) in [
        ("GROMA_TEST_PANIC", "901 PANIC", "a panic was caught: groma_cancel_create"),
        ("GROMA_TEST_INTERNAL", "900 INTERNAL", "GROMA_TEST_INTERNAL is set to groma_cancel_create"),
    ] {
        let output = c::succeed(Command::new(&program).env(variable, "groma_cancel_create"));
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], status);
        assert!(lines[1].contains(message), "{text}");
        assert_eq!(lines[2..], ["untouched", &format!("alive {}", &status[..3])]);
    }
    // Other functions are as they are.
    let output = Command::new(&program).env("GROMA_TEST_PANIC", "groma_model_open").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("0 OK\n"));
}
