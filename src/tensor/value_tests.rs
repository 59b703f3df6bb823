//! Tests of values: what they hold, what is refused, and how long their memory lives.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn a_vector_becomes_a_tensor_without_a_copy() {
    let numbers = vec![1.5_f32, 2.0, 3.0, 4.0, 5.0, 6.0];
    let address = numbers.as_ptr();
    let value = Value::from_vec(numbers, &[2, 3]).unwrap();
    assert_eq!((value.kind(), value.element_type(), value.count()), (Kind::Tensor, Some(ElementType::F32), 6));
    assert_eq!(value.shape(), [2, 3]);
    let other = value.clone();
    drop(value);
    let slice = other.as_slice::<f32>().unwrap();
    assert_eq!((slice.as_ptr(), slice[0], slice[5]), (address, 1.5, 6.0));
    assert_eq!((other.as_slice::<i32>(), other.as_words::<u32>().unwrap()[0]), (None, 1.5_f32.to_bits()));
    assert_eq!(other.as_bytes().unwrap().len(), 24);
    assert_eq!(other.describe(), "f32[2, 3]");
}

/// Counts its drops.
struct Columns {
    first: Vec<u8>,
    second: Vec<u16>,
    drops: Arc<AtomicUsize>,
}

impl Drop for Columns {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn tensors_of_one_owner_keep_it_alive() {
    let drops = Arc::new(AtomicUsize::new(0));
    let columns = Arc::new(Columns { first: vec![1, 2], second: vec![3, 4, 5], drops: Arc::clone(&drops) });
    let first = Value::share(Arc::clone(&columns), |columns| &columns.first, &[2]).unwrap();
    let second = Value::share_as(ElementType::F16, Arc::clone(&columns), |columns| &columns.second, &[3, 1]).unwrap();
    let e = Value::share_as(ElementType::F32, Arc::clone(&columns), |columns| &columns.second, &[3]).unwrap_err();
    assert_eq!(e.code(), 100, "{e}");
    drop(columns);
    assert_eq!((first.as_slice::<u8>().unwrap(), second.as_words::<u16>().unwrap()), (&[1, 2][..], &[3, 4, 5][..]));
    assert_eq!(second.describe(), "f16[3, 1]");
    drop(first);
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    drop(second);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[test]
fn copies_are_aligned_and_sizes_are_checked() {
    for element in ElementType::all().filter(|element| *element != ElementType::String) {
        let bytes: Vec<u8> = (0..u8::try_from(element.bytes(5).unwrap()).unwrap()).collect();
        let value = Value::copy_from(element, &bytes, &[5]).unwrap();
        let found = value.as_bytes().unwrap();
        assert_eq!((found, found.as_ptr().addr() % element.alignment()), (&bytes[..], 0), "{element}");
        let e = Value::copy_from(element, &bytes, &[5, 5]).unwrap_err();
        assert!(e.to_string().contains(&format!("{element}[5, 5]")), "{e}");
    }
    assert!(Value::copy_from(ElementType::String, b"", &[0]).is_err());
    for shape in [&[-1][..], &[i64::MAX, i64::MAX], &[1 << 40, 1 << 40, -1], &[1; 65]] {
        assert!(Value::copy_from(ElementType::U8, b"", shape).is_err(), "{shape:?}");
    }
    assert_eq!(Value::copy_from(ElementType::U8, b"", &[i64::MAX, i64::MAX, 0]).unwrap().count(), 0);
    assert_eq!(Value::copy_from(ElementType::U8, b"x", &[]).unwrap().count(), 1);
    assert_eq!(Value::from_vec(Vec::<f64>::new(), &[0, 3]).unwrap().as_slice::<f64>(), Some(&[][..]));
}

#[test]
fn what_is_no_array_of_numbers() {
    let strings = Value::from_strings(["a", "bc"].into_iter().collect(), &[2, 1]).unwrap();
    assert_eq!((strings.element_type(), strings.count()), (Some(ElementType::String), 2));
    assert_eq!((strings.as_bytes(), strings.as_strings().unwrap().get(1)), (None, Some(&b"bc"[..])));
    assert!(Value::from_strings(["a"].into_iter().collect(), &[2]).is_err());
    let keys = Value::from_vec(vec![7_i64, 8], &[2]).unwrap();
    let map = Value::map(keys.clone(), strings.clone()).unwrap();
    assert_eq!((map.kind(), map.count(), map.describe().as_str()), (Kind::Map, 2, "map of 2"));
    assert_eq!(map.pairs().unwrap().0.as_slice::<i64>(), Some(&[7, 8][..]));
    assert!(Value::map(keys, Value::none()).is_err());
    let sequence = Value::sequence(vec![strings, Value::none()]).unwrap();
    assert_eq!((sequence.kind(), sequence.count(), sequence.element_type()), (Kind::Sequence, 2, None));
    assert_eq!(sequence.items().unwrap()[1].kind(), Kind::None);
    assert!(sequence.shape().is_empty() && sequence.items().unwrap()[0].items().is_none());
}

#[test]
fn values_nest_to_a_depth_that_every_stack_bears() {
    let keys = || Value::from_vec(vec![7_i64], &[1]).unwrap();
    let mut value = Value::none();
    for _ in 0..MOST_DEPTH / 2 {
        value = Value::map(keys(), Value::sequence(vec![value]).unwrap()).unwrap();
    }
    assert_eq!(Value::sequence(vec![Value::none(), value.clone()]).unwrap_err().code(), 100);
    assert!(Value::map(keys(), value.pairs().unwrap().1.clone()).is_ok());
    let full = Value::sequence(vec![value.pairs().unwrap().1.clone()]).unwrap();
    let e = Value::map(keys(), full).unwrap_err();
    assert!(e.code() == 100 && e.to_string().contains("17 deep"), "{e}");
}
