#![allow(unsafe_code)]
//! Inference on a device: tensors stay in its memory, and calls go into its queue.

use super::Runtime;
use super::call::{Real, RowCall, Tensor};
use crate::device::cuda::buffer::Plain;
use crate::device::cuda::{Buffer, Shared, libraries};
use crate::error::{Error, Result};
use ort::ep;
use ort::session::Session;
use ort::session::builder::SessionBuilder;

/// A session on a device, with its prepared call. On a GPU it works on the stream of the machine.
pub(crate) struct DeviceCall {
    // Dropped before the machine whose stream it uses.
    session: Session,
    call: RowCall,
    machine: Shared,
}

impl DeviceCall {
    /// Prepares calls of a session that [`Runtime::on_device`] made the way for.
    pub(crate) fn new(session: Session, machine: &Shared, input: &str, output: &str) -> ort::Result<Self> {
        let call = match machine.ordinal() {
            Some(gpu) => RowCall::on_gpu(input, output, gpu)?,
            None => RowCall::new(input, output)?,
        };
        Ok(Self { session, call, machine: machine.clone() })
    }

    /// Puts the inference of `rows` rows into the queue. Beside each buffer stands the shape of one row.
    ///
    /// # Panics
    /// If a buffer is not `rows` rows long, or lies on another device.
    pub(crate) fn run<I: Real + Plain, O: Real + Plain>(
        &mut self,
        rows: usize,
        (input, in_row): (&Buffer<I>, &[usize]),
        (output, out_row): (&mut Buffer<O>, &[usize]),
    ) -> ort::Result<()> {
        let here = [input.machine(), output.machine()].into_iter().all(|other| other.id() == self.machine.id());
        assert!(here, "tensors of another device");
        let memory = &self.call.memory;
        // What is freed later is freed in the order of the queue, after this call.
        let input = Tensor::over(memory, input.address() as *mut I, input.len(), rows, in_row)?;
        let output = Tensor::over(memory, output.address() as *mut O, output.len(), rows, out_row)?;
        self.call.call(&mut self.session, &input, &output)
    }
}

impl Runtime {
    /// Lets sessions of a builder compute on a device, or refuses it: nothing falls back to the CPU.
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`] that names the library that is missing, or says what ONNX Runtime says.
    pub(crate) fn on_device(&self, builder: SessionBuilder, machine: &Shared) -> Result<SessionBuilder> {
        let (Some(gpu), Some(stream)) = (machine.ordinal(), machine.stream()) else { return Ok(builder) };
        let found = self.cuda_libraries(None)?;
        found.complete()?;
        found.serves_driver()?;
        libraries::preload(&found)?;
        // Products are not shortened to TF32; memory is taken as it is needed, since the rest of the work needs some too.
        // SAFETY: the stream is the machine's, which outlives the session.
        let provider = unsafe { ep::CUDA::default().with_device_id(gpu).with_compute_stream(stream.cast()) }
            .with_tf32(false)
            .with_arena_extend_strategy(ep::ArenaExtendStrategy::SameAsRequested)
            .with_conv_algorithm_search(ep::cuda::ConvAlgorithmSearch::Heuristic);
        builder.with_execution_providers([provider.build().error_on_failure()]).map_err(|e| Error::DeviceUnavailable {
            device: machine.id().to_string(),
            what: format!("ONNX Runtime cannot use it: {}", e.message().trim()),
        })
    }
}
