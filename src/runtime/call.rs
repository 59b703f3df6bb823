#![allow(unsafe_code)]
//! One inference over the caller's own memory: no copy in, no copy out.

use half::f16;
use ort::AsPointer;
use ort::memory::MemoryInfo;
use ort::session::{RunOptions, Session};
use ort::sys::{ONNXTensorElementDataType, OrtValue};
use std::ffi::CString;

/// A floating-point type that rows come in.
pub(crate) trait Real: Copy {
    /// ONNX Runtime's name of it.
    const TYPE: ONNXTensorElementDataType;
}

impl Real for f16 {
    const TYPE: ONNXTensorElementDataType = ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16;
}

impl Real for f32 {
    const TYPE: ONNXTensorElementDataType = ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
}

impl Real for f64 {
    const TYPE: ONNXTensorElementDataType = ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE;
}

/// A call of a model that gives each row of its input a row of its output: tensor names and options, made once.
///
/// `ort`'s own way to hand over an output to be written in place takes owned tensors only, and its binding of borrowed
/// inputs hangs; this goes to the C API directly.
pub(crate) struct RowCall {
    input: CString,
    output: CString,
    pub(super) memory: MemoryInfo<'static>,
    options: RunOptions,
}

impl RowCall {
    /// Prepares calls that feed `input` and fetch `output`.
    pub(crate) fn new(input: &str, output: &str) -> ort::Result<Self> {
        Ok(Self {
            input: CString::new(input)?,
            output: CString::new(output)?,
            memory: MemoryInfo::default(),
            options: RunOptions::new()?,
        })
    }

    /// Runs `session` on `rows` rows; the output is written straight into `output`. Beside each slice stands the shape of
    /// one row.
    ///
    /// # Panics
    /// If a slice is not `rows` rows long.
    pub(crate) fn run<I: Real, O: Real>(
        &self,
        session: &mut Session,
        rows: usize,
        (input, in_row): (&[I], &[usize]),
        (output, out_row): (&mut [O], &[usize]),
    ) -> ort::Result<()> {
        let input = Tensor::over(&self.memory, input.as_ptr().cast_mut(), input.len(), rows, in_row)?;
        let output = Tensor::over(&self.memory, output.as_mut_ptr(), output.len(), rows, out_row)?;
        self.call(session, &input, &output)
    }

    /// Runs `session` on tensors of its own kind of memory.
    pub(super) fn call(&self, session: &mut Session, input: &Tensor, output: &Tensor) -> ort::Result<()> {
        let mut outputs = [output.0];
        // SAFETY: one name and one value on each side; all pointers live until the call returns, and it keeps none. ONNX
        // Runtime reads inputs only, never writes them. It checks the output's shape before it writes there.
        unsafe {
            let status = (ort::api().Run)(
                session.ptr_mut(),
                self.options.ptr(),
                [self.input.as_ptr()].as_ptr(),
                [input.0.cast_const()].as_ptr(),
                1,
                [self.output.as_ptr()].as_ptr(),
                1,
                outputs.as_mut_ptr(),
            );
            ort::Error::result_from_status(status)
        }
    }

    /// Prepares calls on tensors in the memory of a GPU, by its number; they return before the GPU has done them, as the session
    /// works on the caller's stream.
    #[cfg(feature = "cuda")]
    pub(super) fn on_gpu(input: &str, output: &str, gpu: i32) -> ort::Result<Self> {
        use ort::memory::{AllocationDevice, AllocatorType, MemoryType};
        let mut options = RunOptions::new()?;
        options.disable_device_sync()?;
        let memory = MemoryInfo::new(AllocationDevice::CUDA, gpu, AllocatorType::Device, MemoryType::Default)?;
        Ok(Self { input: CString::new(input)?, output: CString::new(output)?, memory, options })
    }

    /// Makes a run of this call in another thread end soon, with an error; runs after it end at once, until
    /// [`resume`](Self::resume).
    pub(crate) fn terminate(&self) -> ort::Result<()> {
        self.options.terminate()
    }

    /// Takes [`terminate`](Self::terminate) back.
    pub(crate) fn resume(&self) -> ort::Result<()> {
        self.options.unterminate()
    }
}

/// A tensor value over memory that it does not own.
pub(super) struct Tensor(*mut OrtValue);

impl Tensor {
    pub(super) fn over<T: Real>(
        memory: &MemoryInfo<'_>,
        data: *mut T,
        length: usize,
        rows: usize,
        row: &[usize],
    ) -> ort::Result<Self> {
        let shape = || std::iter::once(&rows).chain(row);
        let needed = shape().try_fold(1usize, |product, &n| product.checked_mul(n));
        assert_eq!(Some(length), needed, "a tensor over memory of another size");
        let shape: Vec<i64> = shape().map(|&n| i64::try_from(n).expect("a slice's length fits i64")).collect();
        let mut value = std::ptr::null_mut();
        // SAFETY: the memory holds exactly as many values as the shape says; the value does not outlive the call it is
        // made for, during which the caller's slices are borrowed.
        unsafe {
            let status = (ort::api().CreateTensorWithDataAsOrtValue)(
                memory.ptr(),
                data.cast(),
                length * size_of::<T>(),
                shape.as_ptr(),
                shape.len(),
                T::TYPE,
                &mut value,
            );
            ort::Error::result_from_status(status)?;
        }
        Ok(Self(value))
    }
}

impl Drop for Tensor {
    fn drop(&mut self) {
        // SAFETY: the value was made by `over` and is released once.
        unsafe { (ort::api().ReleaseValue)(self.0) };
    }
}
