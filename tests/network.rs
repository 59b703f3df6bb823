//! Any ONNX network by named values: every element type, sequences, optionals and maps, what is refused, cancellation,
//! many threads on one network.

use groma::error::Error;
use groma::job::{CancelToken, Job, Monitor};
use groma::model::network::{Network, NetworkOptions};
use groma::runtime::Optimization;
use groma::tensor::{ElementType, Kind, Strings, Value};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

/// A network of the fixtures; `None`, said aloud, where there is no runtime.
fn open(name: &str) -> Option<Network> {
    open_with(name, &NetworkOptions { threads: 1, ..NetworkOptions::default() })
}

fn open_with(name: &str, options: &NetworkOptions) -> Option<Network> {
    match Network::open(&path(name), options) {
        Ok(network) => Some(network),
        Err(e @ Error::RuntimeNotFound { .. }) => {
            eprintln!("SKIPPED: networks, {e}");
            None
        }
        Err(e) => panic!("{name}: {e}"),
    }
}

fn floats(values: &[f32], shape: &[i64]) -> Value {
    Value::from_vec(values.to_vec(), shape).unwrap()
}

fn one(network: &Network, name: &str, value: Value) -> Value {
    let mut outputs = network.run(&[(name, value)], None, None).unwrap();
    assert_eq!(outputs.len(), 1);
    outputs.remove(0)
}

#[test]
fn every_element_type_goes_through() {
    for element in ElementType::all() {
        if [ElementType::C64, ElementType::C128].contains(&element) {
            // ONNX Runtime has no tensors of complex numbers; it says so when it loads the file.
            let refused = Network::open(&path(&format!("values/same_{element}.onnx")), &NetworkOptions::default());
            assert!(matches!(refused, Err(Error::ModelLoad { .. } | Error::RuntimeNotFound { .. })), "{refused:?}");
            continue;
        }
        let Some(network) = open(&format!("values/same_{element}.onnx")) else { return };
        for count in [0_usize, 1, 5] {
            let shape = [i64::try_from(count).unwrap()];
            let value = if element == ElementType::String {
                let strings: [&[u8]; 5] = [b"one", b"", "größe".as_bytes(), b"a\0b", b"\xff\xfe"];
                Value::from_strings(strings[..count].iter().collect(), &shape).unwrap()
            } else {
                // Bits of a byte that belong to no element are zero, and booleans are 0 or 1.
                let mut bytes: Vec<u8> =
                    (1..).map(|i: u8| i.wrapping_mul(0x35)).take(element.bytes(count).unwrap()).collect();
                if element == ElementType::Bool {
                    bytes.iter_mut().for_each(|byte| *byte &= 1);
                }
                if let (0.., Some(last)) = (count, bytes.last_mut()) {
                    let used = count * element.bits() as usize % 8;
                    *last &= if used == 0 { 0xff } else { (1_u8 << used) - 1 };
                }
                Value::copy_from(element, &bytes, &shape).unwrap()
            };
            let given = one(&network, "x", value.clone());
            assert_eq!((given.element_type(), given.shape()), (Some(element), &shape[..]));
            assert_eq!(given.as_bytes(), value.as_bytes(), "{element}");
            assert_eq!(given.as_strings(), value.as_strings());
        }
    }
}

#[test]
fn packed_elements_begin_in_the_low_bits() {
    let numbers = |name: &str, element, bytes: &[u8], count: i64| {
        let value = Value::copy_from(element, bytes, &[count]).unwrap();
        Some(one(&open(&format!("values/unpack_{name}.onnx"))?, "x", value).as_slice::<i32>().unwrap().to_vec())
    };
    let Some(found) = numbers("u4", ElementType::U4, &[0x21, 0xf3, 0x05], 5) else { return };
    assert_eq!(found, [1, 2, 3, 15, 5]);
    assert_eq!(numbers("i4", ElementType::I4, &[0x21, 0xf3, 0x08], 5).unwrap(), [1, 2, 3, -1, -8]);
    assert_eq!(numbers("u2", ElementType::U2, &[0b1110_0100, 0b01], 5).unwrap(), [0, 1, 2, 3, 1]);
    assert_eq!(numbers("i2", ElementType::I2, &[0b1110_0100, 0b01], 5).unwrap(), [0, 1, -2, -1, 1]);
}

#[test]
fn values_outlive_their_network() {
    let Some(network) = open("values/two_by_two.onnx") else { return };
    let x = floats(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3]);
    let outputs = network.run(&[("scale", floats(&[2.0], &[])), ("x", x)], None, None).unwrap();
    let again =
        network.run(&[("x", floats(&[0.0; 3], &[1, 3])), ("scale", floats(&[2.0], &[]))], Some(&["total"]), None);
    drop(network);
    assert_eq!(
        (outputs[0].shape(), outputs[0].as_slice::<f32>().unwrap()),
        (&[2, 2][..], &[7.0, -1.0, 16.0, -1.0][..])
    );
    assert_eq!((outputs[1].shape(), outputs[1].as_slice::<f32>().unwrap()), (&[][..], &[21.0][..]));
    assert_eq!(again.unwrap()[0].as_slice::<f32>().unwrap(), [0.0]);
}

#[test]
fn what_is_handed_through_keeps_its_memory() {
    let Some(network) = open("values/wire.onnx") else { return };
    let numbers = Arc::new(vec![1.0_f32, 2.0, 3.0]);
    let x = Value::share(Arc::clone(&numbers), Vec::as_slice, &[3]).unwrap();
    let given = one(&network, "x", x);
    drop(network);
    assert_eq!(given.as_slice::<f32>().unwrap(), &numbers[..]);
    let shared = given.as_bytes().unwrap().as_ptr().addr() == numbers.as_ptr().addr();
    assert_eq!(Arc::strong_count(&numbers), if shared { 2 } else { 1 }, "what lies in our memory keeps it alive");
    drop(given);
    assert_eq!(Arc::strong_count(&numbers), 1);
}

#[test]
fn a_network_is_described() {
    let Some(network) = open("values/two_by_two.onnx") else { return };
    assert_eq!(
        (network.name(), network.metadata("größe"), network.metadata("?")),
        ("two_by_two.onnx", Some("2"), None)
    );
    assert_eq!(
        (network.input_names(), network.output_names()),
        (vec!["x".into(), "scale".into()], vec!["y".into(), "total".into()])
    );
    let all = network.describe();
    assert_eq!(
        all["inputs"][0],
        serde_json::json!({"name": "x", "kind": "tensor", "element_type": "f32", "shape": ["rows", 3]})
    );
    assert_eq!(all["inputs"][1]["shape"], serde_json::json!([]));
    assert_eq!(all["tensors"], serde_json::json!(["product", "factor", "y", "total"]));
    assert_eq!(all["initializers"][1]["name"], "half");
    assert_eq!(all["metadata"]["author"], "nobody");
    assert_eq!(all["opsets"][0]["version"], 17);
    let Some(maps) = open("values/maps.onnx") else { return };
    assert_eq!(maps.describe()["outputs"][0]["items"]["keys"], "string");
}

#[test]
fn what_does_not_fit_is_named() {
    let Some(network) = open("values/two_by_two.onnx") else { return };
    let x = || floats(&[0.0; 6], &[2, 3]);
    let scale = || floats(&[1.0], &[]);
    let refused = |inputs: &[(&str, Value)], outputs: Option<&[&str]>, subject: &str, part: &str| {
        let e = network.run(inputs, outputs, None).unwrap_err();
        assert_eq!((e.code(), e.subject().as_deref()), (302, Some(subject)), "{e}");
        assert!(e.to_string().contains(part), "{e}");
    };
    refused(&[("x", x())], None, "scale", "missing");
    refused(&[("x", x()), ("scale", scale()), ("X", x())], None, "X", "`x` f32[rows, 3], `scale` f32[]");
    refused(&[("x", x()), ("scale", scale()), ("x", x())], None, "x", "given twice");
    refused(&[("x", floats(&[0.0; 4], &[2, 2])), ("scale", scale())], None, "x", "is f32[2, 2]");
    refused(&[("x", floats(&[0.0; 3], &[3])), ("scale", scale())], None, "x", "is f32[3]");
    let wide = Value::from_vec(vec![0.0_f64; 6], &[2, 3]).unwrap();
    refused(&[("x", wide), ("scale", scale())], None, "x", "is f64[2, 3]");
    refused(&[("x", Value::none()), ("scale", scale())], None, "x", "is none");
    refused(&[("x", Value::sequence(vec![x()]).unwrap()), ("scale", scale())], None, "x", "is sequence of 1");
    refused(&[("x", x()), ("scale", scale())], Some(&["y", "Y"]), "Y", "an output: `y`");
    let outputs = network.run(&[("x", x()), ("scale", scale())], Some(&["total", "y", "total"]), None).unwrap();
    assert_eq!(outputs.iter().map(|value| value.shape().len()).collect::<Vec<_>>(), [0, 2, 0]);
    assert!(network.run(&[("x", x()), ("scale", scale())], Some(&[]), None).unwrap().is_empty());
}

#[test]
fn defaults_may_be_left_out_and_shapes_unsaid() {
    let Some(network) = open("values/default.onnx") else { return };
    assert_eq!(network.input_names(), ["x"]);
    for shape in [&[2][..], &[1, 2], &[2, 1, 1]] {
        let given = one(&network, "x", floats(&[1.0, 2.0], shape));
        assert_eq!((given.as_slice::<f32>().unwrap(), given.shape()), (&[10.0, 20.0][..], shape));
    }
    let inputs = [("x", floats(&[1.0], &[])), ("by", floats(&[3.0], &[1]))];
    assert_eq!(network.run(&inputs, None, None).unwrap()[0].as_slice::<f32>().unwrap(), [3.0]);
}

#[test]
fn sequences_optionals_and_maps() {
    let Some(network) = open("values/sequence_f32.onnx") else { return };
    for count in [0, 1, 3] {
        let items: Vec<Value> = (0..count).map(|i| floats(&vec![0.5; i], &[i64::try_from(i).unwrap()])).collect();
        let given = one(&network, "s", Value::sequence(items).unwrap());
        let shapes: Vec<i64> = given.items().unwrap().iter().map(|item| item.shape()[0]).collect();
        assert_eq!(shapes, (0..i64::try_from(count).unwrap()).collect::<Vec<_>>());
    }
    let wrong = Value::sequence(vec![floats(&[], &[0]), Value::none()]).unwrap();
    let e = network.run(&[("s", wrong)], None, None).unwrap_err();
    assert_eq!(e.subject().as_deref(), Some("s[1]"), "{e}");

    let strings = Value::from_strings(["a\0b", ""].into_iter().collect::<Strings>(), &[2, 1]).unwrap();
    let given = one(
        &open("values/sequence_string.onnx").unwrap(),
        "s",
        Value::sequence(vec![strings.clone(), strings]).unwrap(),
    );
    assert_eq!(given.items().unwrap()[1].as_strings().unwrap().get(0), Some(&b"a\0b"[..]));
    assert_eq!(one(&open("values/sequence_i64.onnx").unwrap(), "s", Value::sequence(vec![]).unwrap()).count(), 0);

    let optional = open("values/optional.onnx").unwrap();
    let is_there = |inputs: &[(&str, Value)]| optional.run(inputs, None, None).unwrap()[0].as_bytes().unwrap()[0];
    assert_eq!(is_there(&[("o", floats(&[1.0], &[1]))]), 1);
    assert_eq!((is_there(&[("o", Value::none())]), is_there(&[])), (0, 0));
    let made = one(&open("values/make_optional.onnx").unwrap(), "x", floats(&[4.0], &[1]));
    assert_eq!(made.as_slice::<f32>(), Some(&[4.0][..]));
    let none = open("values/make_none.onnx").unwrap().run(&[], None, None).unwrap();
    assert_eq!(none[0].kind(), Kind::None);

    let maps = one(&open("values/maps.onnx").unwrap(), "x", floats(&[0.25, 0.75, 1.0, 0.0], &[2, 2]));
    let (keys, values) = maps.items().unwrap()[0].pairs().unwrap();
    let found: Vec<_> = keys.as_strings().unwrap().iter().zip(values.as_slice::<f32>().unwrap()).collect();
    assert!(found.contains(&(b"low", &0.25)) && found.contains(&(b"high", &0.75)), "{found:?}");
}

#[test]
fn tensors_inside_become_outputs_and_weights_are_replaced() {
    let options = NetworkOptions {
        threads: 1,
        extra_outputs: ["factor", "y", "product", "factor"].map(String::from).to_vec(),
        initializers: vec![("half".into(), floats(&[3.0], &[])), ("w".into(), floats(&[1.0; 6], &[3, 2]))],
        ..NetworkOptions::default()
    };
    for optimization in [Optimization::All, Optimization::None, Optimization::Basic, Optimization::Extended] {
        let Some(network) = open_with("values/two_by_two.onnx", &NetworkOptions { optimization, ..options.clone() })
        else {
            return;
        };
        assert_eq!(network.output_names(), ["y", "total", "factor", "product"]);
        let inputs = [("x", floats(&[1.0, 2.0, 3.0], &[1, 3])), ("scale", floats(&[2.0], &[]))];
        let outputs = network.run(&inputs, None, None).unwrap();
        let numbers: Vec<&[f32]> = outputs.iter().map(|value| value.as_slice().unwrap()).collect();
        assert_eq!(numbers, [&[36.0, 36.0][..], &[72.0], &[6.0], &[6.0, 6.0]]);
    }
    let refused = |options: NetworkOptions, code: i32, subject: &str, part: &str| {
        let e = Network::open(&path("values/two_by_two.onnx"), &options).unwrap_err();
        assert_eq!((e.code(), e.subject().as_deref()), (code, Some(subject)), "{e}");
        assert!(e.to_string().contains(part), "{e}");
    };
    let extra = |name: &str| NetworkOptions { extra_outputs: vec![name.into()], ..NetworkOptions::default() };
    refused(extra("facto"), 302, "facto", "`factor`");
    refused(extra("w"), 302, "w", "not in the network");
    let weight =
        |name: &str, value| NetworkOptions { initializers: vec![(name.into(), value)], ..NetworkOptions::default() };
    refused(weight("v", floats(&[3.0], &[])), 302, "v", "`w`");
    refused(weight("half", floats(&[3.0], &[1])), 302, "half", "f32[1]");
    let cuda = NetworkOptions { device: Some("cuda:0".into()), ..NetworkOptions::default() };
    refused(cuda, 400, "cuda:0", "cuda:0");
}

#[test]
fn weights_beside_the_file_are_found() {
    let Some(network) = open("external.onnx") else { return };
    let features = floats(&[1.0, 0.0, 0.0, 0.0, 0.0], &[1, 5]);
    let inside = one(&open("good.onnx").unwrap(), "features", features.clone());
    assert_eq!(one(&network, "features", features).as_slice::<f32>(), inside.as_slice());
}

#[test]
fn weights_beside_a_file_in_memory_are_not_looked_for() {
    let Some(_) = open("good.onnx") else { return };
    let onnx = std::fs::read(path("external.onnx")).unwrap();
    let e = Network::from_bytes("m", onnx.clone(), &NetworkOptions::default()).unwrap_err();
    assert!(e.code() == 300 && e.to_string().contains("open it by its path"), "{e}");
    let e = groma::model::Model::from_bytes("m", onnx, None).unwrap_err();
    assert!(e.code() == 300 && e.to_string().contains("open it by its path"), "{e}");
}

#[test]
fn a_run_that_ends_while_it_is_stopped_is_cancelled() {
    let Some(_) = open("good.onnx") else { return };
    // A single product, in which ONNX Runtime does not look whether to stop.
    let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let kind = field(1, &[1 << 3, 1]);
    let port = |number, name: &str| field(number, &[field(1, name.as_bytes()), field(2, &kind)].concat());
    let node = [field(1, b"x"), field(1, b"x"), field(2, b"y"), field(4, b"MatMul")].concat();
    let graph = [field(1, &node), field(2, b"g"), port(11, "x"), port(12, "y")].concat();
    let onnx = [&[1 << 3, 8][..], &field(7, &graph), &field(8, &[2 << 3, 13])].concat();
    let network = Network::from_bytes("m", onnx, &NetworkOptions { threads: 1, ..Default::default() }).unwrap();
    let x = floats(&vec![0.5; 3000 * 3000], &[3000, 3000]);
    let token = CancelToken::new();
    let monitor = Monitor::new(token.clone());
    let other = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(5));
        token.cancel();
    });
    let result = network.run(&[("x", x)], None, Some(&monitor));
    other.join().unwrap();
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
}

#[test]
fn many_threads_share_one_network() {
    for threads in [1, 2] {
        let options = NetworkOptions { threads, ..NetworkOptions::default() };
        let Some(network) = open_with("network.onnx", &options) else { return };
        let features = |seed: usize| {
            let values: Vec<f32> = (0..5 * 64).map(|i| ((i + seed) as f32).sin()).collect();
            Value::from_vec(values, &[64, 5]).unwrap()
        };
        let expected: Vec<Value> = (0..8).map(|seed| one(&network, "features", features(seed))).collect();
        std::thread::scope(|scope| {
            for (seed, expected) in expected.iter().enumerate() {
                let network = network.clone();
                scope.spawn(move || {
                    for _ in 0..50 {
                        let given = one(&network, "features", features(seed));
                        assert_eq!(given.as_slice::<f32>(), expected.as_slice());
                    }
                });
            }
        });
    }
}

#[test]
fn a_run_is_stopped_and_the_network_goes_on() {
    let Some(network) = open("slow.onnx") else { return };
    let rows = floats(&[0.5; 5], &[1, 5]);
    for _ in 0..3 {
        let token = CancelToken::new();
        let monitor = Monitor::new(token.clone());
        let other = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            token.cancel();
            Instant::now()
        });
        let e = network.run(&[("features", rows.clone())], None, Some(&monitor)).unwrap_err();
        let ended = Instant::now();
        assert!(matches!(e, Error::Cancelled), "{e}");
        let late = ended - other.join().unwrap();
        assert!(late < Duration::from_millis(100), "{late:?} after it was asked to stop");
    }
    let e = Job::new()
        .threads(1)
        .on_progress(|_| std::ops::ControlFlow::Break(()))
        .run(|monitor| network.run(&[("features", rows)], None, Some(monitor)));
    assert!(matches!(e, Err(Error::Cancelled)));
    let e = network.run(&[("features", floats(&[0.5; 4], &[1, 4]))], None, None).unwrap_err();
    assert_eq!(e.code(), 302, "{e}");
}

#[test]
fn files_that_are_none_are_refused() {
    let Some(_) = open("good.onnx") else { return };
    let options = NetworkOptions::default();
    let good = std::fs::read(path("good.onnx")).unwrap();
    for bytes in [&b""[..], b"hello", &good[..good.len() / 2], &[0; 100]] {
        let e = Network::from_bytes("m", bytes.to_vec(), &options).unwrap_err();
        assert_eq!((e.code(), e.subject().as_deref()), (300, Some("m")), "{e}");
    }
    assert!(Network::from_bytes("m", good, &options).is_ok());
    assert_eq!(Network::open(&path("gone.onnx"), &options).unwrap_err().code(), 201);
}
